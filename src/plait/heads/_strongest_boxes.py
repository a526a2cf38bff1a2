"""Of what is seen at thousands of positions, the things that are there."""

from typing import Any

import keras
from keras import ops

from plait._overlap import overlap
from plait._ranges import demand_share, demand_whole
from plait.heads._sightings import Sightings

_LOOKED_AT = 3
"""Boxes that compete for each one that is given."""


@keras.saving.register_keras_serializable(package="plait")
class StrongestBoxes(keras.layers.Layer):
    """The boxes with the highest scores, less those that lie on a stronger one of their kind.

    A score is the root of the kind's probability times that of the middle. Non-maximum suppression is
    the greedy one: a box stays if no stronger box that stays overlaps it. All boxes are judged at once,
    again and again until nothing changes; each round settles at least the next strongest one, so that
    the end is that of the greedy way.

    Args:
        most_boxes: how many boxes are given for a picture.
        most_overlap: the intersection over union above which the weaker of two boxes of a kind goes.

    Call arguments:
        logits: `(batch, positions, kinds + 8)`, of `BoxesHead`.

    Returns:
        `(batch, most_boxes, 6)` float32, strongest first: x0, y0, x1, y1 in pixels of the frame, the
        number of the kind, and the score; all 0 where there are fewer.

    Raises:
        ConfigError: an argument out of its range.

    References:
        Z. Zheng, P. Wang, D. Ren, W. Liu, R. Ye, Q. Hu and W. Zuo. Enhancing Geometric Factors in Model
        Learning and Inference for Object Detection and Instance Segmentation, 2020 (Cluster-NMS).
    """

    def __init__(self, most_boxes: int = 100, most_overlap: float = 0.6, **kwargs: Any) -> None:
        # Half precision would round a corner to whole pixels.
        super().__init__(**{"dtype": "float32", **kwargs})
        demand_whole("StrongestBoxes", most_boxes=most_boxes)
        demand_share("StrongestBoxes", all_too=True, most_overlap=most_overlap)
        self.most_boxes = most_boxes
        self.most_overlap = most_overlap

    def call(self, logits: Any) -> Any:
        seen = Sightings.of(ops.cast(logits, "float32"))
        middle = ops.expand_dims(ops.sigmoid(seen.middle), -1)
        scores = ops.sqrt(ops.sigmoid(seen.kinds) * middle)
        kinds = scores.shape[-1]
        flat = ops.reshape(scores, (-1, scores.shape[1] * kinds))
        count = min(_LOOKED_AT * self.most_boxes, flat.shape[1])
        scores, which = ops.top_k(flat, count)
        boxes = _taken(seen.boxes, which // kinds)
        kind = ops.cast(which % kinds, "float32")
        scores = ops.where(self._stays(boxes, kind), scores, 0.0)
        scores, which = ops.top_k(scores, min(self.most_boxes, count))
        beside = ops.stack([ops.take_along_axis(kind, which, axis=1), scores], axis=-1)
        given = ops.concatenate([_taken(boxes, which), beside], axis=-1)
        given = ops.where(scores[..., None] > 0, given, 0.0)
        return ops.pad(given, ((0, 0), (0, max(0, self.most_boxes - count)), (0, 0)))

    def _stays(self, boxes: Any, kind: Any) -> Any:
        """`(batch, boxes)` bool, of boxes from strong to weak."""
        place = ops.arange(boxes.shape[1])
        alike = ops.logical_and(kind[:, :, None] == kind[:, None, :], place[:, None] < place)
        lies_on = overlap(boxes[:, :, None], boxes[:, None]) > self.most_overlap
        hides = ops.logical_and(alike, lies_on)

        def judged(stays: Any, _: Any) -> tuple[Any, Any]:
            hidden = ops.any(ops.logical_and(stays[:, :, None], hides), axis=1)
            now = ops.logical_not(hidden)
            return now, ops.any(ops.not_equal(now, stays))

        all_stay = kind >= 0
        stays, _ = ops.while_loop(
            lambda _, moved: moved,
            judged,
            (all_stay, ops.any(all_stay)),
            maximum_iterations=boxes.shape[1],
        )
        return stays

    def compute_output_shape(self, logits_shape: Any) -> tuple[Any, ...]:
        return (logits_shape[0], self.most_boxes, 6)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "most_boxes": self.most_boxes,
            "most_overlap": self.most_overlap,
        }


def _taken(boxes: Any, which: Any) -> Any:
    """`(batch, chosen, 4)` of `(batch, boxes, 4)`."""
    return ops.take_along_axis(boxes, which[..., None], axis=1)
