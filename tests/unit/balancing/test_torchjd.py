"""The weights of TorchJD, in float64, for the same gradients in the same order.

Runs where torch is installed: with `make test-backends`, which runs it on JAX, too.
"""

import functools

import keras
import numpy as np
import pytest

import plait
from tests.unit.balancing.problems import (
    PROBLEM,
    SCALES,
    distance,
    meetings,
    weighed,
)
from tests.unit.balancing.problems import (
    expected as expected_of,
)
from tests.unit.balancing.with_memory import gramians_of, rows_of, take_steps

torch = pytest.importorskip("torch")
aggregation = pytest.importorskip("torchjd.aggregation")
STEPS, TASKS = 4, 5


def exact():
    pytest.importorskip("qpsolvers")
    from torchjd.linalg import QuadprogProjector

    return QuadprogProjector(norm_eps=1e-30, reg_eps=1e-7)


def cagrad():
    pytest.importorskip("cvxpy")
    return aggregation.CAGradWeighting(c=0.4, norm_eps=1e-8)


SLACK = 3
"""Another LAPACK may round one problem or another to the other side of the tolerance."""
# TorchJD's weighting with plait's constants, and how many of the 200 problems it solves to the
# tolerance; only these are compared. Its solvers stop by absolute numbers, and count as 0 what plait
# does not, or the other way round: CAGrad's weights are all 0 there where g_w is short.
PEERS = {
    "MGDA": (lambda: aggregation.MGDAWeighting(epsilon=1e-9, max_iters=200), 97),
    "PCGrad": (aggregation.PCGradWeighting, 200),
    "UPGrad": (lambda: aggregation.UPGradWeighting(projector=exact()), 200),
    "DualProj": (lambda: aggregation.DualProjWeighting(projector=exact()), 200),
    "CAGrad": (cagrad, 127),
    "NashMTL": (lambda: aggregation.FairGradWeighting(alpha=1.0), 99),
    "FairGrad 0.5": (lambda: aggregation.FairGradWeighting(alpha=0.5), 116),
    "FairGrad 2.0": (lambda: aggregation.FairGradWeighting(alpha=2.0), 88),
    "IMTLG": (aggregation.IMTLGWeighting, 92),
    "PCD": (lambda: aggregation.PCDWeighting(tau=0.3, eps=0.0), 179),
    **{
        f"AlignedMTL {scale}": (
            functools.partial(aggregation.AlignedMTLWeighting, scale_mode=scale),
            124,
        )
        for scale in SCALES
    },
}
all_problems = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="only on JAX are all problems solved"
)


def compare(name, weigh):
    """How many of the problems TorchJD solves to the tolerance; in these its answer must be plait's.

    Args:
        weigh: from the gradients to TorchJD's weights.
    """
    solved = 0
    for (_, rows), found, best in zip(PROBLEM, weighed(name), expected_of(name), strict=True):
        if best is not None:
            other = weigh(rows)
            if distance(other, best, rows) <= 1:
                solved += 1
                assert distance(found, other, rows) <= 1
    return solved


@all_problems
@pytest.mark.parametrize("name", PEERS)
def test_problems(name, monkeypatch):
    make, solved = PEERS[name]

    def weigh(rows):
        orders = iter(meetings(np.arange(len(rows)), 0))
        monkeypatch.setattr(torch, "randperm", lambda _: torch.tensor(next(orders)))
        return make()(torch.tensor(rows @ rows.T)).numpy().astype(float)

    assert compare(name, weigh) >= solved - SLACK


@all_problems
def test_problems_of_config():
    """It makes a direction, whose weights are those of the least norm."""

    def weigh(rows):
        direction = aggregation.ConFIG()(torch.tensor(rows)).numpy()
        return np.linalg.lstsq(rows.T, direction, rcond=None)[0]

    assert compare("ConFIG", weigh) >= 148 - SLACK


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
