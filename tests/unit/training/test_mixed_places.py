"""MixUp of pictures that moved: each of a mixed row's masks and boxes lies where its picture does."""

import numpy as np
import pytest
from keras import ops

import plait
from plait.table import Table
from plait.training._augmentation import augmentation, mixture, moved_labels
from tests.unit.training.test_mixup import picture

ROWS, SIDE = 12, 16
KEYS = np.arange(2 * ROWS, dtype="int32").reshape(ROWS, 2)


def table():
    """A bright block at a place of its own in each picture, its mask and its edges."""
    draw = np.random.default_rng(0)
    pictures, boxes = np.zeros((ROWS, SIDE, SIDE), "uint8"), []
    for row in range(ROWS):
        x, y = draw.integers(0, SIDE - 6, 2)
        pictures[row, y : y + 4, x : x + 6] = 1
        boxes.append([[int(x), int(y), int(x) + 6, int(y) + 4]])
    return Table.read(
        {
            "photo": [picture(255 * p) for p in pictures],
            "mask": [picture(p) for p in pictures],
            "boxes": boxes,
        }
    )


def mixed(column, task):
    """The pictures of a step, and its labels, of rows that move and are mixed."""
    learner = plait.Learner(
        {"photo": plait.Image(size=(SIDE, SIDE), flip="both")},
        {column: task},
        training=plait.Training(mixup=0.4),
        width=8,
    )
    rows = table()
    declaration = learner._fitted(rows, None)
    ((name, found),) = declaration.tasks_in(rows).items()
    x = {
        k: ops.convert_to_tensor(v)
        for k, v in declaration.rows(rows).inputs(np.arange(ROWS), ROWS).items()
    }
    targets = found.targets(found.column_in(name, rows))
    ones = ops.ones((ROWS,))
    keys = ops.convert_to_tensor(KEYS)
    labels = {name: (ops.convert_to_tensor(targets.values), ones)}
    labels = moved_labels(declaration)(labels, keys)
    seen = augmentation(declaration, learner.training)(x, keys)
    x, labels = mixture(declaration, learner.training)(seen, x, labels, ones > 0, keys)
    pairs = [tuple(map(ops.convert_to_numpy, pair)) for pair in labels[name]]
    plain = ops.convert_to_numpy(targets.values)
    return ops.convert_to_numpy(x["photo"])[..., 0] / 255, pairs, plain


@pytest.mark.backends
def test_each_mask_lies_where_its_picture_does():
    pictures, ((own, weight), (other, rest)), plain = mixed("mask", plait.Segmentation(of="photo"))
    np.testing.assert_allclose(weight + rest, 1, rtol=1e-6)
    assert (weight < 1).all()
    share, left = (w[:, None, None] for w in (weight, rest))
    np.testing.assert_allclose(pictures, share * own + left * other, atol=0.003)
    # Some rows have moved, and the other's mask by the other's key.
    moved = (own != plain).any(axis=(1, 2))
    assert 0 < moved.sum() < ROWS
    np.testing.assert_array_equal(other, np.roll(own, -1, axis=0))


def test_each_box_lies_around_what_its_picture_shows():
    pictures, ((own, weight), (other, _)), plain = mixed("boxes", plait.Boxes(of="photo"))
    for shown, share, *boxes in zip(pictures, weight, own, other, strict=True):
        expected = np.zeros((SIDE, SIDE))
        for part, (box, *padding) in zip((share, 1 - share), boxes, strict=True):
            x0, y0, x1, y1 = np.round(box[:4]).astype(int)
            expected[y0:y1, x0:x1] += part
            assert not np.any(padding)
        np.testing.assert_allclose(shown, expected, atol=0.003)
    assert 0 < (own != plain).any(axis=(1, 2)).sum() < ROWS
