"""One trunk with low-rank weights of each task's beside it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from plait._ranges import demand_number, demand_whole
from plait.sharing._task_blocks import TaskBlocks


@keras.saving.register_keras_serializable(package="plait")
class LoRA(TaskBlocks):
    """`HardSharing`'s trunk whose weights are W + (alpha / rank) B_t A_t for a task t.

    So for both layers of each residual block. A_t begins at random, B_t at 0: the tasks begin with the
    same trunk. That is trained with them, unless it is frozen (`Training(freeze=["trunk"])` freezes
    A and B too; freeze the encoders, and begin from another run, to adapt what was learnt there).

    Args:
        blocks: how many.
        rank: of a task's own weights.
        alpha: their scale, times the rank.
        width: the size inside a block; that of the tokens if None.
        dropout: the share of a block's output that is dropped in training.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: an argument out of its range, names that stand twice.

    References:
        E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), for the form of the
        weights.
    """

    apart: ClassVar[bool] = True

    def __init__(
        self,
        blocks: int = 2,
        rank: int = 8,
        alpha: float = 8.0,
        width: int | None = None,
        dropout: float = 0.1,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(blocks, width, dropout, tasks, **kwargs)
        demand_whole("LoRA", rank=rank)
        demand_number("LoRA", alpha=alpha)
        self.rank = rank
        self.alpha = alpha

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        super().build(tokens_shape, mask_shape)
        outer, tasks = tokens_shape[-1], len(self.known())
        sizes = {"rise": (outer, self.inner), "fall": (self.inner, outer)}
        self.low = {
            f"{name}_{part}_{block}": self.add_weight(
                name=f"{name}_{part}_{block}",
                shape=(tasks, size[0], self.rank) if part == "a" else (tasks, self.rank, size[1]),
                initializer=keras.initializers.RandomNormal(stddev=size[0] ** -0.5)
                if part == "a"
                else "zeros",
            )
            for block in range(self.blocks)
            for name, size in sizes.items()
            for part in "ab"
        }

    def added(self, block: int, task: int, x: Any) -> Any:
        x = self.norms[block](x)
        x = ops.gelu(self.rises[block](x) + self._own("rise", block, task, x), approximate=False)
        return self.falls[block](x) + self._own("fall", block, task, x)

    def _own(self, name: str, block: int, task: int, x: Any) -> Any:
        a, b = (ops.cast(self.low[f"{name}_{part}_{block}"], x.dtype)[task] for part in "ab")
        return ops.matmul(ops.matmul(x, a), b) * (self.alpha / self.rank)

    def take_from(self, whole: Any) -> None:
        super().take_from(whole)
        places = self.places_in(whole)
        for name, weights in self.low.items():
            weights.assign(ops.take(whole.low[name], places, axis=0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank, "alpha": self.alpha}
