"""Average precision, against a case worked out by hand."""

import numpy as np

from plait.tasks._box_scores import PlacedBoxes, average_precisions


def boxes(*given, scored=False):
    """Of (x0, y0, x1, y1, kind, row) and a score."""
    table = np.array(given, "float64").reshape(-1, 7 if scored else 6)
    return PlacedBoxes(
        table[:, :4],
        table[:, 4].astype(int),
        table[:, 5].astype(int),
        table[:, 6] if scored else None,
    )


TRUTH = boxes((0, 0, 10, 10, 0, 0), (20, 20, 30, 30, 0, 0), (0, 0, 10, 10, 0, 1))


def test_average_precision_by_hand():
    found = boxes(
        (20, 20, 30, 30, 0, 0, 0.9),
        (50, 50, 60, 60, 0, 1, 0.8),
        # It shares 100 of 160: enough up to a least overlap of .6.
        (0, 0, 16, 10, 0, 1, 0.7),
        scored=True,
    )
    given = average_precisions(TRUTH, found, rows=2, kinds=1, most=10)
    # Recall 1/3 at precision 1, then 2/3 at 2/3: 34 and 33 of the 101 recalls. Without the last box
    # the first 34 alone.
    low, high = (34 + 33 * 2 / 3) / 101, 34 / 101
    np.testing.assert_allclose(given[:, 0], [low] * 3 + [high] * 7)


def test_a_second_box_on_the_same_thing_is_wrong():
    twice = boxes((0, 0, 10, 10, 0, 0, 0.9), (0, 0, 10, 10, 0, 0, 0.8), scored=True)
    given = average_precisions(boxes((0, 0, 10, 10, 0, 0)), twice, rows=1, kinds=1, most=10)
    np.testing.assert_allclose(given, 1)
    first_wrong = boxes((50, 0, 60, 10, 0, 0, 0.9), (0, 0, 10, 10, 0, 0, 0.8), scored=True)
    given = average_precisions(boxes((0, 0, 10, 10, 0, 0)), first_wrong, rows=1, kinds=1, most=10)
    np.testing.assert_allclose(given, 0.5)


def test_kinds_are_apart_and_one_that_is_nowhere_has_none():
    found = boxes((0, 0, 10, 10, 1, 0, 0.9), (20, 20, 30, 30, 0, 0, 0.8), scored=True)
    given = average_precisions(TRUTH, found, rows=2, kinds=3, most=10)
    np.testing.assert_allclose(given[0, 0], 34 / 101)
    assert np.isnan(given[:, 1:]).all()


def test_nothing_found_is_nothing_right():
    given = average_precisions(TRUTH, boxes(scored=True), rows=2, kinds=2, most=10)
    np.testing.assert_array_equal(given[:, 0], 0)
    assert np.isnan(given[:, 1]).all()


def test_no_more_than_most_count():
    found = boxes((50, 50, 60, 60, 0, 0, 0.9), (20, 20, 30, 30, 0, 0, 0.8), scored=True)
    np.testing.assert_array_equal(average_precisions(TRUTH, found, 2, 1, most=1), 0)
