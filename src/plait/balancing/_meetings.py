"""In which order each task's gradient meets the others', for methods that mend it pair by pair."""

from typing import Any

import keras
import numpy as np

from plait._hash import hash_int32, name_key
from plait.balancing._balancer import StepContext


def random_meetings(seed: int, context: StepContext) -> Any:
    """`(tasks, tasks)` int32: row i holds the tasks that task i meets, itself among them.

    The order depends on the seed, the step and the tasks' names, so that it is the same on every
    backend and leaving a task out does not change the order of the others.
    """
    names = np.array([name_key(task) for task in context.tasks], "int32")
    keys = hash_int32(seed, context.step, names[:, None], names[None, :])
    return keras.ops.argsort(keys, axis=1)
