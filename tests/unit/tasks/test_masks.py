"""Masks in the frame of their pictures."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from plait.errors import DataError
from plait.table import Table
from plait.tasks import _masks
from plait.tasks._mask_classes import IGNORED, MaskClasses
from plait.tasks._masks import FramedMasks, MaskCells, in_frame
from tests.unit.tasks.masks import column_of, picture_feature, png

TASK = SimpleNamespace(missing=("none",), on_error=None)
CLASSES = MaskClasses.declared(("a", "b", "c"))


def framed(cells, frame, sizes=lambda _: None, root=None):
    column = column_of(cells, root=root)
    labelled = ~column.is_missing(TASK.missing)
    return FramedMasks(MaskCells(TASK, column, False), labelled, frame, CLASSES.numbers, sizes)


def random_mask(*size, seed=0):
    return np.random.default_rng(seed).integers(0, 3, size).astype("uint8")


@pytest.mark.parametrize("size", [(20, 12), (10, 6), (40, 24), (30, 12), (7, 19), (21, 13)])
def test_a_mask_lies_where_its_picture_does(size):
    """The picture is a left half of black and a right half of white; so is the mask of 0 and 1."""
    frame = (20, 12)
    mask = np.repeat(np.arange(size[1])[None] >= size[1] / 2, size[0], axis=0).astype("uint8")
    picture = np.stack([255 * mask] * 3, -1)
    feature = picture_feature(*frame)
    pixels = feature.encode(column_of([png(picture)])).values[0].astype(int)
    laid = framed([png(mask)], frame)[[0]][0]
    assert laid.shape == frame
    beside = (np.abs(pixels - np.rint(255 * np.array(feature.learnt["mean"]))) <= 1).all(-1)
    np.testing.assert_array_equal(laid == IGNORED, beside)
    # Bilinear between black and white is near the one whose pixel is nearest.
    clear = ~beside & (np.abs(pixels[..., 0] - 127.5) > 100)
    assert clear.sum() > 30
    np.testing.assert_array_equal(laid[clear], (pixels[..., 0] > 127)[clear])


def test_twice_as_large_is_each_pixel_four_times_and_half_is_one_of_four():
    mask = random_mask(4, 6)
    np.testing.assert_array_equal(in_frame(mask, (8, 12)), mask.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(in_frame(mask, (2, 3)), mask[1::2, 1::2])
    np.testing.assert_array_equal(in_frame(mask, (4, 6)), mask)


def test_rows_are_read_when_they_are_asked_for_and_once(monkeypatch):
    masks = [random_mask(4, 6, seed=n) for n in range(5)]
    cells = [png(mask) for mask in masks]
    cells[2] = None
    read = []
    monkeypatch.setattr(
        _masks,
        "mask_pixels",
        lambda data, _, real=_masks.mask_pixels: read.append(data) or real(data),
    )
    found = framed(cells, (4, 6))
    assert (found.shape, len(found), found.dtype) == ((5, 4, 6), 5, np.uint8)
    assert not read
    np.testing.assert_array_equal(found[np.array([3, 0, 3])], [masks[3], masks[0], masks[3]])
    assert len(read) == 2
    np.testing.assert_array_equal(found[2], np.zeros((4, 6)))
    np.testing.assert_array_equal(found[np.array([True, False, False, True, True])][2], masks[4])
    assert len(read) == 3


def test_more_masks_than_memory_takes_are_read_again(monkeypatch):
    monkeypatch.setattr(_masks, "KEPT_BYTES", 23)
    mask = random_mask(4, 6)
    found = framed([png(mask), None], (4, 6))
    for _ in range(2):
        np.testing.assert_array_equal(found[np.array([1, 0, 0])], [0 * mask, mask, mask])


def test_threads_may_ask_for_the_same_rows():
    masks = [random_mask(30, 40, seed=n) for n in range(40)]
    found = framed([png(mask) for mask in masks], (30, 40))
    rows = [np.random.default_rng(n).integers(0, 40, 16) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for asked, given in zip(rows, pool.map(found.__getitem__, rows), strict=True):
            np.testing.assert_array_equal(given, [masks[row] for row in asked])


def test_paths_bytes_and_arrays_are_the_same(tmp_path):
    mask = random_mask(3, 5)
    (tmp_path / "m.png").write_bytes(png(mask))
    for cells in (["m.png", "none"], [png(mask), None], [mask.tolist(), None], [mask, None]):
        column = Table.read({"mask": cells}, root=tmp_path).column("mask")
        (read,) = MaskCells(TASK, column, False).read([1, 0], lambda pixels, row: (row, pixels))
        assert read[0] == read[1][0] == 0
        np.testing.assert_array_equal(read[1][1], mask)


@pytest.mark.parametrize(
    "cell", [[[1, 2], [3]], [1, 2], [[]], [[1, 300]], [[-1, 0]], [[0.5, 1.0]], [[[1, 2, 3]]]]
)
def test_lists_that_are_no_mask_are_refused(cell):
    with pytest.raises(
        DataError, match=r"row 1 of train.csv: the mask is no array \(height, width\)"
    ):
        framed([cell], (4, 4))[0]


def test_another_size_than_the_pictures_is_refused():
    masks = framed(
        [png(random_mask(3, 5))] * 2, (4, 4), lambda rows: [[None, (4, 5)][row] for row in rows]
    )
    masks[0]
    with pytest.raises(
        DataError, match=r"'mask', row 2 of train.csv: .* is 5 x 3, and its picture 5 x 4"
    ):
        masks[np.array([0, 1])]


def test_a_value_of_no_class_is_refused():
    with pytest.raises(
        DataError,
        match=r"row 1 of train.csv: .* value 7 in row 0, column 1, which is none of the classes: 0, 1",
    ):
        framed([png([[0, 7]])], (4, 4))[0]


@pytest.mark.parametrize("cells", [[1, 2], [0.5, None], [True, False]])
def test_columns_of_other_types_are_refused(cells):
    with pytest.raises(DataError, match="expects paths or bytes"):
        MaskCells(TASK, column_of(cells), False)
