"""One trunk, of whose units each task has some."""

import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from plait._ranges import MOST_SEED, demand_whole
from plait.errors import ConfigError
from plait.sharing._task_blocks import TaskBlocks


@keras.saving.register_keras_serializable(package="plait")
class TaskRouting(TaskBlocks):
    """`HardSharing`'s trunk, inside whose blocks a task has only some of the units.

    Which, is drawn once for each block by `seed` and the task's name, and never changes: a block adds
    W_2 (m_t ⊙ gelu(W_1 norm(x))), where m_t is 1 for the `share` of the units that the task has.

    Args:
        blocks: how many.
        share: of a block's units for each task; 1 is `HardSharing`.
        seed: which ones.
        width: the size inside a block; that of the tokens if None.
        dropout: the share of a block's output that is dropped in training.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: an argument out of its range, names that stand twice.

    References:
        G. Strezoski et al., "Many Task Learning With Task Routing" (2019).
    """

    apart: ClassVar[bool] = True

    def __init__(
        self,
        blocks: int = 2,
        share: float = 0.5,
        seed: int = 0,
        width: int | None = None,
        dropout: float = 0.1,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(blocks, width, dropout, tasks, **kwargs)
        if isinstance(share, bool) or not 0 < share <= 1:
            raise ConfigError(
                f"TaskRouting: share is above 0 and at most 1. Received: {share!r}.", ("share",)
            )
        demand_whole("TaskRouting", least=0, most=MOST_SEED, seed=seed)
        self.share = share
        self.seed = seed

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        super().build(tokens_shape, mask_shape)
        count = max(1, round(self.share * self.inner))
        ranks = [self._drawn(task).argsort(axis=-1).argsort(axis=-1) for task in self.known()]
        self.routes = np.stack(ranks) < count

    def _drawn(self, task: str) -> np.ndarray:
        """`(blocks, units)` numbers of a task's own, whichever the other tasks are."""
        # Both are the same for ever, which NumPy promises of its legacy generator alone.
        own = zlib.crc32(f"{self.seed}/{task}".encode())
        return np.random.RandomState(own).rand(self.blocks, self.inner)

    def added(self, block: int, task: int, x: Any) -> Any:
        x = ops.gelu(self.rises[block](self.norms[block](x)), approximate=False)
        return self.falls[block](x * ops.cast(self.routes[task, block], x.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share, "seed": self.seed}
