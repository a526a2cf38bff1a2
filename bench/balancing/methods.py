"""What is measured of plait: every public balancer, and some of them in other ways."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import plait
from plait import balancing
from plait.balancing import Balancer, FeatureBalancer

PLAIN_KERAS = "keras.Model"
GROUPS = (
    "losses",
    "losses, after the step too",
    "Gramian at the representation",
    "Gramian at the parameters",
    "rows at the representation",
    "rows at the parameters",
    "Gramian across parts of the batch",
)
# Those that cannot be made without an argument.
_ARGUMENTS: dict[str, Callable[[], Balancer]] = {
    "CRMOGM": lambda: plait.CRMOGM(plait.MGDA()),
    "PCD": lambda: plait.PCD(primary="t0"),
}
_VARIANTS: dict[str, Callable[[], Balancer]] = {
    "PCGrad, parameters": lambda: plait.PCGrad(level="parameters"),
    "UPGrad, parameters": lambda: plait.UPGrad(level="parameters"),
    "NashMTL, parameters": lambda: plait.NashMTL(level="parameters"),
    "PCGrad, parameters, every 8": lambda: plait.PCGrad(level="parameters", refresh_every=8),
    "PCGrad, parameters, 32 rows": lambda: plait.PCGrad(level="parameters", gram_batch=32),
    "PCGrad, 32 rows": lambda: plait.PCGrad(gram_batch=32),
    "GradDrop, parameters": lambda: plait.GradDrop(level="parameters"),
    "TrimmedMean, representation": lambda: plait.TrimmedMean(level="representation"),
}
# Where there is no bar: one of each way through the step.
REPRESENTATIVES = (
    "Equal",
    "FAMO",
    "PCGrad",
    "UPGrad",
    "NashMTL",
    "PCGrad, parameters",
    "GradDrop",
    "MoDo",
)
# The look at the gradients that every method without need of them takes in each sixteenth step is
# in the figure of one of them.
_OBSERVED = {"Equal": 16}


@dataclass(frozen=True)
class Method:
    """A balancer to measure.

    Attributes:
        name: what the tables call it.
        make: a new one.
        block: the fewest steps that hold everything it does now and then, in a row.
        compiled: what `compile` needs beside it.
    """

    name: str
    make: Callable[[], Balancer]
    block: int
    compiled: dict[str, Any]

    @property
    def metrics(self) -> bool:
        """Whether the plain step beside it has the same metrics to take."""
        return "weighted_metrics" in self.compiled


def methods(tasks: list[str]) -> list[Method]:
    """All that weigh tasks, for a model with these."""
    public = {name: getattr(balancing, name) for name in balancing.__all__}
    balancers = {
        name: _ARGUMENTS.get(name, cls)
        for name, cls in public.items()
        if issubclass(cls, Balancer)
        and not issubclass(cls, FeatureBalancer)
        and not inspect.isabstract(cls)
    }
    return [_method(name, make, tasks) for name, make in (balancers | _VARIANTS).items()]


def group_of(balancer: Balancer) -> str:
    """One of `GROUPS`, by what it needs and where."""
    if balancer.needs & {"cross_gramian", "cross_product"}:
        return GROUPS[6]
    if "gradients" in balancer.needs:
        return GROUPS[5] if balancer.level == "parameters" else GROUPS[4]
    if "gramian" in balancer.needs:
        return GROUPS[3] if balancer.level == "parameters" else GROUPS[2]
    return GROUPS[1] if "losses_after" in balancer.needs else GROUPS[0]


def _method(name: str, make: Callable[[], Balancer], tasks: list[str]) -> Method:
    balancer = make()
    compiled: dict[str, Any] = {}
    if "auxiliary" in balancer.needs:
        compiled["auxiliary"] = [tasks[1]]
    if "metrics" in balancer.needs:
        compiled["weighted_metrics"] = {task: ["accuracy"] for task in tasks}
    return Method(name, make, max(2, balancer.refresh_every, _OBSERVED.get(name, 2)), compiled)
