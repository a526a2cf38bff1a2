"""Groups of tasks by what they do for each other."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.errors import ConfigError
from plait.training import groups_by_affinity, measured_affinity
from plait.training._groups import _climbed, _partitions, _score

TASKS = ["a", "b", "c", "d"]


def test_a_tasks_score_is_the_mean_of_what_the_others_do_for_it():
    affinity = np.array([[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]])
    # a: (3 + 5) / 2, b: (1 + 6) / 2, c: (2 + 4) / 2; what a step does for its own task has no say.
    assert _score(affinity, (0, 0, 0)) == pytest.approx(4 + 3.5 + 3)
    assert _score(affinity, (0, 0, 1)) == pytest.approx(3 + 1)
    assert _score(affinity, (0, 1, 2)) == 0


def test_pairs_that_help_each_other_are_found():
    affinity = np.full((4, 4), -0.1)
    for i, j in ((0, 2), (1, 3)):
        affinity[i, j] = affinity[j, i] = 1.0
    assert groups_by_affinity(affinity, TASKS, 3) == [["a", "c"], ["b", "d"]]


def test_a_task_that_all_others_hurt_is_alone():
    affinity = np.full((4, 4), 0.5)
    affinity[:3, 3] = -1.0
    assert groups_by_affinity(affinity, TASKS, 2) == [["a", "b", "c"], ["d"]]


def test_tasks_that_help_alike_have_one_trunk():
    assert groups_by_affinity(np.full((4, 4), 0.5), TASKS, 3) == [TASKS]


def test_no_more_groups_than_allowed():
    affinity = np.full((4, 4), -1.0)
    assert len(groups_by_affinity(affinity, TASKS, 4)) == 4
    assert len(groups_by_affinity(affinity, TASKS, 3)) == 3


def test_each_partition_comes_once():
    # The numbers of E. T. Bell: 1, 2, 5, 15, 52.
    for count, number in enumerate((1, 2, 5, 15, 52), 1):
        found = list(_partitions(count, count))
        assert len(found) == len(set(found)) == number
    # Of four things into at most two groups: 8.
    assert len(list(_partitions(4, 2))) == 8


@pytest.mark.parametrize("seed", range(5))
def test_of_many_tasks_what_no_single_move_betters(seed):
    rng = np.random.default_rng(seed)
    affinity = rng.normal(size=(8, 8))
    found = _climbed(affinity, 3)
    best = max(_score(affinity, p) for p in _partitions(8, 3))
    score = _score(affinity, found)
    assert _score(affinity, (0,) * 8) <= score <= best + 1e-9
    for i in range(8):
        for g in range(3):
            assert _score(affinity, (*found[:i], g, *found[i + 1 :])) <= score + 1e-9
    many = rng.normal(size=(20, 20))
    groups = groups_by_affinity(many, [f"t{i}" for i in range(20)], 3)
    assert sorted(t for group in groups for t in group) == sorted(f"t{i}" for i in range(20))


def test_the_mean_over_epochs_is_read_of_a_run(tmp_path):
    names = [f"affinity_{i}_on_{j}" for i in "ab" for j in "ab"]
    rows = {name: [float(n), float(n) + 2, float("nan")] for n, name in enumerate(names)}
    pq.write_table(pa.table({**rows, names[1]: [np.nan] * 3}), tmp_path / "history.parquet")
    np.testing.assert_allclose(measured_affinity(tmp_path, ["a", "b"]), [[1, 0], [3, 4]])
    with pytest.raises(ConfigError, match="has not measured"):
        measured_affinity(tmp_path, ["a", "c"])
