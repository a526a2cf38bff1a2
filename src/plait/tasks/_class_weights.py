"""How much each class counts in a loss."""

from typing import Any, Literal, get_args

import numpy as np

from plait.errors import ConfigError

ClassWeights = Literal["balanced", "effective"]


def check_choices(
    owner: str, label_smoothing: float, focal: Any, class_weights: Any = None, beta: float = 0.0
) -> None:
    """Refuses arguments of a task's loss that cannot be.

    Args:
        owner: the task's class.
        label_smoothing: in [0, 1).
        focal: a finite number from 0 up, or several.
        class_weights: see `class_weights_of`.
        beta: likewise.

    Raises:
        ConfigError: one of them cannot be, or two of them not together.
    """
    exponents = np.atleast_1d(np.asarray(focal, "float64"))
    if not 0 <= label_smoothing < 1:
        raise ConfigError(f"{owner}: label_smoothing is in [0, 1). Received: {label_smoothing}")
    if not (np.isfinite(exponents) & (exponents >= 0)).all():
        raise ConfigError(f"{owner}: focal is 0 or more. Received: {focal}")
    if label_smoothing and exponents.any():
        raise ConfigError(
            f"{owner}: label_smoothing is for a loss without focal, which asks how probable the one "
            f"right class is. Received: {label_smoothing} and {focal}"
        )
    if class_weights not in (None, *get_args(ClassWeights)):
        raise ConfigError(
            f"{owner}: class_weights is 'balanced', 'effective' or None. Received: {class_weights!r}"
        )
    if not 0 <= beta < 1:
        raise ConfigError(f"{owner}: beta is in [0, 1). Received: {beta}")


def class_weights_of(totals: np.ndarray, how: ClassWeights | None, beta: float) -> np.ndarray:
    """A weight for each class, 1 in the mean over the training labels.

    Args:
        totals: the weight of the training labels of each class, above 0, `(classes,)`.
        how: "balanced" makes it the inverse of n, the class' total; "effective" that of its effective
            number (1 - beta^n) / (1 - beta), which grows less and less with n; None gives 1.
        beta: 0 makes all weights the same; towards 1 they become "balanced".

    References:
        Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, "Class-Balanced Loss Based on Effective Number
        of Samples", 2019: there the weights add up to the number of classes.
    """
    if how is None:
        return np.ones(len(totals))
    raw = 1 / totals if how == "balanced" else (1 - beta) / (1 - beta**totals)
    found: np.ndarray = raw / np.average(raw, weights=totals)
    return found
