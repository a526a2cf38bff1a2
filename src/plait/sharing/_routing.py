"""One trunk, of whose units each task has some."""

import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from plait._copies import take_weights
from plait._ranges import MOST_SEED, demand_whole
from plait.errors import ConfigError
from plait.sharing._hard_sharing import HardSharing
from plait.sharing._trunk_sharing import TrunkSharing


@keras.saving.register_keras_serializable(package="plait")
class TaskRouting(TrunkSharing):
    """One trunk, of whose units a task has only some.

    Which, is drawn once for each stage by `seed` and the task's name, and never changes. A stage that
    is given answers m_t ⊙ stage(x), where m_t is 1 for the `share` of its units (channels, of maps)
    that the task has, as the paper has it behind each convolution. A residual block, which is what
    stages are where only their number is given, has its mask inside, and leaves the identity whole:
    x + W_2 (m_t ⊙ gelu(W_1 norm(x))).

    Args:
        stages: how many residual blocks, or the stages as Keras layers. They may read something else
            than tokens, such as a picture, in a functional model.
        share: of a stage's units for each task; 1 is the trunk itself.
        seed: which ones.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: see `TrunkSharing`; an argument out of its range.

    References:
        G. Strezoski et al., "Many Task Learning With Task Routing" (2019).
    """

    apart: ClassVar[bool] = True

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        share: float = 0.5,
        seed: int = 0,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(stages, tasks, **kwargs)
        if isinstance(share, bool) or not 0 < share <= 1:
            raise ConfigError(
                f"TaskRouting: share is above 0 and at most 1. Received: {share!r}.", ("share",)
            )
        demand_whole("TaskRouting", least=0, most=MOST_SEED, seed=seed)
        self.share = share
        self.seed = seed

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        self.trunk = self.trunk_of(tokens_shape)
        units = [stage.given[-1] for stage in self.trunk]
        drawn = [self._routes(task, units) for task in self.known()]
        # For each stage `(tasks, units)`.
        self.routes = [np.stack(routes) for routes in zip(*drawn, strict=True)]

    def _routes(self, task: str, units: Sequence[int]) -> list[np.ndarray]:
        """Which units of each stage a task has, whichever the other tasks are."""
        # Both are the same for ever, which NumPy promises of its legacy generator alone.
        draw = np.random.RandomState(zlib.crc32(f"{self.seed}/{task}".encode()))
        ranks = [draw.rand(count).argsort().argsort() for count in units]
        return [rank < max(1, round(self.share * len(rank))) for rank in ranks]

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        found = []
        for task in range(len(self.known())):
            x = tokens
            for stage, routes in zip(self.trunk, self.routes, strict=True):
                x = self._through(stage, routes[task], x, mask, training)
            found.append(x)
        return found

    def _through(self, stage: Any, route: Any, x: Any, mask: Any, training: Any) -> Any:
        if self.given:
            x = stage(x, mask, training=training)
            return x * ops.cast(route, x.dtype)
        block: HardSharing = stage.steps[0]
        return block.routed(x, ops.cast(route, x.dtype), training=training)

    def take_from(self, whole: Any) -> None:
        for own, theirs in zip(self.trunk, whole.trunk, strict=True):
            take_weights(own, theirs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share, "seed": self.seed}
