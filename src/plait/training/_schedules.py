"""The learning rate over the steps of a run."""

import math
from typing import Any, TypeAlias

import keras
import numpy as np

from plait._optimizer import inner_optimizer
from plait.training._settings import Training

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule
_LEAST = 0.01


def learning_rate(settings: Training, steps: int) -> Rate:
    """The rate by the batch, `steps` of them an epoch.

    Keras' schedules count batches: an optimizer step that accumulates several has the last one's rate.
    """
    peak, total = settings.learning_rate, steps * (settings.epochs or 1)
    rising = math.ceil(total * settings.warmup)
    if settings.schedule == "constant":
        return peak
    start, rise, fall, end = {
        "linear": (_LEAST, "linear", "linear", _LEAST),
        "cosine": (_LEAST, "linear", "cosine", _LEAST),
        "one_cycle": (0.04, "cosine", "cosine", 1e-4),
    }[settings.schedule]
    return RiseAndFall(peak, total, rising, start, rise, fall, end)


def rate_of(optimizer: Any) -> float:
    """The learning rate of an optimizer's next step."""
    optimizer = inner_optimizer(optimizer)
    schedule = optimizer._learning_rate
    if isinstance(schedule, RiseAndFall):
        # As Keras' operations, each would be a program to compile.
        step = keras.ops.convert_to_numpy(optimizer._iterations)
        return float(schedule.at(step.astype("float32"), np))
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


@keras.saving.register_keras_serializable(package="plait")
class RiseAndFall(keras.optimizers.schedules.LearningRateSchedule):
    """Rises to a peak, and falls from it.

    Args:
        peak: the highest rate.
        steps: of the run, each of one batch.
        rising: of these, those in which it rises.
        start: where it begins, as a share of the peak.
        rise: "linear" or "cosine".
        fall: likewise.
        end: where it ends, as a share of the peak.

    References:
        I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017 (the
        cosine). L. Smith, N. Topin, "Super-Convergence", 2018 (one cycle; the momentum stays here).
    """

    def __init__(
        self,
        peak: float,
        steps: int,
        rising: int,
        start: float,
        rise: str,
        fall: str,
        end: float,
    ) -> None:
        super().__init__()
        self.peak = peak
        self.steps = steps
        self.rising = rising
        self.start = start
        self.rise = rise
        self.fall = fall
        self.end = end

    def __call__(self, step: Any) -> Any:
        return self.at(keras.ops.cast(step, "float32"))

    def at(self, step: Any, ops: Any = keras.ops) -> Any:
        """The rate in a step that is a float32; of NumPy's numbers by `ops=numpy`."""
        up = ops.minimum(step / max(1, self.rising), 1.0)
        down = ops.clip((step - self.rising) / max(1, self.steps - self.rising), 0.0, 1.0)
        rising = self.start + (1.0 - self.start) * _eased(up, self.rise, ops)
        falling = 1.0 + (self.end - 1.0) * _eased(down, self.fall, ops)
        return self.peak * ops.where(step < self.rising, rising, falling)

    def get_config(self) -> dict[str, Any]:
        names = ("peak", "steps", "rising", "start", "rise", "fall", "end")
        return {name: getattr(self, name) for name in names}


def _eased(share: Any, how: str, ops: Any) -> Any:
    return share if how == "linear" else 0.5 * (1.0 - ops.cos(math.pi * share))
