"""The contract of methods that make the update out of the tasks' gradients themselves."""

import abc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from plait.balancing._balancer import Balancer, Evidence, Level, StepContext


@dataclass(frozen=True)
class Update:
    """What an aggregator makes of the tasks' gradients.

    Attributes:
        along: one `(*shape)` for each of `Evidence.gradients`, which the shared tensor moves along.
        weights: the heads' weights `(tasks,)`, 0 for inactive tasks.
        parts: from a shared tensor's place to each task's part of what it moves along, `(*shape)` in
            turn, which sum to it. Asked only in the steps that tell the tasks' shares of the update;
            without it the shares are not known.
    """

    along: Sequence[Any]
    weights: Any
    parts: Callable[[int], Iterable[Any]] | None = None


class Aggregator(Balancer):
    """A method that makes the update of the shared tensors from the tasks' gradients themselves.

    Args:
        level: "parameters" gives it the gradients of the shared variables, at one trunk backward a
            task; "representation" those of the tensors where the shared trunk ends, for methods that
            keep no state of the gradients' shape.
        weight_heads: whether the weights that it gives also multiply each head's own gradient.
    """

    needs = frozenset({"gradients"})

    def __init__(self, *, level: Level = "parameters", weight_heads: bool = False) -> None:
        super().__init__()
        if level not in get_args(Level):
            raise ValueError(
                f"{type(self).__name__}: level is 'representation' or 'parameters'. "
                f"Received: {level!r}"
            )
        self.level = level
        self.weight_heads = weight_heads
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def build_rows(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Makes the state that has the shared variables' shapes, once; after `build`."""
        if not self.shapes:
            self.shapes = tuple(tuple(shape) for shape in shapes)
            self.build_state(self.shapes)

    def build_state(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Makes variables for shared variables of these shapes; only at the level "parameters"."""

    @abc.abstractmethod
    def update(self, evidence: Evidence, context: StepContext) -> Update:
        """Makes one gradient of the tasks' gradients; may assign the balancer's variables."""

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        return self.update(evidence, context).weights, []

    def get_config(self) -> dict[str, Any]:
        return {"level": self.level, "weight_heads": self.weight_heads}
