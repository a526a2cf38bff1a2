"""Adam on one number a task, by a balancer that moves its own state."""

from typing import Any

import keras

_BETA_1, _BETA_2 = 0.9, 0.999
_EPSILON = 1e-8


class TaskAdam:
    """Adam whose state and step count are kept for each task.

    A task without labels stands still and leaves the others where they would be without it.

    Args:
        tasks: how many.

    References:
        D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """

    def __init__(self, tasks: int) -> None:
        self.variables: list[keras.Variable] = [
            keras.Variable("zeros", shape=(tasks,), dtype="float32", name=name)
            for name in ("mean", "square", "count")
        ]

    def move(self, gradient: Any, active: Any) -> Any:
        """What to subtract, at a learning rate of 1; assigns the state.

        Args:
            gradient: `(tasks,)`.
            active: `(tasks,)` bool.

        Returns:
            `(tasks,)`, 0 for inactive tasks.
        """
        ops = keras.ops
        mean, square, count = (ops.convert_to_tensor(v) for v in self.variables)
        moving = ops.cast(active, "float32")
        count = count + moving
        mean = ops.where(active, _BETA_1 * mean + (1 - _BETA_1) * gradient, mean)
        square = ops.where(active, _BETA_2 * square + (1 - _BETA_2) * gradient**2, square)
        for variable, value in zip(self.variables, (mean, square, count), strict=True):
            variable.assign(value)
        steps = ops.maximum(count, 1.0)
        step = (mean / (1 - _BETA_1**steps)) / (ops.sqrt(square / (1 - _BETA_2**steps)) + _EPSILON)
        return moving * step
