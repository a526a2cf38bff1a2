"""How to train, with everything left open settled by the size of the data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Literal, Self, get_args

import numpy as np

from plait._cache import cache_folder
from plait._disk_cache import DiskCache
from plait._names import demand
from plait._ranges import demand_whole
from plait.errors import ConfigError
from plait.inference import Precision
from plait.table import Table
from plait.tasks import Task
from plait.trackers import Tracker
from plait.training._bytes import read_bytes
from plait.training._devices import Devices, counted, shared
from plait.training._every import Every
from plait.training._sampling import Sampling

# Optimizer steps to aim at, whatever the number of rows, and the bounds on epochs around it.
_STEPS = 2500
_EPOCHS = (6, 60)
_BATCHES = {1_000: 16, 5_000: 32, 20_000: 64, 100_000: 128}
_LARGEST_BATCH = 256
_MAY_BE_OPEN = (
    "epochs",
    "batch_size",
    "patience",
    "task_patience",
    "clip_norm",
    "ema",
    "swa_from",
    "max_minutes",
)
_AUTO = ("batch_size", "auto")
MAY_CHANGE = ("max_minutes", "max_memory", "disk_cache", "checkpoint_every", "trackers")
"""What a run that goes on may have otherwise than it began: no step comes out otherwise by it."""

Schedule = Literal["cosine", "linear", "constant", "one_cycle"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How to train.

    Args:
        epochs: passes over the training rows; by the number of rows if None.
        batch_size: rows a step; by the number of rows if None. "auto" takes as many, in the largest
            parts that a few steps show to fit into memory, and accumulates their gradients.
        learning_rate: the highest learning rate of Adam's steps, each of which may be of several
            batches (`accumulate`).
        schedule: "cosine" and "linear" rise on a line over the first `warmup` of the steps and fall to
            1 % of `learning_rate`; "one_cycle" rises from 4 % and falls to a ten-thousandth, both
            along a cosine; "constant" stays throughout.
        warmup: the share of the steps in which the rate rises, in [0, 1).
        weight_decay: decoupled decay of the weights (AdamW); 0 for none.
        clip_norm: the norm that all gradients together are cut to, after balancing, or None.
        accumulate: batches whose gradients are averaged before the weights move: `batch_size` times
            as many rows a step in the memory of one batch. Balancers weigh each batch.
        ema: in (0, 1), such as 0.999: the model that is scored and kept has the exponential moving
            average of the weights with this momentum; None for the weights themselves.
        swa_from: in [0, 1), such as 0.75: likewise the plain mean of the weights at the end of each
            epoch (stochastic weight averaging), from this share of the steps on.
        patience: epochs with a lower mean gain on the validation rows before training stops; a
            third of `epochs`, at least 3, if None. The best epoch's weights are kept either way.
        max_minutes: how long training may take, validation included; what was learnt by then is kept.
        max_memory: how much memory training may take ("4GB"): of the process, with what it has
            mapped of files, or of the device where it has its own. What takes more stops as at Ctrl-C,
            with a checkpoint.
        disk_cache: how much of the user's cache folder decoded pictures and sounds may take ("4GB"), so
            that later runs need not decode them; those not used for longest leave it. None for no such
            cache.
        checkpoint_every: after how many steps, or after what time ("30s", "5m", "1h"), a checkpoint
            is written that `plait fit --resume` goes on from; five minutes if None.
        sampling: how often rows are drawn, with replacement, as many an epoch as there are; None for
            each once. `{"balance": task}`: each class of the task equally often, a row without a
            label of it once; `{"balance": [task, task]}`: the classes of each of them.
            `{"weight": column}`: in proportion to a column. `{"temperature": T}`: by tasks, where
            each row has labels for few of them: a task with n labelled rows is chosen in proportion
            to n^(1/T), then one of its rows; the higher T, the more the small ones are lifted.
        precision: what the layers compute in: "float32", "bfloat16", or "float16", with its losses
            scaled so that no gradient underflows. Weights, heads and losses are float32 all the same.
            The model is saved with it; as Keras' own settings have it if None.
        devices: how many of this machine's devices share the rows of each batch, or "all"; one if None.
            Needs JAX. A `batch_size` that is given has to be a multiple; one that is chosen is.
        trackers: what shows the run while it trains, such as `[TensorBoard()]`.
        start: a run or a saved model that the new one begins with: weights are taken over where names
            and shapes match, and what was learnt of a column that is declared alike.
        freeze: parts that stay as they are: a feature (its encoder), `fusion`, `trunk` (what the tasks
            share after it), a task (its head), `heads` (all of them), or `start`: all that came from
            there, so that its tasks answer as before.
        unfreeze_at: the epoch, counted from 1, from which each of these parts learns.
        rates: what the learning rate of each of these parts is multiplied by; that of a task goes
            before that of `heads`.
        task_patience: epochs without a better gain of a task on the validation rows before that task
            is finished: from the next epoch on its head, and whatever else it has for itself, stays
            as it is then, and its loss counts no more. What it shares goes on to learn from the
            others, so its answers may still change. Training is over when all are finished. None
            for never.
        modality_dropout: the share of present cells that leave in training, so that each feature's
            absent token is learnt; never all of a row, and none with one feature.

    Raises:
        ConfigError: a value out of its range.
    """

    epochs: int | None = None
    batch_size: int | Literal["auto"] | None = None
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    warmup: float = 0.1
    weight_decay: float = 1e-4
    clip_norm: float | None = 1.0
    accumulate: int = 1
    ema: float | None = None
    swa_from: float | None = None
    patience: int | None = None
    sampling: Mapping[str, Any] | None = None
    precision: Precision | None = None
    start: str | None = None
    freeze: tuple[str, ...] = ()
    unfreeze_at: Mapping[str, int] | None = None
    rates: Mapping[str, float] | None = None
    task_patience: int | None = None
    modality_dropout: float = 0.1
    max_minutes: float | None = None
    max_memory: str | None = None
    disk_cache: str | None = None
    checkpoint_every: int | str | None = None
    devices: Devices = None
    trackers: tuple[Tracker, ...] = ()

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("epochs", "batch_size", "patience", "accumulate", "task_patience"):
            value = getattr(self, name)
            if value is not None and (name, value) != _AUTO and value < 1:
                raise ConfigError(f"Training: {name} must be at least 1. Received: {value}.")
        if not self.learning_rate > 0:
            raise ConfigError(
                f"Training: learning_rate must be above 0. Received: {self.learning_rate}."
            )
        if not self.weight_decay >= 0:
            raise ConfigError(
                f"Training: weight_decay must be 0 or more. Received: {self.weight_decay}."
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ConfigError(
                f"Training: clip_norm must be above 0, or None. Received: {self.clip_norm}."
            )
        for name in ("warmup", "modality_dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ConfigError(f"Training: {name} must be in [0, 1). Received: {value}.")
        for name, kind, is_open in (("schedule", Schedule, False), ("precision", Precision, True)):
            value = getattr(self, name)
            if value not in get_args(kind) and not (is_open and value is None):
                raise ConfigError(
                    f"Training: {name} is {' or '.join(map(repr, get_args(kind)))}. "
                    f"Received: {value!r}."
                )
        if self.devices != "all" and self.devices is not None:
            demand_whole("Training", devices=self.devices)
        if self.ema is not None and not 0 < self.ema < 1:
            raise ConfigError(f"Training: ema must be in (0, 1). Received: {self.ema}.")
        if self.swa_from is not None and not 0 <= self.swa_from < 1:
            raise ConfigError(f"Training: swa_from must be in [0, 1). Received: {self.swa_from}.")
        if self.ema is not None and self.swa_from is not None:
            raise ConfigError("Training: ema and swa_from are two averages; use one of them.")

        if self.max_minutes is not None and not self.max_minutes > 0:
            raise ConfigError(
                f"Training: max_minutes must be above 0. Received: {self.max_minutes}."
            )
        for name in ("max_memory", "disk_cache"):
            if getattr(self, name) is not None:
                read_bytes(name, getattr(self, name))
        for part, epoch in (self.unfreeze_at or {}).items():
            if isinstance(epoch, bool) or not isinstance(epoch, Integral) or epoch < 1:
                raise ConfigError(
                    f"Training: unfreeze_at gives each part an epoch, counted from 1. Received for "
                    f"'{part}': {epoch!r}.",
                    ("unfreeze_at",),
                )
        for part, rate in (self.rates or {}).items():
            if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < rate < math.inf:
                raise ConfigError(
                    f"Training: rates multiply the learning rate by a number above 0; `freeze` stops a "
                    f"part. Received for '{part}': {rate!r}.",
                    ("rates",),
                )
        Every.read(self.checkpoint_every)
        if self.sampling is not None:
            Sampling.read(self.sampling)
        if not isinstance(self.trackers, list | tuple):
            raise ConfigError(
                "Training: trackers is a list, such as [TensorBoard()]. Received: "
                f"{self.trackers!r}."
            )
        for tracker in self.trackers:
            demand("Training: trackers", tracker, Tracker)

    def _check_types(self) -> None:
        kinds: dict[str, tuple[type, tuple[str, ...]]] = {
            "a whole number": (
                Integral,
                ("epochs", "batch_size", "patience", "accumulate", "task_patience"),
            ),
            "a number": (
                Real,
                (
                    "learning_rate",
                    "weight_decay",
                    "clip_norm",
                    "warmup",
                    "modality_dropout",
                    "ema",
                    "swa_from",
                    "max_minutes",
                ),
            ),
        }
        for told, (kind, names) in kinds.items():
            for name in names:
                value = getattr(self, name)
                # None stands for a choice, or for none at all.
                if (value is None and name in _MAY_BE_OPEN) or (name, value) == _AUTO:
                    continue
                if isinstance(value, bool) or not isinstance(value, kind):
                    also = ', or "auto"' if name == _AUTO[0] else ""
                    raise ConfigError(
                        f"Training: {name} is {told}{also}. Received: {value!r}.", (name,)
                    )

    def check(self, tasks: Mapping[str, Task]) -> None:
        """Refuses settings that speak of tasks which are not there, or are of another kind.

        Raises:
            ConfigError: names one.
        """
        if self.sampling is not None:
            Sampling.read(self.sampling).check(tasks)

    def times(self, table: Table, tasks: Mapping[str, Task]) -> np.ndarray | None:
        """How often each row is drawn in an epoch; see `Sampling.times`. None has each come once."""
        return None if self.sampling is None else Sampling.read(self.sampling).times(table, tasks)

    @property
    def disk(self) -> DiskCache | None:
        """Where decoded media are kept from one run to the next, if anywhere."""
        if self.disk_cache is None:
            return None
        try:
            folder = cache_folder("decoded")
        except OSError:
            return None
        return DiskCache(folder, read_bytes("disk_cache", self.disk_cache))

    @property
    def batch_rows(self) -> int:
        """Rows of a batch, where settled."""
        return int(self.batch_size or 1)

    @property
    def shares(self) -> int:
        """How many devices share them, where settled."""
        return int(self.devices or 1)

    def settled(self, rows: int) -> Self:
        """A copy without a None: what is used for so many training rows.

        Raises:
            ConfigError: devices that are not there, or that cannot share `batch_size`; fewer batches
                than `accumulate`.
        """
        devices = counted(self.devices)
        asked = None if self.batch_size == "auto" else self.batch_size
        batch_size = shared(asked or _batch_size(rows), devices, given=asked is not None)
        steps = max(1, math.ceil(rows / batch_size))
        low, high = _EPOCHS
        epochs = self.epochs or min(max(round(_STEPS / steps), low), high)
        if self.accumulate > steps * epochs:
            raise ConfigError(
                f"Training: accumulate={self.accumulate} moves the weights after so many batches, and "
                f"the run has {epochs} epochs of {steps} batches. Lower it, or batch_size.",
                ("training", "accumulate"),
            )
        patience = self.patience or max(3, math.ceil(epochs / 3))
        return replace(
            self,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            devices=None if self.devices is None else devices,
        )


def _batch_size(rows: int) -> int:
    for limit, size in _BATCHES.items():
        if rows < limit:
            return size
    return _LARGEST_BATCH
