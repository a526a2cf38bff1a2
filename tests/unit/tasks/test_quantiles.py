import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError, DataError
from plait.tasks import Quantiles
from plait.tasks._pinball import Pinball
from tests.unit.tasks.columns import column_of

CELLS = [float(n) for n in range(1, 11)]


def test_the_pinball_loss_by_hand():
    """Of 3, quantiles 1 and 7 at .25 and .75: a quarter of 2 and of 4, halved; the scale is 2."""
    given = Pinball([0.25, 0.75], 2.0).call(
        ops.convert_to_tensor([3.0]), ops.convert_to_tensor([[1.0, 7.0]])
    )
    np.testing.assert_allclose(ops.convert_to_numpy(given), [(0.5 + 1.0) / 2 / 2])


def test_a_new_head_answers_with_the_training_quantiles():
    task = Quantiles(levels=(0.1, 0.5, 0.8)).fit(column_of(CELLS))
    answers = task.decode(np.array([task.head().prior]))
    assert answers["quantiles"][0].as_py() == pytest.approx({"0.1": 1, "0.5": 5, "0.8": 8})
    for name, value in {"": 5, "low": 1, "high": 8}.items():
        assert answers[name].to_pylist() == pytest.approx([value])


def test_steps_start_from_the_median():
    assert Quantiles(levels=(0.5, 0.9)).fit(column_of(CELLS)).head().middle == 0
    assert Quantiles(levels=(0.1, 0.2, 0.5)).fit(column_of(CELLS)).head().middle == 2


@pytest.mark.parametrize("transform", [None, "log", "quantile"])
def test_quantiles_of_any_scale_do_not_cross(transform):
    task = Quantiles(levels=(0.05, 0.25, 0.5, 0.95), transform=transform).fit(column_of(CELLS))
    logits = np.sort(np.random.default_rng(0).normal(0, 3, (50, 4)), axis=1)
    rows = np.array([list(row.values()) for row in task.decode(logits)["quantiles"].to_pylist()])
    assert (np.diff(rows) >= 0).all()


def test_equal_training_quantiles_begin_a_little_apart():
    task = Quantiles().fit(column_of([0.0] * 9 + [1.0]))
    assert (np.diff(task.head().prior) > 0).all()


def test_scores_by_hand():
    """0 to 4, and 2 amid, for 1, 2 and 6: two inside, at 1, 0 and 4 from the middle."""
    task = Quantiles(levels=(0.25, 0.5, 0.75)).fit(column_of(CELLS))
    scale = task.learnt["scale"]
    logits = (np.array([[0.0, 2, 4]] * 3) - scale["mean"]) / scale["std"]
    scores = task.scores(logits, column_of([1.0, 2.0, 6.0]))
    pinball = [(0.25 + 0.5 + 0.75) / 3, (0.5 + 0 + 0.5) / 3, (1.5 + 2 + 1.5) / 3]
    expected = {"mae": 5 / 3, "pinball": np.mean(pinball), "coverage": 2 / 3, "width": 4}
    assert scores == pytest.approx(expected)
    half = {"pinball": task.learnt["trivial_pinball"] / 2}
    assert task.gain(half) == pytest.approx(0.5)


def test_labels_that_no_scale_takes_are_named():
    for read in (Quantiles(transform="log").fit, Quantiles().fit):
        with pytest.raises(DataError, match="Quantiles"):
            read(column_of([-1.0, -1.0]))
    with pytest.raises(DataError, match=r"row 2 .*Quantiles expects numbers. Received: 'x'"):
        Quantiles().fit(column_of(["1", "x"]))


@pytest.mark.parametrize(
    "levels", [(0.5,), (0.1, 0.9), (0.9, 0.5, 0.1), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5, 0.9)]
)
def test_levels_rise_around_the_median(levels):
    with pytest.raises(ConfigError, match=r"levels rise .* Received"):
        Quantiles(levels=levels)
    with pytest.raises(ConfigError, match="transform is"):
        Quantiles(transform="sqrt")
