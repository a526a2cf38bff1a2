"""What each task takes of each feature and each expert."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import pyarrow as pa

from plait._shares import EVERY_TASK, Shares, listening
from plait.backend import no_gradient
from plait.inference._rows import Inputs
from plait.tasks import Task

_TEXT, _NUMBER = pa.string(), pa.float64()
_SCHEMA = pa.schema(
    {"task": _TEXT, "gate": _TEXT, "part": _TEXT, "mean": _NUMBER, "deviation": _NUMBER}
)


def gates(
    model: keras.Model, tasks: Mapping[str, Task], batches: Iterable[tuple[int, Inputs]]
) -> pa.Table:
    """A line for each part of each gate; see `Predictor.gates`.

    Args:
        model: from inputs to logits by task.
        tasks: fitted tasks by name.
        batches: how many rows count, and the inputs.
    """
    models = {
        name: keras.Model(model.input, _read_by_head(model.output[name], task))
        for name, task in tasks.items()
        if task.fused
    }
    first = next(iter(models), None)
    # The shared part is called for each set of features that some task reads.
    alike = len({frozenset(tasks[name].features or ()) for name in models}) == 1
    found: dict[tuple[str, str], list[Shares]] = {}
    for count, x in batches:
        for name, stages in models.items():
            for told in _told(stages, x):
                task = told.task or name
                if task == EVERY_TASK and not alike:
                    task = name
                # What is every task's comes again with each of them.
                if task == name or (task == EVERY_TASK and name == first):
                    found.setdefault((task, told.gate), []).append(told.of_rows(count))
    lines = []
    for (task, gate), each in found.items():
        values = np.concatenate([shares.values for shares in each]).astype("float64")
        means, deviations = values.mean(axis=0).tolist(), values.std(axis=0).tolist()
        lines += [
            {"task": task, "gate": gate, "part": part, "mean": mean, "deviation": deviation}
            for part, mean, deviation in zip(each[0].parts, means, deviations, strict=True)
        ]
    return pa.Table.from_pylist(lines, _SCHEMA)


def _told(model: keras.Model, x: Inputs) -> list[Shares]:
    """Layer by layer, so that each can tell."""
    with listening() as told, no_gradient():
        model(x, training=False)
    return told


def _read_by_head(logits: Any, task: Task) -> Any:
    """The tensor of the shared part, or of the task's branch, that its head reads."""
    tensor = _first_read(logits)
    # What it is given of other tasks' answers comes between.
    return _first_read(tensor) if task.after else tensor


def _first_read(tensor: Any) -> Any:
    """The first argument of the layer that made a tensor."""
    operation, node, _ = tensor._keras_history
    return operation._inbound_nodes[node].arguments.args[0]
