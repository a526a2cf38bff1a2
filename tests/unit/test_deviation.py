import numpy as np
import pytest

from plait._deviation import deviation
from plait.features._standard import moments


def test_by_hand():
    values = np.array([1.0, 3.0, 8.0])
    assert deviation(values, 4.0) == pytest.approx(np.sqrt(26 / 3))
    assert deviation(values, 2.0, np.array([1.0, 1.0, 0.0])) == pytest.approx(1)


@pytest.mark.parametrize("number", [0.0, 0.1, -1e300, 1e-300])
def test_numbers_that_are_the_same_have_a_unit(number):
    values = np.full(11, number)
    assert deviation(values, float(np.mean(values / 11) * 11)) == 1
    assert moments(values)[1] == 1


def test_what_differs_a_little_has_its_own():
    values = 1.7e9 + np.array([0.0, 2.0])
    assert deviation(values, 1.7e9 + 1) == pytest.approx(1)
    assert moments(np.array([1e-30, 3e-30])) == pytest.approx((2e-30, 1e-30))


def test_squares_of_large_numbers_stay_finite():
    assert deviation(np.array([-1e300, 1e300]), 0.0) == pytest.approx(1e300)
