"""A head that gives two features of a row a vector each, in one space."""

import math
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._linear_head import LinearHead
from plait.heads._pairs import logits_of
from plait.heads._unit_vectors import unit_vectors

_MOST = 100.0


@keras.saving.register_keras_serializable(package="plait")
class PairHead(Head):
    """A vector of length 1 for each of two features, and how far apart two of them are.

    A vector is linear in the mean of its feature's own tokens, brought to length 1. Nothing else of the
    row is in it, so that it can be had of a row with that feature alone.

    How sharply cosines are compared is learnt: they are multiplied by exp(s), where s starts as -log
    `temperature` and is brought back to log 100 where a step has taken it beyond; and `bias`, if there
    is one, is added.

    Args:
        width: of the vectors.
        temperature: what cosines are divided by at first.
        bias: what is added to them at first; none, ever, if None.

    Call arguments:
        tokens, mask: not read, and may be left out.
        training: see `Head`.
        of: for each of the two features a dict of `"tokens"` `(batch, tokens, width)`, `"mask"`
            `(batch, tokens)` and `"present"` `(batch,)`.

    Returns:
        `(batch, 2, width + 2)` float32 under any policy; see `Pairs`.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        side = {
            "tokens": keras.ops.ones((2, 1, 8)),
            "mask": keras.ops.ones((2, 1), "bool"),
            "present": keras.ops.ones((2,), "bool"),
        }
        PairHead(4)(of=[side, side]).shape  # (2, 2, 6)

    References:
        A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
        (2021), for s and its bound.
        X. Zhai, B. Mustafa, A. Kolesnikov, L. Beyer, "Sigmoid Loss for Language Image Pre-Training"
        (2023), for the bias; there s has no bound.
    """

    def __init__(
        self, width: int, temperature: float = 0.07, bias: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("PairHead", width=width)
        if not 1 / _MOST <= temperature < math.inf:
            raise ConfigError(
                f"PairHead: temperature is {1 / _MOST} or more. Received: {temperature!r}.",
                ("temperature",),
            )
        self.width = width
        self.temperature = temperature
        self.bias = bias

    def build(self, tokens_shape: Any = None, mask_shape: Any = None, of_shape: Any = None) -> None:
        self.sides = [LinearHead(self.width, 0.0, dtype="float32", name=name) for name in "ab"]
        for side, shapes in zip(self.sides, of_shape, strict=True):
            side.build(shapes["tokens"])
        self.log_scale = self._number("log_scale", -math.log(self.temperature), AtMost(_MOST))
        self.shift = None if self.bias is None else self._number("bias", self.bias)

    def vectors(self, side: int, tokens: Any, mask: Any) -> Any:
        """The vectors of one feature's cells, `(batch, width)` float32.

        Args:
            side: 0 for the first feature, 1 for the second.
            tokens: `(batch, tokens, width)`, of that feature.
            mask: `(batch, tokens)` bool.
        """
        return unit_vectors(self.sides[side](tokens, mask))

    def call(
        self, tokens: Any = None, mask: Any = None, training: bool | None = None, of: Any = None
    ) -> Any:
        scale = ops.exp(ops.convert_to_tensor(self.log_scale))
        shift = 0.0 if self.shift is None else ops.convert_to_tensor(self.shift)
        sides = [
            logits_of(self.vectors(n, side["tokens"], side["mask"]), side["present"], number)
            for n, (side, number) in enumerate(zip(of, (scale, shift), strict=True))
        ]
        return ops.stack(sides, axis=1)

    def _number(self, name: str, start: float, constraint: Any = None) -> keras.Variable:
        return self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(start),
            dtype="float32",
            autocast=False,
            constraint=constraint,
            name=name,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "width": self.width,
            "temperature": self.temperature,
            "bias": self.bias,
        }


class AtMost(keras.constraints.Constraint):
    """Brings a logarithm back to that of a bound, behind each step.

    A bound on what is computed from it would end its gradient, and it would stay beyond.

    Args:
        most: the bound.
    """

    def __init__(self, most: float) -> None:
        self.most = most

    def __call__(self, w: Any) -> Any:
        return ops.minimum(w, math.log(self.most))

    def get_config(self) -> dict[str, Any]:
        return {"most": self.most}
