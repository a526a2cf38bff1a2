"""How to train, with everything left open settled by the size of the data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from plait._cache import cache_folder
from plait._disk_cache import DiskCache
from plait.errors import ConfigError
from plait.features import Feature
from plait.inference import Precision
from plait.objectives import Objective
from plait.table import Table
from plait.tasks import Task
from plait.trackers import Tracker
from plait.training._bytes import read_bytes
from plait.training._devices import Devices, counted, shared
from plait.training._in_range import Schedule, demand_in_range
from plait.training._mixes import check_mixes
from plait.training._sampling import Sampling

# Optimizer steps to aim at, whatever the number of rows, and the bounds on epochs around it.
_STEPS = 2500
_EPOCHS = (6, 60)
_BATCHES = {1_000: 16, 5_000: 32, 20_000: 64, 100_000: 128}
_LARGEST_BATCH = 256
MAY_CHANGE = ("max_minutes", "max_memory", "disk_cache", "checkpoint_every", "trackers")
"""What a run that goes on may have otherwise than it began: no step comes out otherwise by it."""


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
            share after it), a task (its head), `heads` (all of them), a layer within one of these, at
            any depth, as `photo/step_0`, or `start`: all that came from there, so that its tasks
            answer as before.
        unfreeze_at: the epoch, counted from 1, from which each of these parts learns.
        rates: what the learning rate of each of these parts is multiplied by; that of what is
            narrower, such as a layer within an encoder, goes before that of what is wider.
        unlabelled: the share of each batch, in (0, 1), that is rows without a label of any task, for
            the objectives to learn from: they come in turn, as many as there are. None leaves them out.
        task_patience: epochs without a better gain of a task on the validation rows before that task
            is finished: from the next epoch on its head, and whatever else it has for itself, stays
            as it is then, and its loss counts no more. What it shares goes on to learn from the
            others, so its answers may still change. Training is over when all are finished. None
            for never.
        affinity: whether it also measures, in every so many batches, how much a step for one task alone
            would lower the loss of each other: `affinity_<a>_on_<b>` in the history. Needs tasks that
            share what learns, and a balancer that looks at losses alone.
        mixup: above 0, such as 0.2: each row is mixed with another of its batch, in every feature and
            in the loss of every task, by a share that Beta(`mixup`, `mixup`) draws. For tables whose
            features are pictures, sounds, numbers and vectors; see `docs/training.md`. None for none.
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
    unlabelled: float | None = None
    task_patience: int | None = None
    affinity: bool = False
    mixup: float | None = None
    modality_dropout: float = 0.1
    max_minutes: float | None = None
    max_memory: str | None = None
    disk_cache: str | None = None
    checkpoint_every: int | str | None = None
    devices: Devices = None
    trackers: tuple[Tracker, ...] = ()

    def __post_init__(self) -> None:
        demand_in_range(vars(self))

    def check(
        self,
        features: Mapping[str, Feature],
        tasks: Mapping[str, Task],
        objectives: Mapping[str, Objective],
    ) -> None:
        """Refuses settings that speak of what is not there, or is of another kind.

        Raises:
            ConfigError: names one.
        """
        if self.sampling is not None:
            Sampling.read(self.sampling).check(tasks)
        if self.unlabelled is not None and not objectives:
            raise ConfigError(
                "Training: unlabelled rows teach objectives, and there is none. Declare some in "
                "`objectives`, or leave unlabelled out.",
                ("training", "unlabelled"),
            )
        if self.mixup is not None:
            check_mixes(features, tasks, objectives)

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
