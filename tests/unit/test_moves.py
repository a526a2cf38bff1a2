"""Pictures, masks and boxes move together, and each row by itself."""

import keras
import numpy as np
import pytest

from plait._moves import Moves

FRAME = (9, 12)
ROWS = 64


def tensor(values):
    return keras.ops.convert_to_tensor(values)


def numpy(value):
    return keras.ops.convert_to_numpy(value)


def keys(rows=ROWS):
    return tensor(np.stack([np.arange(rows), 3 * np.arange(rows) + 1], axis=1).astype("int32"))


def drawn(flip=(True, True), shift=0.3, row_key=None):
    return Moves.drawn(keys() if row_key is None else row_key, "photo", FRAME, flip, shift)


def scenes(rows=ROWS):
    """A rectangle in each picture, where it is as a mask, and its box."""
    draw = np.random.default_rng(0)
    pictures = np.full((rows, *FRAME, 3), 9, "uint8")
    masks, boxes = np.zeros((rows, *FRAME), "uint8"), np.zeros((rows, 2, 5), "float32")
    for row in range(rows):
        y0, x0 = draw.integers(0, 5), draw.integers(0, 7)
        y1, x1 = y0 + draw.integers(2, 5), x0 + draw.integers(2, 6)
        pictures[row, y0:y1, x0:x1] = [200, 100, 50]
        masks[row, y0:y1, x0:x1] = 1
        boxes[row, 0] = [x0, y0, x1, y1, 2]
    return pictures, masks, boxes


def test_a_mask_and_a_box_lie_where_the_picture_shows_the_thing():
    pictures, masks, boxes = scenes()
    moves = drawn()
    moved = numpy(moves.of_maps(tensor(pictures), tensor(np.array([9, 9, 9], "uint8"))))
    shown = (moved == [200, 100, 50]).all(axis=-1)
    assert moved.dtype == np.uint8
    assert ((moved == 9).all(axis=-1) | shown).all()
    mask = numpy(moves.of_maps(tensor(masks), 255))
    np.testing.assert_array_equal(mask == 1, shown)
    # What came in from beyond the frame has no class.
    assert (mask == 255).any()
    found = numpy(moves.of_boxes(tensor(boxes)))
    assert not found[:, 1].any()
    for row, box in enumerate(found[:, 0]):
        size = (boxes[row, 0, 2] - boxes[row, 0, 0]) * (boxes[row, 0, 3] - boxes[row, 0, 1])
        if shown[row].sum() < 0.25 * size:
            assert not box.any()
            continue
        y, x = np.nonzero(shown[row])
        np.testing.assert_array_equal(box, [x.min(), y.min(), x.max() + 1, y.max() + 1, 2])
    assert (found[:, 0, 4] == 2).sum() > ROWS / 2


@pytest.mark.parametrize(
    ("flip", "rows", "columns"),
    [((False, True), False, True), ((True, False), True, False), ((True, True), True, True)],
)
def test_half_of_the_pictures_are_flipped_and_those_alone_that_may_be(flip, rows, columns):
    moves = drawn(flip, shift=0.0)
    down, across = numpy(moves.rows)[:, :, 0], numpy(moves.columns)[:, 0]
    for source, may, size in ((down, rows, 9), (across, columns, 12)):
        place = np.arange(size)
        flipped = source[:, 0] == size - 1
        assert (source[~flipped] == place).all()
        assert (source[flipped] == place[::-1]).all()
        assert (ROWS / 4 < flipped.sum() < 3 * ROWS / 4) if may else not flipped.any()


def test_a_shift_is_of_whole_places_both_ways_and_no_further():
    first = numpy(drawn((False, False)).columns)[:, 0, 0]
    # .3 of 12 are 4.
    assert set(first) == set(range(-4, 5))
    # A little is one place at the least.
    assert set(numpy(drawn((False, False), 0.001).rows)[:, 0, 0]) == {-1, 0, 1}


def test_moves_are_a_function_of_the_rows_key():
    order = np.random.default_rng(1).permutation(ROWS)
    moves, other = drawn(), drawn(row_key=tensor(numpy(keys())[order]))
    np.testing.assert_array_equal(numpy(moves.rows)[order], numpy(other.rows))
    np.testing.assert_array_equal(numpy(moves.columns)[order], numpy(other.columns))
    third = Moves.drawn(keys(), "drawing", FRAME, (True, True), 0.3)
    assert (numpy(moves.rows) != numpy(third.rows)).any()


ROWS_LARGE = 200


def large_scenes(frame=(64, 96)):
    """Rectangles that stay larger than a place when they are zoomed: masks, and boxes."""
    masks = np.zeros((ROWS_LARGE, *frame), "uint8")
    boxes = np.zeros((ROWS_LARGE, 1, 5), "float32")
    draw = np.random.default_rng(0)
    for row in range(ROWS_LARGE):
        y0, x0 = draw.integers(0, 40), draw.integers(0, 60)
        y1, x1 = y0 + draw.integers(12, 24), x0 + draw.integers(12, 36)
        masks[row, y0:y1, x0:x1] = 1
        boxes[row, 0] = [x0, y0, x1, y1, 1]
    return masks, boxes


@pytest.mark.backends
@pytest.mark.parametrize("how", [{"zoom": 0.5}, {"crop": 0.6}, {"zoom": 0.2, "crop": 0.5}])
def test_zoomed_and_cropped_things_lie_where_their_masks_and_boxes_do(how):
    masks, boxes = large_scenes()
    moves = Moves.drawn(keys(ROWS_LARGE), "photo", (64, 96), (True, True), 0.1, **how)
    shown = numpy(moves.of_maps(tensor(masks), 255)) == 1
    found = numpy(moves.of_boxes(tensor(boxes)))[:, 0]
    there = found[:, 4] > 0
    assert there.sum() > ROWS_LARGE / 2
    # Of what is told to be none, a quarter of the largest thing at the most is seen.
    assert shown[~there].sum(axis=(1, 2)).max() < 24 * 36 * 3 / 4
    for mask, box in zip(shown[there], found[there], strict=True):
        y, x = np.nonzero(mask)
        # A place is that of its middle: half a place each way.
        np.testing.assert_allclose(
            box[:4], [x.min(), y.min(), x.max() + 1, y.max() + 1], atol=0.5 + 1e-4
        )


def test_a_crop_is_a_part_of_the_frame_with_its_area_and_nearly_its_proportions():
    moves = Moves.drawn(keys(2000), "photo", FRAME, crop=0.75)
    lines = ((moves.down[0], moves.down[1]), (moves.across[0], moves.across[2]))
    (top, height), (left, width) = ([numpy(part)[:, 0] for part in line] for line in lines)
    area, wide = height * width, width / height
    assert np.quantile(area, [0, 0.5, 1]) == pytest.approx([0.25, 0.625, 1], abs=0.02)
    assert np.quantile(wide, [0, 0.5, 1]) == pytest.approx([0.75, 1, 4 / 3], abs=0.02)
    # As far as so large a part can: all of it has the frame's own.
    assert np.abs(np.log(wide))[area > 0.98].max() < 0.021
    for start, side, size in ((top, height, 9), (left, width, 12)):
        assert start.min() > -1e-4
        assert (start + side * size).max() < size + 1e-4
        lies = (start / ((1 - side) * size))[side < 0.9]
        assert np.quantile(lies, [0, 0.5, 1]) == pytest.approx([0, 0.5, 1], abs=0.05)


def test_a_zoom_enlarges_and_shrinks_and_fills_the_frame_or_is_held_by_it():
    moves = Moves.drawn(keys(2000), "photo", FRAME, zoom=0.5)
    step = numpy(moves.down[1])[:, 0]
    np.testing.assert_array_equal(numpy(moves.across[2])[:, 0], step)
    assert 1 / 1.5 <= step.min() < 0.7
    assert 1.45 < step.max() <= 1.5
    assert (step > 1).mean() == pytest.approx(0.5, abs=0.05)
    for (start, *_), size in ((moves.down, FRAME[0]), (moves.across, FRAME[1])):
        first, last = numpy(start)[:, 0], numpy(start)[:, 0] + step * size
        nearer = step <= 1
        assert (first[nearer] >= -1e-4).all()
        assert (last[nearer] <= size + 1e-4).all()
        assert (first[~nearer] <= 1e-4).all()
        assert (last[~nearer] >= size - 1e-4).all()
        # Anywhere there: the middle of what is seen is not always that of the picture.
        assert np.ptp(((first + last) / 2 - size / 2)[nearer]) > 0.2 * size


def test_without_moves_all_stays():
    pictures, masks, boxes = scenes()
    moves = drawn((False, False), 0.0)
    np.testing.assert_array_equal(numpy(moves.of_maps(tensor(pictures), 0)), pictures)
    np.testing.assert_array_equal(numpy(moves.of_maps(tensor(masks), 0)), masks)
    np.testing.assert_array_equal(numpy(moves.of_boxes(tensor(boxes))), boxes)
