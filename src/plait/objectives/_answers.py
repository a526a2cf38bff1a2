"""What tasks of several kinds say, on one footing: a distribution over classes, or a number."""

from typing import Any

from keras import ops

from plait.tasks import OF_CLASSES, Gives, Task, said


def classes_of(task: Task) -> list[str] | None:
    """The labels of a task whose answer is one of several, as text; None for any other."""
    return [str(label) for label in task.learnt["classes"]] if task.one_class else None


def shares_of(task: Task) -> list[float]:
    """How often the training labels were each of these."""
    if task.gives in OF_CLASSES:
        return list(task.learnt["shares"])
    return [1 - task.learnt["share"], task.learnt["share"]]


def distribution(gives: Gives, logits: Any) -> Any:
    """`(batch, classes)` float32 probabilities of a task whose answer is one of several."""
    shares = said(gives, logits)
    return shares if gives in OF_CLASSES else ops.concatenate([1 - shares, shares], axis=-1)
