"""The balancer of a compiled model, with what the step keeps for it and about it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from plait._names import did_you_mean
from plait._optimizer import inner_optimizer
from plait.balancing import Aggregator, Balancer, Equal
from plait.errors import BalancingError
from plait.model._asked import Asked, Held
from plait.model._balance_monitor import BalanceMonitor
from plait.model._feature_losses import (
    FeatureLosses,
    build_for_features,
    scales_encoders,
)
from plait.model._frontier import Cut, compared, find_cut
from plait.model._metrics import TaskMetrics
from plait.model._needs import COMPARING, check_needs
from plait.model._network import Network
from plait.model._report import Report
from plait.model._step import build_balancer
from plait.model._task_rows import shared_variables
from plait.model._turns import OBSERVE_EVERY, Turns


@dataclass(frozen=True)
class Balance:
    """How a compiled model weighs its tasks.

    Attributes:
        balancer: as `compile` was given it; None adds the losses.
        tasks: the outputs with a loss.
        auxiliary: for each task, whether it only serves the others.
        report: what an epoch's steps have to tell.
        monitor: the metrics of a balanced step; None without a balancer.
        held: the last weights of a balancer that weighs in some steps only.
        features: the features' names, for a balancer that weighs them.
        alone: the metrics of what each feature answers alone, for such a balancer.
        turns: the batches in which gradients are compared; None for all, or none.
        affinity: whether these also measure how much a step for one task lowers another's loss.
    """

    balancer: Balancer | None
    tasks: tuple[str, ...]
    auxiliary: tuple[bool, ...]
    report: Report
    monitor: BalanceMonitor | None = None
    held: Held | None = None
    features: tuple[str, ...] = ()
    alone: FeatureLosses | None = None
    turns: Turns | None = None
    affinity: bool = False

    @classmethod
    def plain(cls, tasks: tuple[str, ...]) -> "Balance":
        """Of a model without a balancer."""
        return cls(None, tasks, (False,) * len(tasks), Report(tasks, compares=False))

    @classmethod
    def of(
        cls,
        balancer: Balancer,
        network: Network,
        auxiliary: Sequence[str],
        metrics: TaskMetrics,
        optimizer: Any,
        owner: Any,
        scored: Sequence[str] = (),
        observe_every: int = OBSERVE_EVERY,
        affinity: bool = False,
    ) -> "Balance":
        """Builds the balancer for a model.

        Args:
            balancer: of this model alone.
            network: the model as the step knows it.
            auxiliary: the tasks that only serve the others.
            metrics: of the model.
            optimizer: of the model.
            owner: the model itself, by which it is told from another one.
            scored: the tasks whose right class has a probability.
            observe_every: batches from one look at the gradients to the next, where the balancer asks
                for none.
            affinity: whether those looks also measure the tasks' affinity.

        Raises:
            BalancingError: a need that the model cannot meet.
        """
        tasks, name = network.tasks, type(balancer).__name__
        check_needs(balancer)
        if "metrics" in balancer.needs:
            metrics.check_scores(tasks, name)
        if "auxiliary" in balancer.needs and not set(auxiliary) & set(tasks):
            raise BalancingError(
                f"{name} needs an auxiliary task. Name those outputs in "
                "compile(auxiliary=[...]), or say `auxiliary: true` of a task. There is: "
                f"{', '.join(tasks)}."
            )
        build_balancer(balancer, tasks, optimizer, owner)
        names: tuple[str, ...] = ()
        alone = None
        if (features := network.features) is not None:
            names = features.names
            build_for_features(balancer, features, scored)
            alone = FeatureLosses(tasks, names, features.reads)
        if isinstance(balancer, Aggregator) and balancer.level == "parameters":
            balancer.build_rows([tuple(v.shape) for v in shared_variables(network)])
        compares = network.found is not None
        if affinity and (
            balancer.level is not None or network.features is not None or not compares
        ):
            raise BalancingError(
                "The tasks' affinity is measured where two tasks or more share what learns, and the "
                f"balancer looks at losses alone, such as Equal(). {name} does not, or they do not."
            )
        return cls(
            balancer,
            tasks,
            tuple(task in auxiliary for task in tasks),
            Report(tasks, compares, affinity),
            BalanceMonitor(tasks, compares, names if scales_encoders(balancer) else ()),
            Held(len(tasks)) if balancer.refresh_every > 1 else None,
            names,
            alone,
            _turns_of(balancer, compares, optimizer, observe_every),
            affinity,
        )

    @property
    def state(self) -> list[keras.Variable]:
        """What has to be saved: the balancer's variables, and the weights held for it."""
        own = self.balancer.variables if self.balancer else []
        return [*own, *(self.held.variables + self._turns if self.held else [])]

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a step changes of it, its metrics' aside."""
        return [*self.report.variables, *self.state, *([] if self.held else self._turns)]

    @property
    def _turns(self) -> list[keras.Variable]:
        return self.turns.variables if self.turns else []

    @property
    def learnt(self) -> list[keras.Variable]:
        """The balancer's variables that the model's optimizer moves."""
        return self.balancer.trainable_variables if self.balancer else []

    def asked(self, network: Network, step: Any, batch: Any, rate: Any = None) -> Asked:
        """The balancer as one step asks it, with one of the batches that the step accumulates."""
        balancer = self.balancer or Equal()
        epoch = keras.ops.convert_to_tensor(self.report.epoch)
        if network.found is None and COMPARING & balancer.needs:
            # Nothing that the tasks share learns, so there is nothing to compare.
            return Asked(Equal(), self.tasks, step, epoch, self.auxiliary, False)
        return Asked(
            balancer,
            self.tasks,
            step,
            epoch,
            self.auxiliary,
            self.turns is None or self.turns.looks,
            self.held,
            self.features,
            batch,
            rate if self.affinity else None,
        )


def _turns_of(
    balancer: Balancer, compares: bool, optimizer: Any, observe_every: int
) -> Turns | None:
    if balancer.refresh_every > 1:
        # Of a step that accumulates several batches all are weighed alike.
        batches = inner_optimizer(optimizer).gradient_accumulation_steps or 1
        return Turns(balancer.refresh_every, of_epoch=False, batches=batches)
    if compares and "gramian" not in balancer.needs and observe_every > 1:
        return Turns(observe_every, of_epoch=True)
    return None


def cut_for(
    balancer: Balancer | None,
    inputs: Sequence[Any],
    outputs: Mapping[str, Any],
    tasks: tuple[str, ...],
    shared: Sequence[Any] | None,
) -> tuple[Cut | None, tuple[int, ...]]:
    """Where gradients are compared, and at which tensors of the frontier.

    None for a model without a balancer, and where a balancer that needs no gradients has a model
    whose tasks cannot be compared.

    Raises:
        BalancingError: the balancer needs gradients, and the tasks share no tensor.
    """
    if balancer is None or len(tasks) < 2:
        return None, ()
    if COMPARING & balancer.needs:
        cut = find_cut(inputs, outputs, tasks)
        return cut, compared(cut, shared, balancer.level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cut = find_cut(inputs, outputs, tasks)
            return cut, compared(cut, shared, "representation")
    except BalancingError:
        return None, ()


def exclude_from_decay(optimizer: Any, variables: Sequence[keras.Variable]) -> None:
    """Keeps variables out of an unbuilt optimizer's weight decay, which is the model's weights' own.

    No balancer's rule has it.
    """
    optimizer = inner_optimizer(optimizer)
    # Keras' own method for it would forget what the user has excluded.
    excluded: set[Any] = getattr(optimizer, "_exclude_from_weight_decay", set())
    optimizer._exclude_from_weight_decay = excluded | {optimizer._var_key(v) for v in variables}


def check_auxiliary(auxiliary: Sequence[str], tasks: Sequence[str]) -> None:
    """Refuses an auxiliary output that has no loss.

    Raises:
        ValueError: names it.
    """
    for name in auxiliary:
        if name not in tasks:
            raise ValueError(
                f"auxiliary: there is no output '{name}' with a loss.{did_you_mean(name, tasks)}"
            )
