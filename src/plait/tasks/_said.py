"""What a task's logits say, to other tasks and to objectives."""

from typing import Any, Literal

from keras import ops

from plait.tasks._ordinal_loss import log_shares

Gives = Literal["classes", "corn", "cumulative", "yes or no", "number", "numbers", "log mean"]
"""One of several classes, by a logit each or by those of an ordinal rule; classes or labels that each
are or are not; a standardised number, or several; the logarithm of one, first of the logits."""

OF_CLASSES = ("classes", "corn", "cumulative")


def said(gives: Gives, logits: Any) -> Any:
    """`(batch, answers)` float32: probabilities, numbers, or a number's logarithm.

    Args:
        gives: what they say.
        logits: `(batch, logits)`.
    """
    logits = ops.cast(logits, "float32")
    if gives == "classes":
        return ops.softmax(logits)
    if gives in ("corn", "cumulative"):
        return ops.exp(log_shares(logits, gives))
    if gives == "yes or no":
        return ops.sigmoid(logits)
    return logits[:, :1] if gives == "log mean" else logits


def log_said(gives: Gives, logits: Any) -> Any:
    """`(batch, classes)` float32: the logarithms of the probabilities of one of several classes.

    Args:
        gives: one of `OF_CLASSES`.
        logits: `(batch, logits)`.
    """
    logits = ops.cast(logits, "float32")
    return log_shares(logits, gives) if gives in ("corn", "cumulative") else ops.log_softmax(logits)


def answers_of(gives: Gives, logits: int) -> int:
    """How many answers so many logits say."""
    if gives == "log mean":
        return 1
    return logits + (gives in ("corn", "cumulative"))
