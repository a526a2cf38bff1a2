import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.tasks._scale import Scale, normal_quantiles

ONES = np.ones(5)
VALUES = np.array([0.0, 1.0, 3.0, 10.0, 500.0])


def test_standardises_by_weighted_mean_and_deviation():
    scale = Scale.fit(np.array([1.0, 5.0]), np.array([3.0, 1.0]), None)
    assert (scale.mean, scale.std) == (2.0, pytest.approx(np.sqrt(3)))


def test_log_takes_zero_and_never_answers_below_it():
    scale = Scale.fit(VALUES, ONES, "log")
    assert scale.mean == pytest.approx(np.log1p(VALUES).mean())
    answers = scale.inverse(np.array([-1e30, 1e30]))
    assert answers[0] == 0
    assert np.isfinite(answers).all()


def test_quantile_of_two_values_is_their_normal_scores():
    """Ranks of 1/4 and 3/4 of the weight: scores of -0.6745 and 0.6745."""
    knots, scores = normal_quantiles(np.array([7.0, 3.0]), np.ones(2))
    assert knots == (3.0, 7.0)
    assert scores == pytest.approx((-0.67449, 0.67449), abs=1e-5)


def test_quantile_stays_in_the_range_of_the_training_labels():
    scale = Scale.fit(VALUES, ONES, "quantile")
    np.testing.assert_array_equal(scale.inverse(np.array([-99.0, 99.0])), [0.0, 500.0])
    np.testing.assert_array_equal(scale.forward(np.array([-99.0])), scale.forward(np.array([0.0])))


def test_quantile_of_many_values_is_normal_by_few_knots():
    values = np.random.default_rng(0).lognormal(size=20_000) ** 3
    scale = Scale.fit(values, np.ones(len(values)), "quantile")
    assert len(scale.knots) <= 1000
    assert (scale.knots[0], scale.knots[-1]) == (values.min(), values.max())
    scaled = np.sort(scale.forward(values))
    np.testing.assert_allclose(
        scaled[[455, 3173, 10_000, 16_827, 19_545]], [-2, -1, 0, 1, 2], atol=0.02
    )


@pytest.mark.parametrize("transform", [None, "log", "quantile"])
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30, unique=True))
def test_inverse_undoes_forward_and_rises(transform, values):
    values = np.sort(np.round(values, 3))
    if values[0] == values[-1]:
        values = np.array([0.0, 1.0])
    scale = Scale.fit(values, np.ones(len(values)), transform)
    again = Scale.from_state(json.loads(json.dumps(scale.state())))
    np.testing.assert_allclose(again.inverse(scale.forward(values)), values, rtol=1e-6, atol=1e-6)
    assert (np.diff(scale.inverse(np.linspace(-3, 3, 50))) >= 0).all()
