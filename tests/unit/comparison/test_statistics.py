import math

import numpy as np
import pytest
from scipy import stats

from plait.comparison._statistics import Spread, compared, difference, front, interval


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


def ways(*rows):
    return [dict(enumerate(row)) for row in rows]


def test_the_spread_of_all_ways_is_that_of_a_two_way_layout():
    """Effects of ways 0, 1, 2 and seeds 0, 10, 20; what is left over is ±1 in a square of four."""
    spread = Spread.of(ways([1, 9, 20], [0, 12, 21], [2, 12, 22]))
    assert spread.freedom == 4
    table = np.array([[1, 9, 20], [0, 12, 21], [2, 12, 22]], float)
    dummies = np.array(
        [[1, i == 1, i == 2, j == 1, j == 2] for i in range(3) for j in range(3)], float
    )
    rest = np.linalg.lstsq(dummies, table.ravel(), rcond=None)[1]
    assert spread.variance == pytest.approx(rest[0] / 4)
    # Of two ways it is what their pairs say; and what is not there in all seeds says nothing.
    assert Spread.of(ways([1, 2, 3], [2, 4, 1])) is None
    assert Spread.of(ways([1, 2], [2, 4], [1])) is None
    assert Spread.of([]) is None


def test_many_ways_tell_more_than_the_pairs_of_two():
    draw = np.random.default_rng(5)
    rows = draw.normal(size=(12, 3)) * 0.01 + draw.normal(size=3)
    rows[1] -= 0.1
    own, worse, *_ = all_ways = ways(*rows)
    spread = Spread.of(all_ways)
    pairs = difference(worse, own, 11)
    both = compared(worse, own, 11, spread)
    assert both.mean == pairs.mean
    assert both.half < pairs.half / 2
    assert both.is_below_zero
    expected = stats.t.ppf(1 - 0.025 / 22, 22) * np.sqrt(2 * spread.variance / 3)
    assert both.half == pytest.approx(expected)
    assert compared(worse, own, 11, None) == pairs


def test_a_way_that_scatters_hides_no_steady_one():
    own, steady, wild = ways([0.5, 0.6, 0.7], [0.6, 0.7001, 0.8], [0.1, 0.99, 0.3])
    found = compared(steady, own, 2, Spread.of([own, steady, wild]))
    assert found == difference(steady, own, 4)
    assert found.is_above_zero


def test_of_equal_ways_few_are_told_to_differ():
    """All that is claimed of twenty at once is wrong in one comparison of twenty at most."""
    draw, wrong = np.random.default_rng(1), 0
    for _ in range(400):
        own, *others = all_ways = ways(*draw.normal(size=(21, 3)))
        spread = Spread.of(all_ways)
        found = [compared(one, own, 20, spread) for one in others]
        wrong += any(one.is_above_zero or one.is_below_zero for one in found)
    assert wrong / 400 < 0.08
