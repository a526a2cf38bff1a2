"""One trunk, to whose stages each task pays its own attention."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from plait._copies import take_weights
from plait.errors import ConfigError
from plait.sharing._trunk_sharing import TrunkSharing


@keras.saving.register_keras_serializable(package="plait")
class MTAN(TrunkSharing):
    """One trunk, and for each task a mask over what its stages give: â = σ(h(g([u; f(â below)]))) ⊙ p.

    A stage is two layers: u is what the first gives, p what the second. g and h are the task's own,
    a Dense with normalisation and a relu, and one with normalisation and a sigmoid (1 x 1
    convolutions, of maps); f, which carries the attended features of the stage below up, is one for
    all tasks: a Dense, of maps a 3 x 3 convolution, with normalisation and a relu, and pooling where
    the stage makes maps smaller. The last stage's â is what the task reads. Normalisation is of each
    token or pixel (layer normalisation), where the paper has that of the batch.

    Args:
        stages: how many, each of two residual blocks (`HardSharing(blocks=1)`). Or the layers, two for
            each stage; they may read and give maps `(batch, height, width, channels)`.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: see `TrunkSharing`; an odd number of layers, or what are neither tokens nor maps.

    References:
        S. Liu et al., "End-to-End Multi-Task Learning with Attention" (2019).
    """

    apart: ClassVar[bool] = True

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(stages, tasks, **kwargs)
        if not isinstance(stages, int) and self.count % 2:
            raise ConfigError(
                f"MTAN: stages are two layers each. Received: {self.count} layers.", ("stages",)
            )
        self.attended = self.count if isinstance(stages, int) else self.count // 2

    @property
    def depth(self) -> int:
        return self.count if self.given else 2 * self.count

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        shape, below = tokens_shape, None
        # Flat lists, each task's after the other: Keras looks no deeper.
        self.trunk, self.carry, self.reads, self.masks = [], [], [], []
        for number in range(self.attended):
            first = self.stage(2 * number, f"first_{number}", shape)
            inside = first.compute_output_shape(shape)
            second = self.stage(2 * number + 1, f"second_{number}", inside)
            shape = second.compute_output_shape(inside)
            self.trunk += [first, second]
            wide = inside
            if below is not None:
                carry = self._carry(number, below, inside)
                self.carry.append(carry)
                wide = (*inside[:-1], inside[-1] + carry.compute_output_shape(below)[-1])
            for task in range(len(self.known())):
                read = self._dense(inside[-1], f"read_{number}_{task}", wide)
                read_shape = read.compute_output_shape(wide)
                self.reads.append(read)
                self.masks.append(
                    self._dense(shape[-1], f"mask_{number}_{task}", read_shape, "sigmoid")
                )
            if shape[1:-1] != inside[1:-1]:
                raise ConfigError(
                    "MTAN: the second layer of a stage keeps the size of what the first gives. "
                    f"Received: {inside[1:]} and {shape[1:]}.",
                    ("stages",),
                )
            below = shape

    def stage(self, number: int, name: str, shape: Any) -> Any:
        if len(shape) not in (3, 4):
            raise ConfigError(
                f"MTAN: a stage reads tokens or maps. Received: {tuple(shape)[1:]}.", ("stages",)
            )
        return super().stage(number, name, shape)

    def _dense(self, units: int, name: str, shape: Any, activation: str = "relu") -> Any:
        """A Dense with normalisation and an activation, built."""
        policy = self.dtype_policy
        made = keras.Sequential(
            [
                keras.layers.Dense(units, dtype=policy, name="dense"),
                keras.layers.LayerNormalization(dtype=policy, name="norm"),
                keras.layers.Activation(activation, dtype=policy, name=activation),
            ],
            name=name,
        )
        made.build(shape)
        return made

    def _carry(self, number: int, below: Any, inside: Any) -> Any:
        """f: from the attended features of the stage below to the size of this one's."""
        policy, units, name = self.dtype_policy, inside[-1], f"carry_{number}"
        if len(below) == 3:
            return self._dense(units, name, below)
        layers = [
            keras.layers.Conv2D(units, 3, padding="same", dtype=policy, name="convolution"),
            keras.layers.LayerNormalization(dtype=policy, name="norm"),
            keras.layers.Activation("relu", dtype=policy, name="relu"),
        ]
        if below[1:3] != inside[1:3]:
            strides = tuple(-(-a // b) for a, b in zip(below[1:3], inside[1:3], strict=True))
            layers.append(
                keras.layers.MaxPooling2D(
                    strides, strides, padding="same", dtype=policy, name="pool"
                )
            )
        made = keras.Sequential(layers, name=name)
        made.build(below)
        if made.compute_output_shape(below)[1:3] != tuple(inside[1:3]):
            raise ConfigError(
                f"MTAN: a stage makes {inside[1:3]} of maps of {below[1:3]}, which no pooling of "
                "whole steps does. Take strides that part the maps evenly.",
                ("stages",),
            )
        return made

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        tasks = len(self.known())
        x = tokens
        found: list[Any] = []
        for number in range(self.attended):
            first, second = self.trunk[2 * number : 2 * number + 2]
            u = first(x, mask, training=training)
            x = second(u, mask, training=training)
            below, found = found, []
            for task in range(tasks):
                read = u
                if number:
                    carried = self.carry[number - 1](below[task])
                    read = ops.concatenate([u, carried], axis=-1)
                place = number * tasks + task
                found.append(self.masks[place](self.reads[place](read)) * x)
        return found

    def take_from(self, whole: Any) -> None:
        for own, theirs in zip(
            [*self.trunk, *self.carry], [*whole.trunk, *whole.carry], strict=True
        ):
            take_weights(own, theirs)
        places, tasks = self.places_in(whole), len(whole.known())
        for own_list, their_list in ((self.reads, whole.reads), (self.masks, whole.masks)):
            kept = [n * tasks + place for n in range(self.attended) for place in places]
            for own, number in zip(own_list, kept, strict=True):
                take_weights(own, their_list[number])
