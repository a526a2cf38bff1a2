"""One trunk for all tasks, through whose blocks each task has its own way."""

import abc
from collections.abc import Sequence
from typing import Any

import keras

from plait._copies import take_weights
from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait.sharing._task_sharing import TaskSharing


class TaskBlocks(TaskSharing, abc.ABC):
    """`HardSharing`'s residual blocks, which do something else for each task.

    What comes out is each task's tokens, which no two tasks read. So gradients can be compared at the
    parameters alone: balancers that compare them need `level="parameters"`.

    Args:
        blocks: how many.
        width: the size inside a block; that of the tokens if None.
        dropout: the share of a block's output that is dropped in training.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: an argument out of its range, names that stand twice.
    """

    def __init__(
        self,
        blocks: int = 2,
        width: int | None = None,
        dropout: float = 0.1,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tasks, **kwargs)
        owner = type(self).__name__
        demand_whole(owner, most=1000, blocks=blocks)
        if width is not None:
            demand_whole(owner, most=1 << 16, width=width)
        demand_share(owner, dropout=dropout)
        self.blocks = blocks
        self.width = width
        self.dropout = dropout

    @property
    def least_weights(self) -> int:
        return self.blocks

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        policy, outer = self.dtype_policy, tokens_shape[-1]
        self.inner = self.width or outer
        self.norms, self.rises, self.falls = [], [], []
        for n in range(self.blocks):
            self.norms.append(keras.layers.LayerNormalization(dtype=policy, name=f"norm_{n}"))
            self.rises.append(keras.layers.Dense(self.inner, dtype=policy, name=f"rise_{n}"))
            small = keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform")
            self.falls.append(
                keras.layers.Dense(outer, kernel_initializer=small, dtype=policy, name=f"fall_{n}")
            )
            self.norms[n].build((None, None, outer))
            self.rises[n].build((None, None, outer))
            self.falls[n].build((None, None, self.inner))
        self.drop = Dropout(self.dropout, dtype=policy, name="dropout")

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        found = []
        for task in range(len(self.known())):
            x = tokens
            for block in range(self.blocks):
                x = x + self.drop(self.added(block, task, x), training=training)
            found.append(x)
        return found

    def take_from(self, whole: Any) -> None:
        for own, theirs in zip(self._in_common(), whole._in_common(), strict=True):
            take_weights(own, theirs)

    def _in_common(self) -> list[keras.layers.Layer]:
        """The layers of all tasks."""
        return [*self.norms, *self.rises, *self.falls]

    @abc.abstractmethod
    def added(self, block: int, task: int, x: Any) -> Any:
        """What a block adds for a task to the tokens `(batch, tokens, width)`."""

    def part(self, shared: Any, task: str) -> Any:
        """The task's tokens."""
        return shared[self.place(task)]

    def branch(self, task: str) -> keras.layers.Layer | None:
        return None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "blocks": self.blocks,
            "width": self.width,
            "dropout": self.dropout,
        }
