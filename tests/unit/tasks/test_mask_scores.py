import numpy as np
import pytest

from plait.features import Placement
from plait.tasks import _mask_scores
from plait.tasks._mask_classes import IGNORED
from plait.tasks._mask_scores import Overlaps, answered


def test_overlaps_by_hand():
    """Pixels a a b b, answered a b b c: a 1/2, b 1/3, c 0/1."""
    found = Overlaps(("a", "b", "c", "d"))
    found.add(np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 2]]), 1.0)
    scores = found.scores()
    assert scores == {
        "mean_iou": pytest.approx((1 / 2 + 1 / 3) / 3),
        "pixel_accuracy": 1 / 2,
        "iou_a": 1 / 2,
        "iou_b": pytest.approx(1 / 3),
        "iou_c": 0,
    }


def test_masks_are_counted_together_not_one_by_one():
    """a: 1 of 2 and 2 of 3 make 3 of 5, whatever the mean of 1/2 and 2/3 is."""
    found = Overlaps(("a", "b"))
    found.add(np.array([0, 0]), np.array([0, 1]), 1.0)
    found.add(np.array([0, 0, 0]), np.array([0, 0, 1]), 1.0)
    assert found.scores()["iou_a"] == pytest.approx(3 / 5)


def test_a_masks_weight_is_that_of_its_pixels_and_ignored_ones_count_nowhere():
    found, twice = Overlaps(("a", "b")), Overlaps(("a", "b"))
    truth, answers = np.array([0, 1, 1, IGNORED], "uint8"), np.array([0, 0, 1, 0], "uint8")
    found.add(truth, answers, 2.0)
    for _ in range(2):
        twice.add(truth[:3], answers[:3], 1.0)
    assert found.scores() == twice.scores()
    assert Overlaps(("a", "b")).scores() == {}


@pytest.mark.parametrize("size", [(20, 12), (10, 6), (41, 24), (30, 12), (7, 19)])
def test_an_answer_is_laid_back_as_its_picture_was(size, monkeypatch):
    """Logits that are the mask in the frame give the mask, but for what the frame is too small for."""
    monkeypatch.setattr(_mask_scores, "_AT_ONCE", 100)
    frame = (20, 12)
    truth = np.add.outer(3 * np.arange(size[0]) // size[0], 2 * np.arange(size[1]) // size[1])
    placed = Placement.of(size, frame)
    laid = np.zeros((*frame, 4), "float32")
    laid[placed.inside] = np.eye(4)[truth][placed.nearest(size)]
    found = answered(laid, frame, size)
    assert found.shape == size
    assert (found == truth).mean() > 0.85
    if (placed.height, placed.width) == size:
        np.testing.assert_array_equal(found, truth)


def test_coarse_logits_are_enlarged_bilinearly():
    """Two cells of 1 and -3: the line between them crosses 0 at a quarter of the way."""
    logits = np.array([[[1, 0], [-3, 0]]], "float32")
    found = answered(logits, (1, 16), (1, 16))[0]
    # The middles of the cells are at 4 and 12: 4 + 8 / 4 = 6.
    np.testing.assert_array_equal(found, [0] * 6 + [1] * 10)
