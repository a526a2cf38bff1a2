"""Trunks of their own that are drawn to each other."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from plait._copies import take_weights
from plait._ranges import demand_number
from plait.sharing._trunk_sharing import Columns


@keras.saving.register_keras_serializable(package="plait")
class SoftSharing(Columns):
    """A trunk for each task, and the loss `strength` · Σ_l Σ_t ‖W_lt - W̄_l‖² that draws them together.

    W̄ is the mean over the tasks. The loss stands beside those of the tasks, with weight 1.

    Args:
        stages: how many residual blocks (`HardSharing(blocks=1)`), or the stages as Keras layers.
        strength: the weight of that loss; with 0 the trunks know nothing of each other.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: see `TrunkSharing`; a strength that is no number of 0 or more.

    References:
        L. Duong et al., "Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural
        Network Parser" (2015), which draws the weights of one model to those of another; here all are
        drawn to their mean.
    """

    apart: ClassVar[bool] = True

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        strength: float = 1e-3,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(stages, tasks, **kwargs)
        demand_number("SoftSharing", strength=strength)
        self.strength = strength

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        found = [tokens] * len(self.known())
        for number in range(self.count):
            copies = zip(self.copies_of(number), found, strict=True)
            found = [stage(x, mask, training=training) for stage, x in copies]
        if training and self.strength and len(found) > 1:
            self.add_loss(self.once(self.strength * self.spread()))
        return found

    def spread(self) -> Any:
        """Σ_l Σ_t ‖W_lt - W̄_l‖² over all trainable weights."""
        total = ops.zeros((), "float32")
        for number in range(self.count):
            columns = [stage.trainable_variables for stage in self.copies_of(number)]
            for same in zip(*columns, strict=True):
                weights = ops.stack([ops.cast(v, "float32") for v in same])
                total = total + ops.sum(ops.square(weights - ops.mean(weights, axis=0)))
        return total

    def take_from(self, whole: Any) -> None:
        places = self.places_in(whole)
        for number in range(self.count):
            theirs = whole.copies_of(number)
            for stage, place in zip(self.copies_of(number), places, strict=True):
                take_weights(stage, theirs[place])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength}
