"""How a task that only serves the others leaves a run, little by little."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from plait.model._network import Network, TaskLosses


@dataclass(frozen=True)
class Fade:
    """What is left of each task's weight in a step.

    All of it up to `first`, then less on a line, and nothing from `last` on, where the task takes part
    no more, in a balancer either. Between the two a balancer to which the size of a loss means nothing
    does not feel it. It is a function of the step alone, so a run that goes on goes on alike.

    Attributes:
        first: by task, the last step with all of its weight.
        last: by task, the first step without any; more than `first`.
    """

    first: Mapping[str, int]
    last: Mapping[str, int]

    @classmethod
    def over(cls, shares: Mapping[str, tuple[float, float] | None], steps: int) -> "Fade | None":
        """From the shares of a run of so many steps, `(start, end)`; None where nothing fades."""
        fading = {task: share for task, share in shares.items() if share is not None}
        if not fading:
            return None
        last = {task: math.ceil(end * steps) for task, (_, end) in fading.items()}
        first = {
            task: min(int(start * steps), last[task] - 1) for task, (start, _) in fading.items()
        }
        return cls(first, last)

    def left(self, tasks: Sequence[str], step: Any) -> Any:
        """`(tasks,)` float32 in [0, 1].

        Args:
            tasks: in their order.
            step: scalar int32, counted from 0.
        """
        ops = keras.ops
        # Whole numbers, which float32 holds: the last step is one and the same on every backend.
        never = np.iinfo("int32").max
        ends = np.array([self.last.get(t, never) for t in tasks], "int32")
        spans = np.array([max(1, ends[n] - self.first.get(t, never)) for n, t in enumerate(tasks)])
        ahead = ops.cast(ops.convert_to_tensor(ends) - ops.cast(step, "int32"), "float32")
        return ops.clip(ahead / ops.convert_to_tensor(spans.astype("float32")), 0.0, 1.0)


def faded(network: Network, left: Any) -> Network:
    """The network with each task's loss times what is left of its weight, `(tasks,)`."""

    def losses(predictions: dict[str, Any], labels: Any) -> TaskLosses:
        found = network.losses(predictions, labels)
        return replace(found, values=found.values * left)

    return replace(network, losses=losses)
