"""One trunk with low-rank weights of each task's beside it."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from plait._copies import take_weights
from plait._ranges import demand_number, demand_whole
from plait.sharing._template import Follow
from plait.sharing._trunk_sharing import TrunkSharing


@keras.saving.register_keras_serializable(package="plait")
class LoRA(TrunkSharing):
    """One trunk whose kernels are W + (alpha / rank) A_t B_t for a task t.

    So for every weight of a stage that has two axes or more, as a matrix from all but its last axis to
    that: of a Dense, of a convolution, of attention. The rank is at most the lesser of its two sizes.
    A_t begins at random, B_t at 0: the tasks begin with the same trunk. Weights of one axis, as biases
    and normalisation have, are the trunk's, which is trained with A and B;
    `Training(freeze=["trunk"])` freezes these too.

    Args:
        stages: how many residual blocks (`HardSharing(blocks=1)`), or the stages as Keras layers. They
            may read something else than tokens, such as a picture, in a functional model.
        rank: of a task's own weights, at most.
        alpha: their scale, times the rank.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: see `TrunkSharing`; an argument out of its range.

    References:
        E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), for the form of the
        weights.
    """

    apart: ClassVar[bool] = True

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        rank: int = 8,
        alpha: float = 8.0,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(stages, tasks, **kwargs)
        demand_whole("LoRA", rank=rank)
        demand_number("LoRA", alpha=alpha)
        self.rank = rank
        self.alpha = alpha

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        self.trunk = self.trunk_of(tokens_shape)
        # Flat lists, one of each for each kernel, stage after stage: Keras looks no deeper.
        self.a: list[Any] = []
        self.b: list[Any] = []
        for number, stage in enumerate(self.trunk):
            for place, kernel in enumerate(kernels_of(stage)):
                self._add(f"{number}_{place}", math.prod(kernel.shape[:-1]), kernel.shape[-1])

    def _add(self, name: str, size: int, units: int) -> None:
        """The tasks' weights beside a kernel of so many rows and columns."""
        tasks, rank = len(self.known()), min(self.rank, size, units)
        random = keras.initializers.RandomNormal(stddev=size**-0.5)
        a = self.add_weight(name=f"a_{name}", shape=(tasks, size, rank), initializer=random)
        b = self.add_weight(name=f"b_{name}", shape=(tasks, rank, units), initializer="zeros")
        self.a.append(a)
        self.b.append(b)

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        found = []
        for task in range(len(self.known())):
            x, low = tokens, iter(zip(self.a, self.b, strict=True))
            for stage in self.trunk:
                own = {
                    id(kernel): self._added(kernel, *next(low), task)
                    for kernel in kernels_of(stage)
                }
                x = self._through(stage, own, x, mask, training)
            found.append(x)
        return found

    def _added(self, kernel: Any, a: Any, b: Any, task: int) -> Any:
        """A kernel with what a task adds."""
        low = ops.matmul(a[task], b[task]) * (self.alpha / self.rank)
        return ops.cast(kernel, low.dtype) + ops.reshape(low, kernel.shape)

    def _through(self, stage: Follow, own: Any, x: Any, mask: Any, training: Any) -> Any:
        """What a stage gives with other values of some of its weights."""
        values = [(v, own.get(id(v), v.value)) for v in stage.variables]
        with keras.StatelessScope(values, collect_losses=True) as scope:
            begun = [scope.get_current_value(v) for v in stage.variables]
            x = stage(x, mask, training=training)
            losses = list(scope.losses)
            # Else they would count as the stage's own, too.
            stage._clear_losses()
        for variable, before in zip(stage.variables, begun, strict=True):
            # The states of draws, and what a layer counts.
            now = scope.get_current_value(variable)
            if now is not before:
                variable.assign(now)
        for loss in losses:
            self.add_loss(loss)
        return x

    def take_from(self, whole: Any) -> None:
        for own, theirs in zip(self.trunk, whole.trunk, strict=True):
            take_weights(own, theirs)
        places = self.places_in(whole)
        for own, theirs in zip([*self.a, *self.b], [*whole.a, *whole.b], strict=True):
            own.assign(ops.take(theirs, places, axis=0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank, "alpha": self.alpha}


def kernels_of(stage: Follow) -> list[Any]:
    """The weights of a stage that have a low-rank part."""
    return [v for v in stage.weights if len(v.shape) > 1]
