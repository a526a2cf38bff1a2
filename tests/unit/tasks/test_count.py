import numpy as np
import pytest
import scipy.stats
from keras import ops

from plait.errors import ConfigError, DataError
from plait.tasks import Count
from plait.tasks._count_loss import CountSurprise, surprise
from tests.unit.tasks.columns import column_of


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (-2, r"whole numbers from 0 up. Received: -2\. .*declare Regression\(\)"),
        (1.5, r"whole numbers from 0 up. Received: 1.5\. .*declare Regression\(\)"),
        (np.inf, r"finite numbers. Received: inf"),
    ],
)
def test_what_is_no_count_is_named(cell, said):
    task = Count().fit(column_of([0.0, 2.0]))
    for read in (Count().fit, task.targets, lambda c: task.scores(np.zeros((3, 2)), c)):
        with pytest.raises(DataError, match=rf"row 3 of train.csv: Count expects {said}"):
            read(column_of([1.0, None, cell]))


def test_counts_that_are_all_the_same_are_refused():
    with pytest.raises(DataError, match=r"every label of the training rows is 0\.0\. Count"):
        Count().fit(column_of([0, 0]))


@pytest.mark.parametrize("wrong", [{"distribution": "binomial"}, {"interval": 1.0}])
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is .* Received: "):
        Count(**wrong)


@pytest.mark.parametrize("dispersion", [1e-5, 0.02, 1.0, 30.0])
def test_the_loss_is_the_likelihood_of_the_negative_binomial_distribution(dispersion):
    """Up to what depends on the count alone: there a Poisson distribution has its mean."""
    counts = np.array([0.0, 1, 2, 7, 400, 70_000])
    means = np.array([0.01, 3, 2, 0.5, 390, 65_000])
    logits = np.stack([np.log(means), np.full(6, np.log(dispersion))], axis=1)
    size = 1 / dispersion
    ours = scipy.stats.nbinom.logpmf(counts, size, size / (size + means))
    expected = scipy.stats.poisson.logpmf(counts, counts) - ours
    np.testing.assert_allclose(surprise(counts, logits, np), expected, rtol=1e-6, atol=1e-7)
    given = CountSurprise(2.0).call(
        ops.convert_to_tensor(counts, "float32"), ops.convert_to_tensor(logits, "float32")
    )
    # The last digits of y log y are all that float32 leaves of a large count's loss.
    apart = np.abs(2 * ops.convert_to_numpy(given) - expected)
    assert (apart <= 1e-4 + 4e-7 * counts * np.log1p(counts)).all()


def test_the_poisson_loss_is_half_of_the_deviance():
    """A count of 2 where 1 is expected: 2 log 2 - 1; none where 3 are: 3."""
    given = CountSurprise().call(
        ops.convert_to_tensor([2.0, 0.0]), ops.convert_to_tensor([[0.0], [np.log(3)]], "float32")
    )
    np.testing.assert_allclose(ops.convert_to_numpy(given), [2 * np.log(2) - 1, 3], rtol=1e-6)


def test_decodes_the_mean_and_quantiles():
    poisson = Count(distribution="poisson").fit(column_of([0, 2]))
    answers = poisson.decode(np.array([[np.log(4)], [-9.0]]))
    # Of a mean of 4, .092 is at most 1, .238 at most 2, .629 at most 4, .889 at most 6.
    expected = {"": [4, np.exp(-9)], "median": [4, 0], "low": [2, 0], "high": [7, 0]}
    for name, values in expected.items():
        assert answers[name].to_pylist() == pytest.approx(values), name
    wide = Count(interval=0.9).fit(column_of([0, 2])).decode(np.array([[np.log(10), np.log(2)]]))
    found = [wide[name].to_pylist()[0] for name in ("median", "low", "high")]
    given = scipy.stats.nbinom(0.5, 0.5 / 10.5)
    assert found == [given.ppf(q) for q in (0.5, 0.05, 0.95)]
    assert found[1] == 0 < found[0] < 10 < found[2]


def test_scores_by_hand():
    """A mean of 1 for counts of 0, 1 and 4; four of five lie from 0 to 2."""
    task = Count(distribution="poisson").fit(column_of([0, 1, 4, 3]))
    scores = task.scores(np.zeros((3, 1)), column_of([0, 1, 4]))
    assert scores == pytest.approx(
        {
            "mae": 4 / 3,
            "rmse": np.sqrt(10 / 3),
            "deviance": 2 * (1 + 0 + 4 * np.log(4) - 3) / 3,
            "median_mae": 4 / 3,
            "coverage": 2 / 3,
        }
    )
    assert task.gain({"deviance": task.learnt["trivial_deviance"] / 2}) == pytest.approx(0.5)


def test_a_negative_binomial_begins_as_spread_as_the_labels():
    """A mean of 3 and a variance of 12: 9 beyond the Poisson one, which is the mean squared."""
    cells = [0.0] * 4 + [12.0] + [3.0] * 3
    values = np.array(cells)
    mean, variance = values.mean(), values.var()
    task = Count().fit(column_of(cells))
    assert task.learnt["prior"] == pytest.approx(
        [np.log(mean), np.log(variance / mean**2 - 1 / mean)]
    )
