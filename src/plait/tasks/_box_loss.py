"""The loss of a detector without anchors, and which box is looked for at which position."""

from typing import Any

import keras
from keras import ops

from plait._overlap import areas, generalised_overlap
from plait.heads import Sightings

_RADIUS = 1.5
"""How far from a box's middle a position looks for it, in strides."""
_SMALLEST, _LARGEST = 4.0, 8.0
"""From a position to the farthest side of its box, in strides, for a map that is not the last one."""
_ALPHA = 0.25
"""Of a focal loss with the power 2: what a position with a thing counts beside one without."""
_START = 2.0
"""About what the three terms are together before anything is learnt."""


@keras.saving.register_keras_serializable(package="plait")
class BoxLoss(keras.losses.Loss):
    """(focal(kinds) / n + sum of c (1 - GIoU) / sum of c + mean of KL(c, middle)) / 2, over a row.

    A position looks for a box if it lies in it and within 1.5 strides of its middle, and if the box is
    of its map's size: its farthest side from 4 to 8 strides away, nearer for the finest map and farther
    for the coarsest. Of several such boxes it is the smallest. n is the number of such positions, and c
    how near to the middle they lie: root of min(l, r) / max(l, r) · min(t, b) / max(t, b). The first
    term is over all positions, the others over those. A row without boxes has the first term alone.

    It differs from the paper in that each row has its own n, so that no row weighs more for having more
    boxes, and in that the entropy of c is taken off the third term: the best loss is 0.

    Call arguments:
        y_true: `(batch, boxes, 5)`: x0, y0, x1, y1 in pixels of the frame, and 1 + the number of the
            kind; 0 where there is no box.
        y_pred: `(batch, positions, kinds + 8)`, of `BoxesHead`.

    Returns:
        `(batch,)` float32 from `call`.

    References:
        Z. Tian, C. Shen, H. Chen and T. He. FCOS: A Simple and Strong Anchor-Free Object Detector,
        2022.
        T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár. Focal Loss for Dense Object Detection,
        2017.
    """

    takes_rows = True

    def __init__(self, name: str = "box_loss", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        seen = Sightings.of(ops.cast(y_pred, "float32"))
        truth = ops.cast(y_true, "float32")
        places = ops.stop_gradient(seen.places)
        which, there = looked_for(truth, places, ops.stop_gradient(seen.strides))
        due = ops.take_along_axis(truth, which[..., None], axis=1)
        there = ops.cast(there, "float32")
        count = ops.maximum(ops.sum(there, axis=1), 1.0)

        kinds = ops.arange(1, seen.kinds.shape[-1] + 1, dtype="float32")
        is_kind = ops.cast(due[..., 4:] == kinds, "float32") * there[..., None]
        what = ops.sum(_focal(is_kind, seen.kinds), axis=(1, 2)) / count

        nearness = there * _nearness(due[..., :4], places)
        missed = nearness * (1 - generalised_overlap(due[..., :4], seen.boxes))
        where = ops.sum(missed, axis=1) / ops.maximum(ops.sum(nearness, axis=1), 1e-6)

        surprise = _crossentropy(nearness, seen.middle) - _entropy(nearness)
        middle = ops.sum(there * surprise, axis=1) / count
        return (what + where + middle) / _START


def looked_for(truth: Any, places: Any, strides: Any) -> tuple[Any, Any]:
    """Which box each position looks for, `(batch, positions)` int32, and whether it does, bool.

    Args:
        truth: `(batch, boxes, 5)`, as `BoxLoss` takes it.
        places: `(batch, positions, 2)`.
        strides: `(batch, positions)`.
    """
    x0, y0, x1, y1, kind = (truth[:, None, :, n] for n in range(5))
    x, y, stride = places[..., :1], places[..., 1:], strides[..., None]
    # An axis of the four sides would be the largest tensor of the step.
    left, right, up, down = x - x0, x1 - x, y - y0, y1 - y
    inside = ops.minimum(ops.minimum(left, right), ops.minimum(up, down)) > 0
    off = ops.maximum(ops.absolute(left - right), ops.absolute(up - down)) / 2
    farthest = ops.maximum(ops.maximum(left, right), ops.maximum(up, down))
    finest = stride <= ops.min(strides, axis=1)[:, None, None]
    coarsest = stride >= ops.max(strides, axis=1)[:, None, None]
    fits = ops.logical_and(
        ops.logical_or(finest, farthest > _SMALLEST * stride),
        ops.logical_or(coarsest, farthest <= _LARGEST * stride),
    )
    there = ops.logical_and(ops.logical_and(inside, off < _RADIUS * stride), fits)
    there = ops.logical_and(there, kind > 0)
    size = ops.where(there, areas(truth[..., :4])[:, None], float("inf"))
    return ops.argmin(size, axis=-1), ops.any(there, axis=-1)


def _nearness(boxes: Any, places: Any) -> Any:
    """`(batch, positions)`: 1 in the middle of the box, 0 at its edges and beyond."""
    low, high = places - boxes[..., :2], boxes[..., 2:] - places
    shares = ops.minimum(low, high) / ops.maximum(ops.maximum(low, high), 1e-6)
    return ops.sqrt(ops.maximum(ops.prod(ops.maximum(shares, 0.0), axis=-1), 0.0))


def _focal(is_kind: Any, z: Any) -> Any:
    """The crossentropy times the share that is still to be learnt, squared: most positions are easy."""
    wrong = ops.sigmoid(z * (1 - 2 * is_kind))
    balance = _ALPHA * is_kind + (1 - _ALPHA) * (1 - is_kind)
    return balance * ops.square(wrong) * _crossentropy(is_kind, z)


def _crossentropy(share: Any, z: Any) -> Any:
    return ops.softplus(z) - share * z


def _entropy(share: Any) -> Any:
    """-p log p - (1 - p) log(1 - p), 0 at the ends."""
    rest = 1 - share
    return -share * ops.log(ops.maximum(share, 1e-12)) - rest * ops.log(ops.maximum(rest, 1e-12))
