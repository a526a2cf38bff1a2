"""Trunks of their own that are mixed after each stage."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from plait._shares import tell_shares
from plait.sharing._trunk_sharing import Columns, biased, stitched


@keras.saving.register_keras_serializable(package="plait")
class CrossStitch(Columns):
    """A trunk for each task, and after each stage a learnt mixture of all: x_i <- Σ_j α_ij x_j.

    α begins at .9 for the task's own and the rest in equal parts for the others'.

    Args:
        stages: how many residual blocks (`HardSharing(blocks=1)`), or the stages as Keras layers.
        per_channel: α for each channel, instead of one for all.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: see `TrunkSharing`.

    References:
        I. Misra et al., "Cross-stitch Networks for Multi-task Learning" (2016). There the trunks begin
        as trained ones of single tasks, and α learns at a rate orders of magnitude higher; here they
        begin from random weights, and α learns at the trunk's rate.
    """

    weighs = True

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        per_channel: bool = False,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(stages, tasks, **kwargs)
        self.per_channel = per_channel

    def demand_few(self, copies: int) -> None:
        super().demand_few(copies * copies)

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        super().build(tokens_shape, mask_shape)
        tasks = len(self.known())
        self.stitches = []
        for number, shape in enumerate(self.shapes if tasks > 1 else []):
            form = (tasks, tasks, shape[-1]) if self.per_channel else (tasks, tasks)
            self.stitches.append(
                self.add_weight(
                    name=f"stitch_{number}",
                    shape=form,
                    initializer=Biased(),
                    dtype="float32",
                )
            )

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        found = [tokens] * len(self.known())
        for number in range(self.count):
            copies = zip(self.copies_of(number), found, strict=True)
            found = [stage(x, mask, training=training) for stage, x in copies]
            if self.stitches:
                self._tell(number)
                found = stitched(self.stitches[number], found)
        return found

    def _tell(self, number: int) -> None:
        """The mixture after a stage, of weights for each channel their mean."""
        square = self.stitches[number]
        square = keras.ops.mean(square, axis=-1) if self.per_channel else square
        trunks = [f"trunk of {task}" for task in self.known()]
        for place, task in enumerate(self.known()):
            tell_shares(f"stage {number + 1}", trunks, square[place : place + 1], task=task)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "per_channel": self.per_channel}


class Biased(keras.initializers.Initializer):
    """`biased` as the initial values of `(n, n)` or `(n, n, channels)` weights."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        square = np.asarray(biased(shape[0]), "float32")
        square = square.reshape(square.shape + (1,) * (len(shape) - 2))
        return keras.ops.convert_to_tensor(np.broadcast_to(square, shape), dtype=dtype)
