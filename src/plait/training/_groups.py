"""Which tasks share a trunk, by how much a step for one lowers the loss of another."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from plait.errors import ConfigError
from plait.training._history import HISTORY_FILE

_MOST_TRIED = 100_000
Groups = list[list[str]]


def measured_affinity(run: Path, tasks: Sequence[str]) -> np.ndarray:
    """`(tasks, tasks)`: the mean over a run's epochs of how much a step for the first lowered the loss
    of the second, as a share of it; 0 where no batch had labels of both.

    Args:
        run: the folder of a run of `Training(affinity=True)`.
        tasks: their names.

    Raises:
        ConfigError: the run has not measured it.
    """
    history = pq.read_table(run / HISTORY_FILE)
    found = np.zeros((len(tasks), len(tasks)))
    for i, one in enumerate(tasks):
        for j, other in enumerate(tasks):
            name = f"affinity_{one}_on_{other}"
            if name not in history.column_names:
                raise ConfigError(
                    f"'{run}' has not measured how the tasks help each other: no {name}."
                )
            values = np.array(history[name].to_pylist(), float)
            known = values[np.isfinite(values)]
            found[i, j] = known.mean() if len(known) else 0.0
    return found


def groups_by_affinity(affinity: np.ndarray, tasks: Sequence[str], most: int) -> Groups:
    """The partition of the tasks into at most so many groups with the highest score.

    The score of a task is the mean of what the others of its group do for it, and 0 alone; that of a
    partition is the sum. All partitions are tried where they are not too many; else tasks change
    their groups one by one until none gains by it. Of equal partitions that with fewer groups counts.

    Args:
        affinity: `(tasks, tasks)`, what a step for the first does for the second.
        tasks: their names.
        most: groups.

    References:
        C. Fifty, E. Amid, Z. Zhao, T. Yu, R. Anil, C. Finn, "Efficiently Identifying Task Groupings for
        Multi-Task Learning", NeurIPS 2021. There groups may overlap, and no task is alone in one.
    """
    count = len(tasks)
    most = min(most, count)
    if most**count <= _MOST_TRIED * most:
        best = max(
            _partitions(count, most), key=lambda p: (round(_score(affinity, p), 12), -max(p))
        )
    else:
        best = _climbed(affinity, most)
    return [[tasks[i] for i in range(count) if best[i] == g] for g in sorted(set(best))]


def _partitions(count: int, most: int) -> Iterator[tuple[int, ...]]:
    """Each partition once: the group of each task, groups numbered as they come."""

    def further(head: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(head) == count:
            yield head
            return
        for group in range(min(most, max(head, default=-1) + 2)):
            yield from further((*head, group))

    return further(())


def _score(affinity: np.ndarray, groups: Sequence[int]) -> float:
    numbers = np.asarray(groups)
    together = (numbers[:, None] == numbers) & ~np.eye(len(numbers), dtype=bool)
    others = together.sum(0)
    gained = np.where(together, affinity, 0.0).sum(0)
    return float((gained / np.maximum(others, 1)).sum())


def _climbed(affinity: np.ndarray, most: int) -> tuple[int, ...]:
    groups = [0] * len(affinity)
    best = _score(affinity, groups)
    while True:
        tried = {
            (i, g): _score(affinity, [*groups[:i], g, *groups[i + 1 :]])
            for i in range(len(groups))
            for g in range(most)
        }
        (place, group), score = max(tried.items(), key=lambda item: item[1])
        if score <= best + 1e-12:
            names = {g: n for n, g in enumerate(dict.fromkeys(groups))}
            return tuple(names[g] for g in groups)
        groups[place], best = group, score


def affinity_in_words(affinity: np.ndarray, tasks: Sequence[str]) -> Mapping[str, str]:
    """A line for each task: by how much of a thousandth its steps lower the loss of each other."""
    return {
        one: "  ".join(
            f"{other} {1000 * affinity[i, j]:+.3f}" for j, other in enumerate(tasks) if j != i
        )
        for i, one in enumerate(tasks)
    }
