"""How a run trains a model, beside what the model was compiled for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plait.model._average import WeightAverage
from plait.model._fade import Fade


@dataclass(frozen=True)
class Regime:
    """What the training step does beside the losses, the balancer and the optimizer; nothing here.

    Attributes:
        augment: what becomes of a batch's inputs, from them and the key of each row.
        follow: what becomes of the labels by output along with them, from the labels and the key of
            each row.
        mix: from a batch's inputs, those before they were augmented, the labels, which rows have some,
            and the key of each row to the inputs and labels of rows that are made of two.
        average: of the weights.
        pace: from the step to the share of it that each weight takes, by the variable's id; all of it
            where it says nothing.
        resting: the tasks that take no part.
        fade: how tasks that only serve the others leave the run; None where none does.
        needs: the inputs that say whether there is what an output is of, by the output: where one is
            False, once inputs were augmented, the output's label does not count.
    """

    augment: Callable[[Any, Any], Any] | None = None
    follow: Callable[[Any, Any], Any] | None = None
    mix: Callable[[Any, Any, Any, Any, Any], tuple[Any, Any]] | None = None
    average: WeightAverage | None = None
    pace: Callable[[Any], Mapping[int, Any]] | None = None
    resting: frozenset[str] = frozenset()
    fade: Fade | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
