import math

import pytest

from plait.comparison._statistics import difference, front, interval


def test_students_interval_by_hand():
    found = interval([1.0, 2.0, 3.0])
    # t of 2 degrees of freedom at .975 is 4.3027, the deviation 1.
    assert (found.mean, found.count) == (2.0, 3)
    assert found.half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert (found.low, found.high) == (found.mean - found.half, found.mean + found.half)


def test_several_claims_make_each_interval_wider():
    # t of 2 degrees of freedom at 1 - .025 / 5 is 9.9248.
    assert interval([1.0, 2.0, 3.0], others=5).half == pytest.approx(
        9.924843 / math.sqrt(3), rel=1e-6
    )


def test_one_value_has_no_spread_and_none_no_mean():
    assert interval([3.0]).half == math.inf
    assert not interval([3.0]).is_above_zero
    assert math.isnan(interval([]).mean)


def test_values_that_are_all_the_same_tell_nothing_of_their_spread():
    assert interval([0.1, 0.1, 0.1]).half == math.inf
    assert interval([0.0, 0.0]).half == 0


def test_differences_are_of_the_same_seeds():
    one = {0: 0.9, 1: 0.501, 2: 0.7, 7: 0.0}
    other = {0: 0.8, 1: 0.4, 2: 0.6, 8: 9.0}
    found = difference(one, other)
    assert found.count == 3
    # The seeds differ widely, the pairs hardly.
    assert found.is_above_zero
    assert difference(other, one).is_below_zero


def test_the_front_is_what_none_beats():
    points = {"good": (0.9, 10.0), "cheap": (0.5, 1.0), "worse": (0.8, 10.0), "late": (0.9, 12.0)}
    assert front(points) == {"good", "cheap"}
    assert front({"a": (0.5, 1.0), "b": (0.5, 1.0), "none": (math.nan, 0.0)}) == {"a", "b"}


def test_what_is_worse_is_not_at_the_front_for_the_clocks_sake():
    assert front({"good": (0.9, 60.4), "bad": (0.5, 60.1)}) == {"good"}
    assert front({"good": (0.9, 60.0), "bad": (0.5, 50.0)}) == {"good", "bad"}
