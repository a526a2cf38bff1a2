"""What an epoch's steps have to tell beside Keras' metrics, kept in a few variables of the step."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import keras
import numpy as np

from plait.model._asked import Weighed
from plait.model._means import Means
from plait.model._network import TaskLosses


class Report:
    """How the tasks' gradients lay to each other over an epoch, and the first loss that was no number.

    No metric: Keras would compute its result in every step, and print it at every batch.

    Args:
        tasks: the tasks' names.
        compares: whether the steps compare gradients.
    """

    def __init__(self, tasks: Sequence[str], compares: bool) -> None:
        self._tasks = tuple(tasks)
        self.epoch = keras.Variable(0, dtype="int32", trainable=False, name="epoch")
        # One more for the losses that layers and regularisers add.
        self._bad = keras.Variable(
            np.full(len(self._tasks) + 1, -1), dtype="int32", trainable=False, name="bad_steps"
        )
        count = len(self._tasks)
        self._cosines = Means(count * count, name="cosines") if compares else None
        self._shares = Means(count, name="shares") if compares else None

    @property
    def variables(self) -> list[keras.Variable]:
        """All of it."""
        means = [m for m in (self._cosines, self._shares) if m is not None]
        return [self.epoch, self._bad, *(v for m in means for v in m.variables)]

    def begin(self, epoch: int) -> None:
        """Starts an epoch."""
        self.epoch.assign(epoch)
        self._bad.assign(np.full(self._bad.shape, -1))
        for means in (self._cosines, self._shares):
            if means is not None:
                means.reset_state()

    def update(self, losses: TaskLosses, added: Any, weighed: Weighed, step: Any) -> None:
        """Takes one step."""
        ops = keras.ops
        wrong = ops.logical_not(ops.isfinite(ops.append(losses.values, added)))
        bad = ops.convert_to_tensor(self._bad)
        self._bad.assign(ops.where(ops.logical_and(wrong, bad < 0), step, bad))
        if self._cosines is None or self._shares is None or weighed.gramian is None:
            return
        present = ops.cast(losses.active, "float32")
        cosines, lengths = _cosines(weighed.gramian)
        there = present * ops.cast(lengths > 0, "float32")
        pairs = there[:, None] * there[None, :]
        self._cosines.update_state(ops.reshape(cosines, (-1,)), ops.reshape(pairs, (-1,)))
        pulled = weighed.pulled
        if pulled is None:
            pulled = weighed.weights * (weighed.gramian @ weighed.weights[:, None])[:, 0]
        whole = ops.sum(pulled)
        moved = present * ops.cast(ops.logical_and(whole > 0, ops.isfinite(whole)), "float32")
        shares = ops.where(moved > 0, pulled / ops.where(whole > 0, whole, 1.0), 0.0)
        self._shares.update_state(shares, moved)

    def result(self) -> dict[str, float]:
        """`cosine_<a>_<b>` for each two tasks, and `<task>_share` of the update; NaN where none met.

        A share is that of the squared length of the update of what the tasks share: with c_t what task
        t adds to it and d = sum_t c_t it is <c_t, d> / <d, d>, where c_t is the task's gradient times
        its weight, or what an `Aggregator` makes of it. They sum to 1; one below 0 was pulled against.
        """
        found: dict[str, float] = {}
        if self._cosines is None or self._shares is None:
            return found
        met = keras.ops.convert_to_numpy(self._cosines.count).reshape((len(self._tasks),) * 2)
        cosines = keras.ops.convert_to_numpy(self._cosines.result()).reshape(met.shape)
        for a, b in combinations(range(len(self._tasks)), 2):
            name = f"cosine_{self._tasks[a]}_{self._tasks[b]}"
            found[name] = float(cosines[a, b]) if met[a, b] else math.nan
        shares = keras.ops.convert_to_numpy(self._shares.result())
        seen = keras.ops.convert_to_numpy(self._shares.count)
        for task, share, count in zip(self._tasks, shares, seen, strict=True):
            found[f"{task}_share"] = float(share) if count else math.nan
        return found

    def first_bad(self) -> tuple[str | None, int] | None:
        """The first task whose loss was no number in this epoch (None: an added loss), and its step."""
        steps = keras.ops.convert_to_numpy(self._bad)
        if not (steps >= 0).any():
            return None
        first = int(np.argmin(np.where(steps >= 0, steps, np.iinfo("int32").max)))
        return (*self._tasks, None)[first], int(steps[first])


def _cosines(gramian: Any) -> tuple[Any, Any]:
    """`(tasks, tasks)`, 0 for a zero gradient, and the squared lengths `(tasks,)`."""
    ops = keras.ops
    lengths = ops.diagonal(gramian)
    usable = ops.logical_and(lengths > 0, ops.isfinite(lengths))
    lengths = ops.where(usable, lengths, 0.0)
    inverse = ops.where(usable, ops.rsqrt(ops.where(usable, lengths, 1.0)), 0.0)
    cosines = gramian * inverse[:, None] * inverse[None, :]
    return ops.where(ops.isfinite(cosines), cosines, 0.0), lengths
