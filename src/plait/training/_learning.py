"""Which parts of a model learn in an epoch, and how far a step takes them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import keras

from plait._names import did_you_mean
from plait._optimizer import inner_optimizer
from plait.balancing import Aggregator
from plait.errors import BalancingError, ConfigError
from plait.inference import HEADS, make_variables, parts_of
from plait.model import MultiTaskModel
from plait.training._selection import Epoch
from plait.training._settings import Training
from plait.training._start import START

Parts = Mapping[str, Sequence[keras.layers.Layer]]
_NO_START = " It is all that came from another run: name that one, `plait fit --from RUN`."


class Learning:
    """Freezes and unfreezes the parts of a model as a run goes on, and sets their rates.

    What learns in an epoch is a function of the epoch and of the history before it, so a run that was
    killed goes on alike. A change of it has the step compiled anew.

    Args:
        model: compiled; its optimizer is built here, for all that ever learns.
        settings: settled.
        steps: batches an epoch.
        more: further parts by name, beside the model's own.
        tasks: the outputs that are scored; all of them if None.

    Raises:
        ConfigError: a part that the model does not have; nothing is left to learn.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        settings: Training,
        steps: int,
        more: Parts | None = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        self.model = model
        self.tasks = tuple(model.task_names if tasks is None else tasks)
        self.settings = settings
        self._steps = steps
        self._more = more or {}
        parts = parts_of(model)
        # Of what is as large, the narrower comes first.
        self._parts: Parts = {**_layers_within(parts), **parts, **self._more}
        # Outer layers before inner ones, of which some may be frozen for good.
        self._as_made = [
            (layer, layer.trainable) for layer in model._flatten_layers(include_self=False)
        ]
        self._now: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self._check()
        self._freeze(self._held((settings.epochs or 1) - 1))
        # Within it Keras makes none of the variables, so that NumPy can draw their values.
        with keras.StatelessScope(initialize_variables=False):
            model.build_optimizer()
        make_variables(model.optimizer.variables)
        self._freeze(frozenset())

    def begin(self, epoch: int, history: Sequence[Epoch]) -> None:
        """Brings the model to what learns from an epoch on, counted from 0."""
        now = self._at(epoch, history)
        if now == self._now:
            return
        self._now = now
        held, finished = now
        self._freeze(held | finished)
        self.model.regime = replace(self.model.regime, resting=finished)

    def end(self) -> None:
        """Leaves the model as it was made."""
        self._freeze(frozenset())

    def changes(self, epoch: int, history: Sequence[Epoch]) -> bool:
        """Whether something else learns in an epoch than in the one before."""
        return self._at(epoch, history) != self._now

    def is_over(self, history: Sequence[Epoch]) -> bool:
        """Whether every task is finished, or what is left has nothing that learns."""
        finished = self._finished(history)
        if finished >= set(self.tasks):
            return True
        if not finished:
            return False
        self._freeze(finished | set(self.settings.freeze) - self._from.keys())
        left = bool(self.model.trainable_variables)
        self._freeze(frozenset().union(*self._now))
        return not left

    def pace(self) -> "Pace | None":
        """How far of an optimizer's step the weights go, where that is not all of it."""
        learn = {id(variable) for variable in self.model.trainable_variables}
        of = {
            name: [id(v) for layer in self._parts[name] for v in layer.variables if id(v) in learn]
            for name in {**self._rates, **self._from}
        }
        rates: dict[int, float] = {}
        since: dict[int, int] = {}
        # The rate of what is narrow goes before that of what is wide.
        order = list(self._parts)
        for name in sorted(self._rates, key=lambda n: (-len(of[n]), -order.index(n))):
            rates |= dict.fromkeys(of[name], self._rates[name])
        for name, first in sorted(self._from.items(), key=lambda named: named[1]):
            if first > 1:
                step = (first - 1) * self._steps // self.settings.accumulate
                since |= dict.fromkeys(of[name], step)
        if not rates and not since:
            return None
        adam = inner_optimizer(self.model.optimizer)
        return Pace(rates, since, adam.beta_1, adam.beta_2)

    @property
    def _rates(self) -> Mapping[str, float]:
        return self.settings.rates or {}

    @property
    def _from(self) -> Mapping[str, int]:
        return self.settings.unfreeze_at or {}

    def _at(self, epoch: int, history: Sequence[Epoch]) -> tuple[frozenset[str], frozenset[str]]:
        """The parts that are frozen in an epoch, and the tasks that are finished by then."""
        return self._held(epoch), self._finished(history)

    def _held(self, epoch: int) -> frozenset[str]:
        throughout = set(self.settings.freeze) - self._from.keys()
        return frozenset(throughout | {n for n, first in self._from.items() if epoch + 1 < first})

    def _finished(self, history: Sequence[Epoch]) -> frozenset[str]:
        patience = self.settings.task_patience
        if patience is None:
            return frozenset()
        return frozenset(
            task
            for task in self.tasks
            if _has_ended([e.gains[task] for e in history if task in e.gains], patience)
        )

    def _freeze(self, names: Set[str]) -> None:
        for layer, trainable in self._as_made:
            layer.trainable = trainable
        for name in names:
            for layer in self._parts[name]:
                layer.trainable = False

    def _check(self) -> None:
        settings = self.settings
        asked = {"freeze": settings.freeze, "unfreeze_at": self._from, "rates": self._rates}
        for argument, names in asked.items():
            for name in names:
                if name not in self._parts:
                    raise ConfigError(
                        f"Training: {argument} names '{name}', and the model has no such part."
                        f"{_NO_START if name == START else did_you_mean(name, self._parts)}",
                        ("training", argument),
                    )
        # A state of the shape of the gradients that there are when all learns.
        heads = {HEADS, *self.model.task_names}
        heads |= {name for name in self._parts if name.rpartition("/")[0] in heads}
        balancing, held = self.model.balancing, {*settings.freeze, *self._from} - heads
        if held and isinstance(balancing, Aggregator) and balancing.shapes and balancing.variables:
            raise BalancingError(
                f"{type(balancing).__name__} keeps what it knows of each shared weight, so none of "
                f"them can be frozen. Received: freeze or unfreeze_at of {', '.join(sorted(held))}."
            )
        for epoch in {1, *self._from.values()}:
            self._freeze(self._held(epoch - 1))
            if not self.model.trainable_variables:
                raise ConfigError(
                    "Training: what is frozen, by freeze, unfreeze_at or --freeze-trunk, leaves "
                    f"nothing to learn in epoch {epoch}.",
                    ("training", "freeze"),
                )


@dataclass(frozen=True)
class Pace:
    """What share of a step of Adam's each weight takes.

    A smaller gradient would change nothing, since Adam divides it by its size. A share of the step is
    a smaller learning rate: of the decay, too.

    Of weights that begin to learn in step s, Adam's means m and v begin at 0 there, while it corrects
    them as though they had begun in step 0: their first steps would be up to six times too long. They
    take the share c(t - s) / c(t) of step t, where c(t) = sqrt(1 - b2^(t + 1)) / (1 - b1^(t + 1)).

    Attributes:
        rates: by the variable's id.
        since: the step in which it began, by its id, if that is not the first.
        beta_1: b1, of Adam.
        beta_2: b2.
    """

    rates: Mapping[int, float]
    since: Mapping[int, int]
    beta_1: float
    beta_2: float

    def __call__(self, step: Any) -> dict[int, Any]:
        """Scalars by the variable's id; of all others it is 1."""
        late = {
            start: self._correction(keras.ops.maximum(step - start, 0)) / self._correction(step)
            for start in set(self.since.values())
        }
        return {
            key: self.rates.get(key, 1.0) * late.get(self.since.get(key, 0), 1.0)
            for key in {**self.rates, **self.since}
        }

    def _correction(self, step: Any) -> Any:
        taken = keras.ops.cast(step + 1, "float32")
        return keras.ops.sqrt(1.0 - self.beta_2**taken) / (1.0 - self.beta_1**taken)


def _layers_within(parts: Parts) -> dict[str, list[keras.layers.Layer]]:
    """What lies within each part, at any depth, as part/layer."""
    found: dict[str, list[keras.layers.Layer]] = {}
    for part, layers in parts.items():
        for layer in layers:
            for inner in layer._flatten_layers(include_self=False):
                found.setdefault(f"{part}/{inner.name}", []).append(inner)
    return found


def _has_ended(gains: Sequence[float], patience: int) -> bool:
    """Whether a best gain has at some time been `patience` epochs ago; of equals the first counts."""
    best = 0
    for epoch, gain in enumerate(gains):
        if gain > gains[best]:
            best = epoch
        if epoch - best >= patience:
            return True
    return False
