"""What tasks of several kinds say, on one footing: a distribution over classes, or a number."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from plait.errors import ConfigError
from plait.tasks import Task


def task_of(tasks: Mapping[str, Task], name: str, owner: str, argument: str) -> Task:
    """A task whose answers an objective can read.

    Raises:
        ConfigError: its logits are no vector of answers.
    """
    if tasks[name].gives is None:
        raise ConfigError(
            f"{owner}: '{name}' is a {type(tasks[name]).__name__}, which gives no probabilities or "
            "number that it could read.",
            (argument,),
        )
    return tasks[name]


def classes_of(task: Task) -> list[str] | None:
    """The labels of a task whose answer is one of several, as text; None for any other."""
    return [str(label) for label in task.learnt["classes"]] if task.one_class else None


def shares_of(task: Task) -> list[float]:
    """How often the training labels were each of these."""
    if task.gives == "classes":
        return list(task.learnt["shares"])
    return [1 - task.learnt["share"], task.learnt["share"]]


def distribution(gives: str, logits: Any) -> Any:
    """`(batch, classes)` float32 probabilities of a task whose answer is one of several."""
    logits = ops.cast(logits, "float32")
    if gives == "classes":
        return ops.softmax(logits, axis=-1)
    return ops.concatenate([ops.sigmoid(-logits), ops.sigmoid(logits)], axis=-1)
