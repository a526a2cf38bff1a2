"""The optimizer that moves the weights, where another is around it."""

from typing import Any


def inner_optimizer(optimizer: Any) -> Any:
    """The one that `keras.optimizers.LossScaleOptimizer` scales losses for, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)
