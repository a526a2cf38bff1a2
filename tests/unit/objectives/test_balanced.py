"""An objective among the gradients that a balancer compares."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from plait.balancing import PCGrad
from plait.objectives import Align, Consistency, Reconstruct
from tests.unit.inference import tiny
from tests.unit.objectives.rows import declared, tasks, trained
from tests.unit.training.test_train import THREE_STEPS

ONE_STEP = replace(THREE_STEPS, batch_size=tiny.ROWS)


def told(objective, level="representation"):
    made = trained(declared(objective), ONE_STEP, balancing=PCGrad(level=level))
    (epoch,) = made.history
    return epoch.logs


@pytest.fixture(scope="module")
def logs():
    return told(Consistency("deal", "sold", weight=3.0))


@pytest.mark.backends
def test_it_is_a_row_of_the_balancing_problem(logs):
    for task in tasks():
        cosine = logs[f"cosine_{task}_signal"]
        assert np.isfinite(cosine)
        assert 0.01 < abs(cosine) < 0.999
    assert logs["signal_share"] > 0
    assert logs["signal_weight"] > 0
    shares = [logs[f"{name}_share"] for name in (*tasks(), "signal")]
    assert sum(shares) == pytest.approx(1, abs=1e-5)


@pytest.mark.backends
def test_the_tasks_gradients_are_compared_where_they_were_without_it(logs):
    """See docs/decisions/0022: what it reads of a task is a call of the head that is its own."""
    without = told(None)
    pairs = list(combinations(tasks(), 2))
    assert len(pairs) == 3
    for a, b in pairs:
        name = f"cosine_{a}_{b}"
        assert abs(without[name]) > 0.01
        assert logs[name] == pytest.approx(without[name], rel=1e-4)


@pytest.mark.parametrize(
    "objective",
    [Align("photo", "note"), Reconstruct("note", share=0.3)],
    ids=["align", "reconstruct"],
)
def test_what_reads_features_is_a_row_over_the_shared_variables(objective):
    logs = told(objective, level="parameters")
    for task in tasks():
        assert 1e-4 < abs(logs[f"cosine_{task}_signal"]) < 0.999
    assert logs["signal_share"] > 0
    assert logs["signal_weight"] > 0
