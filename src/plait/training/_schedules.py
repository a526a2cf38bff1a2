"""The learning rate over the steps of a run."""

import math
from typing import Any, TypeAlias

import keras

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
        ops = keras.ops
        step = ops.cast(step, "float32")
        up = ops.minimum(step / max(1, self.rising), 1.0)
        down = ops.clip((step - self.rising) / max(1, self.steps - self.rising), 0.0, 1.0)
        rising = self.start + (1.0 - self.start) * _eased(up, self.rise)
        falling = 1.0 + (self.end - 1.0) * _eased(down, self.fall)
        return self.peak * ops.where(step < self.rising, rising, falling)

    def get_config(self) -> dict[str, Any]:
        names = ("peak", "steps", "rising", "start", "rise", "fall", "end")
        return {name: getattr(self, name) for name in names}


def _eased(share: Any, how: str) -> Any:
    return share if how == "linear" else 0.5 * (1.0 - keras.ops.cos(math.pi * share))
