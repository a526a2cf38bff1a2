"""What a `PairHead` says of each row's two sides, in one tensor."""

from typing import Any, NamedTuple, Self

from keras import ops


class Pairs(NamedTuple):
    """The vectors of some rows' two sides, and how they are compared; arrays of NumPy or of a backend.

    Attributes:
        a: `(batch, width)`, of length 1.
        b: `(batch, width)`, of length 1.
        there: `(batch,)` bool, which rows have both sides.
        scale: `(batch,)`, what a cosine is multiplied by; the same in each row.
        bias: `(batch,)`, what is added then; the same in each row.
    """

    a: Any
    b: Any
    there: Any
    scale: Any
    bias: Any

    @classmethod
    def of(cls, logits: Any) -> Self:
        """Those of a head's logits, `(batch, 2, width + 2)`.

        Behind each vector stand whether its side is there, 0 where it is not, and a number: behind a
        the scale, behind b the bias. So a row of zeros is one that has neither.
        """
        a, b = logits[:, 0], logits[:, 1]
        there = (a[:, -2] != 0) & (b[:, -2] != 0)
        return cls(a[:, :-2], b[:, :-2], there, a[:, -1], b[:, -1])


def logits_of(vectors: Any, present: Any, numbers: Any) -> Any:
    """`(batch, width + 2)` float32, one side of what `Pairs` reads.

    Args:
        vectors: `(batch, width)` float32.
        present: `(batch,)` bool.
        numbers: the scale, or the bias, `()`.
    """
    there = ops.expand_dims(ops.cast(present, "float32"), -1)
    # Adding zeros is what gives the number the size of the batch.
    return ops.concatenate([vectors, there, numbers + ops.zeros_like(there)], axis=-1)
