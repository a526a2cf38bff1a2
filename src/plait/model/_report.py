"""What an epoch's steps have to tell beside Keras' metrics, kept in a few variables of the step."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import keras
import numpy as np

from plait.errors import BadLoss
from plait.model._asked import Weighed
from plait.model._means import Means
from plait.model._network import TaskLosses

_ROWS = 8
"""So many of a batch's rows are named."""


class Report:
    """How the tasks' gradients lay to each other over an epoch, and the first loss that was no number.

    No metric: Keras would compute its result in every step, and print it at every batch.

    Args:
        tasks: the tasks' names.
        compares: whether the steps compare gradients.
        affinity: whether they measure how much a step for one task lowers the loss of another.
    """

    def __init__(self, tasks: Sequence[str], compares: bool, affinity: bool = False) -> None:
        self._tasks = tuple(tasks)
        self.epoch = keras.Variable(0, dtype="int32", trainable=False, name="epoch")
        # One more for the losses that layers and regularisers add.
        self._bad = keras.Variable(
            np.full(len(self._tasks) + 1, -1), dtype="int32", trainable=False, name="bad_steps"
        )
        self._batches = keras.Variable(0, dtype="int32", trainable=False, name="batches")
        # Of the first one: its batch, how many rows, and which.
        self._where = keras.Variable(
            np.full(_ROWS + 2, -1), dtype="int32", trainable=False, name="bad_rows"
        )
        count = len(self._tasks)
        self._cosines = Means(count * count, name="cosines") if compares else None
        self._shares = Means(count, name="shares") if compares else None
        self._affinity = Means(count * count, name="affinity") if affinity else None

    @property
    def variables(self) -> list[keras.Variable]:
        """All of it."""
        means = [m for m in self._means if m is not None]
        own = [self.epoch, self._bad, self._batches, self._where]
        return [*own, *(v for m in means for v in m.variables)]

    def begin(self, epoch: int) -> None:
        """Starts an epoch."""
        self.epoch.assign(epoch)
        self._bad.assign(np.full(self._bad.shape, -1))
        self._batches.assign(np.int32(0))
        self._where.assign(np.full(self._where.shape, -1))
        for means in self._means:
            if means is not None:
                means.reset_state()

    @property
    def _means(self) -> tuple[Means | None, ...]:
        return self._cosines, self._shares, self._affinity

    def update(self, losses: TaskLosses, added: Any, weighed: Weighed, step: Any) -> None:
        """Takes one step."""
        ops = keras.ops
        wrong = ops.logical_not(ops.isfinite(ops.append(losses.values, added)))
        bad, batch = ops.convert_to_tensor(self._bad), ops.convert_to_tensor(self._batches)
        first = ops.logical_and(ops.any(wrong), ops.all(bad < 0))
        where = ops.convert_to_tensor(self._where)
        self._where.assign(ops.where(first, _where(batch, wrong, losses.wrong), where))
        self._bad.assign(ops.where(ops.logical_and(wrong, bad < 0), step, bad))
        self._batches.assign(batch + 1)
        if self._affinity is not None and weighed.affinity is not None:
            found, pairs = weighed.affinity
            self._affinity.update_state(ops.reshape(found, (-1,)), ops.reshape(pairs, (-1,)))
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

        `affinity_<a>_on_<b>`, where it is measured: see `affinity`.
        """
        found: dict[str, float] = {}
        if self._affinity is not None:
            measured = self._affinity.on_host().reshape((len(self._tasks),) * 2)
            for one, row in zip(self._tasks, measured, strict=True):
                for other, share in zip(self._tasks, row, strict=True):
                    found[f"affinity_{one}_on_{other}"] = float(share)
        if self._cosines is None or self._shares is None:
            return found
        cosines = self._cosines.on_host().reshape((len(self._tasks),) * 2)
        for a, b in combinations(range(len(self._tasks)), 2):
            found[f"cosine_{self._tasks[a]}_{self._tasks[b]}"] = float(cosines[a, b])
        for task, share in zip(self._tasks, self._shares.on_host(), strict=True):
            found[f"{task}_share"] = float(share)
        return found

    def first_bad(self) -> BadLoss | None:
        """The first loss that was no number in this epoch, if there was one."""
        steps = keras.ops.convert_to_numpy(self._bad)
        if not (steps >= 0).any():
            return None
        first = int(np.argmin(np.where(steps >= 0, steps, np.iinfo("int32").max)))
        batch, count, *places = keras.ops.convert_to_numpy(self._where).tolist()
        return BadLoss(
            task=(*self._tasks, None)[first],
            step=int(steps[first]),
            epoch=int(keras.ops.convert_to_numpy(self.epoch)),
            batch=batch,
            places=tuple(place for place in places if place >= 0),
            count=count,
        )


def _where(batch: Any, wrong: Any, rows: Any) -> Any:
    """`(2 + _ROWS,)` int32: a batch, how many of its rows have a bad loss, and the first of these.

    Args:
        batch: scalar int32.
        wrong: `(tasks + 1,)` bool; of several tasks the first one's rows are told.
        rows: `(tasks, batch)` bool, or None where they are not known.
    """
    ops = keras.ops
    if rows is None:
        told = ops.convert_to_tensor(np.array([0] + [-1] * _ROWS, "int32"))
        return ops.concatenate([batch[None], told])
    here = ops.take(rows, ops.argmax(ops.cast(wrong[:-1], "int32")), axis=0)
    rank = ops.cast(ops.cumsum(ops.cast(here, "int32")), "int32")
    numbers = ops.arange(1, _ROWS + 1, dtype="int32")[:, None]
    named = ops.logical_and(here[None, :], rank[None, :] == numbers)
    places = ops.arange(1, ops.shape(here)[0] + 1, dtype="int32")
    # 0 where there are fewer rows: -1, then.
    found = ops.sum(ops.where(named, places[None, :], 0), axis=1) - 1
    return ops.concatenate([batch[None], rank[-1:], ops.cast(found, "int32")])


def _cosines(gramian: Any) -> tuple[Any, Any]:
    """`(tasks, tasks)`, 0 for a zero gradient, and the squared lengths `(tasks,)`."""
    ops = keras.ops
    lengths = ops.diagonal(gramian)
    usable = ops.logical_and(lengths > 0, ops.isfinite(lengths))
    lengths = ops.where(usable, lengths, 0.0)
    inverse = ops.where(usable, ops.rsqrt(ops.where(usable, lengths, 1.0)), 0.0)
    cosines = gramian * inverse[:, None] * inverse[None, :]
    return ops.where(ops.isfinite(cosines), cosines, 0.0), lengths
