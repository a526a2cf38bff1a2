"""What Keras' loops do with a batch: a training step or an evaluation, told to the metrics."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from plait._optimizer import inner_optimizer
from plait.model._alone import losses_by_feature
from plait.model._balance import Balance
from plait.model._class_weight import ByOutput, weigh_classes
from plait.model._fade import faded
from plait.model._metrics import TaskMetrics
from plait.model._mixed import each_pair
from plait.model._network import TaskLosses
from plait.model._objective import Objective, labelled_while, unlabelled, without_holes
from plait.model._outputs import Outputs
from plait.model._regime import Regime
from plait.model._row_key import augmented, followed, mixed, without_row_key
from plait.model._step import take_step


@dataclass(frozen=True)
class Loop:
    """A compiled model, as it is while a batch goes through it.

    Attributes:
        model: the model; its optimizer and its variables are moved.
        outputs: its outputs.
        objective: its losses.
        balance: how they are weighed.
        loss: the metric of the summed loss.
        metrics: the metrics of each task.
        class_weight: by output.
        regime: what else a step does.
    """

    model: Any
    outputs: Outputs
    objective: Objective
    balance: Balance
    loss: keras.metrics.Metric
    metrics: TaskMetrics
    class_weight: ByOutput
    regime: Regime

    def train(self, data: Any) -> None:
        """One training step on `(x, y, sample_weight)`, reading and assigning variables."""
        x, labels = self._read(data)
        regime = self.regime
        labels = {n: unlabelled(y) if n in regime.resting else y for n, y in labels.items()}
        labels = weigh_classes(labels, self.class_weight, self.outputs.tensors_by_name)
        optimizer, balance = self.model.optimizer, self.balance
        # Copies: torch counts on in place.
        step = keras.ops.cast(optimizer.iterations, "int32") + 0
        network = self.model.network
        if regime.fade is not None:
            left = regime.fade.left(network.tasks, step)
            for name in regime.fade.last:
                on = left[network.tasks.index(name)] > 0
                labels[name] = labelled_while(labels[name], on)
            network = faded(network, left)
        labels = followed(labels, x, regime.follow)
        before, x = x, augmented(x, regime.augment)
        x, labels = mixed(x, before, labels, network.labelled, regime.mix)
        for name in (name for name in regime.needs if name in labels):
            there = partial(labelled_while, on=x[regime.needs[name]])
            labels[name] = each_pair(there, labels[name])
        x = self._without_holes(x, labels)
        # Of several batches that it accumulates, Keras counts each here and the steps there.
        batch = keras.ops.cast(inner_optimizer(optimizer)._iterations, "int32") + 0
        rate = keras.ops.convert_to_tensor(inner_optimizer(optimizer).learning_rate)
        asked = balance.asked(network, step, batch, rate)
        shares = regime.pace(step) if regime.pace else {}
        done = take_step(network, asked, optimizer, x, labels, shares)
        if regime.average is not None:
            moved = keras.ops.cast(optimizer.iterations, "int32") != step
            regime.average.update(moved)
        balance.report.update(done.losses, done.added, done.weighed, step)
        if balance.turns is not None:
            balance.turns.count()
        if balance.monitor is not None:
            balance.monitor.update_state(done.weighed, done.losses.active)
        if balance.alone is not None:
            balance.alone.update_state(done.losses, done.weighed.alone)
        self._take(done.losses, done.added, done.labels, done.predictions)

    def evaluate(self, data: Any) -> dict[str, Any]:
        """One evaluation step on `(x, y, sample_weight)`; of the variables it moves the metrics'.

        Returns:
            The logs.
        """
        x, labels = self._read(data)
        x = self._without_holes(x, labels)
        model = self.model
        held = [*model.trainable_variables, *model.non_trainable_variables]
        with keras.StatelessScope([(v, v.value) for v in held], collect_losses=True):
            predictions = self.outputs.by_name(model(x, training=False))
            losses = self.objective.losses(predictions, labels)
            added = sum((keras.ops.sum(term) for term in model.losses), keras.ops.zeros(()))
        self._take(losses, added, labels, predictions)
        logs = {"loss": self.loss.result(), **self.metrics.result()}
        if self.balance.alone is None:
            return logs
        found = losses_by_feature(model.network, without_row_key(x), labels)
        self.balance.alone.update_state(*found)
        return {**logs, **self.balance.alone.result()}

    def _read(self, data: Any) -> tuple[Any, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return x, self.objective.by_name(y, sample_weight)

    def _without_holes(self, x: Any, labels: Any) -> Any:
        if not labels:
            return x
        return without_holes(x, self.objective.labelled_rows(self.outputs.tensors_by_name, labels))

    def _take(self, losses: TaskLosses, added: Any, labels: Any, predictions: Any) -> None:
        total = keras.ops.sum(losses.values) + added
        # A batch counts by the rows that count: padding does not dilute the epoch's loss.
        rows = keras.ops.max(losses.totals) if self.objective.tasks else keras.ops.ones(())
        self.loss.update_state(total, sample_weight=rows)
        self.metrics.update_losses(losses.plain, losses.totals)
        known = self.objective.labels(predictions, labels)
        self.metrics.update_state(known, predictions)
