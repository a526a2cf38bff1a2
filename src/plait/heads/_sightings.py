"""What a detector says at each position of a picture, in one tensor."""

from typing import Any, NamedTuple, Self

from keras import ops

_BESIDE = 8
"""Numbers of a position beside its logits of kinds."""


class Sightings(NamedTuple):
    """What stands at each position of some pictures' maps; pixels are those of the frame.

    Attributes:
        kinds: `(batch, positions, kinds)` logits, one for each kind of thing.
        middle: `(batch, positions)`, the logit of how near the thing's middle is.
        boxes: `(batch, positions, 4)`: x0, y0, x1, y1 of the thing.
        places: `(batch, positions, 2)`: x, y of the position itself.
        strides: `(batch, positions)`: from it to the next one on its map.
    """

    kinds: Any
    middle: Any
    boxes: Any
    places: Any
    strides: Any

    @classmethod
    def of(cls, logits: Any) -> Self:
        """Those of a head's logits, `(batch, positions, kinds + 8)`."""
        count = logits.shape[-1] - _BESIDE
        return cls(
            logits[..., :count],
            logits[..., count],
            logits[..., count + 1 : count + 5],
            logits[..., count + 5 : count + 7],
            logits[..., count + 7],
        )

    @property
    def logits(self) -> Any:
        """All of it, `(batch, positions, kinds + 8)`."""
        single = (ops.expand_dims(self.middle, -1), ops.expand_dims(self.strides, -1))
        parts = [self.kinds, single[0], self.boxes, self.places, single[1]]
        return ops.concatenate(parts, axis=-1)
