"""The weights of TorchJD, in float64, for the same gradients in the same order.

Runs where torch is installed: with `make test-backends`.
"""

import numpy as np
import pytest

import plait
from tests.unit.balancing.with_memory import gramians_of, rows_of, take_steps

torch = pytest.importorskip("torch")
aggregation = pytest.importorskip("torchjd.aggregation")
pytestmark = pytest.mark.backends
STEPS, TASKS = 4, 5


def theirs(weighting, matrices):
    return np.array([weighting(torch.tensor(m, dtype=torch.float64)).numpy() for m in matrices])


def close(found, expected, rtol=1e-4):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("count", [2, TASKS])
def test_gradvac(monkeypatch, count):
    monkeypatch.setattr(
        "plait.balancing.weighting._gradvac.random_meetings",
        lambda seed, context: np.tile(np.arange(count, dtype="int32"), (count, 1)),
    )
    monkeypatch.setattr(torch, "randperm", torch.arange)
    gramians = gramians_of(STEPS, count, agree=0.7)
    expected = theirs(aggregation.GradVacWeighting(beta=0.5), gramians)
    close(take_steps(plait.GradVac(beta=0.5, seed=99), gramians), expected)


@pytest.mark.parametrize("count", [2, 3, TASKS, 10])
@pytest.mark.parametrize("agree", [0.0, 1.0])
def test_pcd(count, agree):
    gramians = gramians_of(STEPS, count, agree=agree)
    expected = theirs(aggregation.PCDWeighting(tau=0.3, beta=0.9), gramians)
    close(take_steps(plait.PCD(primary="a", tau=0.3, beta=0.9), gramians), expected)


def test_pcd_of_linearly_dependent_gradients():
    """Of which the weights are not unique, but their direction is."""
    rows = rows_of(STEPS, 8)
    rows[:, 1::2] = 1.5 * rows[:, ::2]
    gramians = rows @ rows.transpose(0, 2, 1)
    expected = theirs(aggregation.PCDWeighting(tau=0.3), gramians)
    found = take_steps(plait.PCD(primary="a", tau=0.3), gramians)
    close(np.einsum("st,stp->sp", found, rows), np.einsum("st,stp->sp", expected, rows))


@pytest.mark.parametrize("learning_rate", [0.3, 10.0])
def test_sdmgrad(learning_rate):
    one, other = rows_of(STEPS, TASKS, agree=1.0), rows_of(STEPS, TASKS, seed=1, agree=1.0)
    matrices = one @ other.transpose(0, 2, 1)
    expected = theirs(aggregation.SDMGradWeighting(lr=learning_rate), matrices)
    close(take_steps(plait.SDMGrad(learning_rate=learning_rate), matrices), expected)


def test_crmogm():
    gramians = gramians_of(STEPS, TASKS)
    expected = theirs(aggregation.CRMOGMWeighting(aggregation.PCDWeighting(tau=0.3), 0.7), gramians)
    close(take_steps(plait.CRMOGM(plait.PCD("a", tau=0.3), alpha=0.7), gramians), expected)
