"""Whether what `Training` is given is of the right kind, and in its range."""

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Literal, get_args

from plait._names import demand
from plait._ranges import demand_whole
from plait.errors import ConfigError
from plait.inference import Precision
from plait.trackers import Tracker
from plait.training._bytes import read_bytes
from plait.training._every import Every
from plait.training._sampling import Sampling

Schedule = Literal["cosine", "linear", "constant", "one_cycle"]

_AUTO = ("batch_size", "auto")
_WHOLE = ("epochs", "batch_size", "patience", "accumulate", "task_patience")
_MAY_BE_OPEN = (
    "epochs",
    "batch_size",
    "patience",
    "task_patience",
    "clip_norm",
    "ema",
    "swa_from",
    "unlabelled",
    "mixup",
    "max_minutes",
)
_RANGES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_WHOLE, (lambda n: n >= 1, "at least 1")),
    "learning_rate": (lambda x: x > 0, "above 0"),
    "weight_decay": (lambda x: x >= 0, "0 or more"),
    "clip_norm": (lambda x: x > 0, "above 0, or None"),
    "warmup": (lambda x: 0 <= x < 1, "in [0, 1)"),
    "modality_dropout": (lambda x: 0 <= x < 1, "in [0, 1)"),
    "mixup": (lambda x: x > 0, "above 0, or None"),
    "unlabelled": (lambda x: 0 < x < 1, "in (0, 1)"),
    "ema": (lambda x: 0 < x < 1, "in (0, 1)"),
    "swa_from": (lambda x: 0 <= x < 1, "in [0, 1)"),
    "max_minutes": (lambda x: x > 0, "above 0"),
}
"""What a number has to be, and how a message says so."""


def demand_in_range(values: Mapping[str, Any]) -> None:
    """Refuses what cannot be told without a table.

    Args:
        values: the arguments of `Training` by name.

    Raises:
        ConfigError: names the first that is wrong.
    """
    for name, (holds, range_) in _RANGES.items():
        _demand_number(name, values[name], holds, range_)
    _demand_choice("schedule", values["schedule"], get_args(Schedule))
    if values["precision"] is not None:
        _demand_choice("precision", values["precision"], get_args(Precision))
    if values["devices"] not in (None, "all"):
        demand_whole("Training", devices=values["devices"])
    if values["ema"] is not None and values["swa_from"] is not None:
        raise ConfigError(
            "Training: ema and swa_from are two averages; use one of them.", ("swa_from",)
        )
    for name in ("max_memory", "disk_cache"):
        if values[name] is not None:
            read_bytes(name, values[name])
    _demand_of_parts(values["unfreeze_at"] or {}, values["rates"] or {})
    Every.read(values["checkpoint_every"])
    if values["sampling"] is not None:
        Sampling.read(values["sampling"])
    _demand_trackers(values["trackers"])


def _demand_number(name: str, value: Any, holds: Callable[[Any], bool], range_: str) -> None:
    # None stands for a choice, or for none at all.
    if (value is None and name in _MAY_BE_OPEN) or (name, value) == _AUTO:
        return
    told, kind = ("a whole number", Integral) if name in _WHOLE else ("a number", Real)
    if isinstance(value, bool) or not isinstance(value, kind):
        also = ', or "auto"' if name == _AUTO[0] else ""
        raise ConfigError(f"Training: {name} is {told}{also}. Received: {value!r}.", (name,))
    if not holds(value):
        raise ConfigError(f"Training: {name} must be {range_}. Received: {value}.", (name,))


def _demand_choice(name: str, value: Any, known: Iterable[str]) -> None:
    if value not in known:
        raise ConfigError(
            f"Training: {name} is {' or '.join(map(repr, known))}. Received: {value!r}.", (name,)
        )


def _demand_of_parts(epochs: Mapping[str, int], rates: Mapping[str, float]) -> None:
    for part, epoch in epochs.items():
        if isinstance(epoch, bool) or not isinstance(epoch, Integral) or epoch < 1:
            raise ConfigError(
                "Training: unfreeze_at gives each part an epoch, counted from 1. Received for "
                f"'{part}': {epoch!r}.",
                ("unfreeze_at",),
            )
    for part, rate in rates.items():
        if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < rate < math.inf:
            raise ConfigError(
                "Training: rates multiply the learning rate by a number above 0; `freeze` stops a "
                f"part. Received for '{part}': {rate!r}.",
                ("rates",),
            )


def _demand_trackers(trackers: Any) -> None:
    if not isinstance(trackers, list | tuple):
        raise ConfigError(
            f"Training: trackers is a list, such as [TensorBoard()]. Received: {trackers!r}.",
            ("trackers",),
        )
    for tracker in trackers:
        demand("Training: trackers", tracker, Tracker)
