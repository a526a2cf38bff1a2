"""Of what is seen at thousands of positions, the things that are there."""

from typing import Any

import keras
from keras import ops

from plait._overlap import overlap
from plait._ranges import demand_share, demand_whole
from plait.heads._sightings import Sightings

_LOOKED_AT = 10
"""Boxes that compete for each one that is given, of all kinds together."""


@keras.saving.register_keras_serializable(package="plait")
class StrongestBoxes(keras.layers.Layer):
    """The boxes with the highest scores, less those that lie on a stronger one of their kind.

    A score is the root of the kind's probability times that of the middle. Each kind has candidates of
    its own: `most_boxes` of them, or its share of ten times as many. So the many things of one kind,
    each at a dozen positions, take no place from the few of another.

    Non-maximum suppression is the greedy one: a box stays if no stronger box that stays overlaps it.
    All boxes are judged at once, again and again until nothing changes; each round settles at least the
    next strongest one, so that the end is that of the greedy way.

    It costs a comparison for each two candidates of a kind, kinds k^2 a row for k candidates: of 100
    boxes a million bytes for one kind, 330,000 for three and 800,000 for eighty, and four times as many
    for a moment, of one row after the other.

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
        # The root of the product, which would have no gradient where the product underflows.
        middle = ops.expand_dims(ops.log_sigmoid(seen.middle), -1)
        scores = ops.exp((ops.log_sigmoid(seen.kinds) + middle) / 2)
        kinds = scores.shape[-1]
        positions = scores.shape[1]
        count = min(positions, max(self.most_boxes, _LOOKED_AT * self.most_boxes // kinds))
        scores, which = ops.top_k(ops.transpose(scores, (0, 2, 1)), count)
        boxes = _taken(seen.boxes, ops.reshape(which, (-1, kinds * count)))
        # Which ones stay has no gradient; their scores and corners have.
        apart = ops.reshape(ops.stop_gradient(boxes), (-1, kinds, count, 4))
        stays = self._stays(apart)
        scores = ops.reshape(ops.where(stays, scores, 0.0), (-1, kinds * count))
        scores, which = ops.top_k(scores, min(self.most_boxes, kinds * count))
        beside = ops.stack([ops.cast(which // count, "float32"), scores], axis=-1)
        given = ops.concatenate([_taken(boxes, which), beside], axis=-1)
        given = ops.where(scores[..., None] > 0, given, 0.0)
        return ops.pad(given, ((0, 0), (0, self.most_boxes - given.shape[1]), (0, 0)))

    def _stays(self, boxes: Any) -> Any:
        """`(batch, kinds, boxes)` bool, of each kind's boxes from strong to weak."""
        place = ops.arange(boxes.shape[2])
        weaker = place[:, None] < place

        def hiding(boxes: Any) -> Any:
            lies_on = overlap(boxes[:, :, None], boxes[:, None]) > self.most_overlap
            return ops.logical_and(weaker, lies_on)

        # Row by row: what eager backends hold on the way to it is several times as large.
        hides = ops.map(hiding, boxes)

        def judged(stays: Any, _: Any) -> tuple[Any, Any]:
            hidden = ops.any(ops.logical_and(stays[..., None], hides), axis=2)
            now = ops.logical_not(hidden)
            return now, ops.any(ops.not_equal(now, stays))

        all_stay = ops.ones_like(boxes[..., 0], dtype="bool")
        stays, _ = ops.while_loop(
            lambda _, moved: moved,
            judged,
            (all_stay, ops.any(all_stay)),
            maximum_iterations=boxes.shape[2],
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
