"""A model that is being put together, as one objective sees it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from plait.features import Feature
from plait.inference._parts import OBJECTIVES, part_of
from plait.inference._stages import Stages
from plait.inference._strands import LayerNames, Strand, Tensors
from plait.objectives import FeatureTokens, Graph
from plait.tasks import Task


@dataclass(frozen=True)
class ObjectiveGraph(Graph):
    """See `Graph`.

    Attributes:
        name: of the objective.
        features: fitted features by name.
        tasks: fitted tasks by name.
        stages: what the model is made of.
        answered: the tasks' own logits.
        names: for the objective's own layers.
    """

    name: str
    features: Mapping[str, Feature]
    tasks: Mapping[str, Task]
    stages: Stages
    answered: Mapping[str, Any]
    names: LayerNames
    _logits: dict[str, Any] = field(default_factory=dict)

    def logits(self, task: str) -> Any:
        if task not in self._logits:
            self._logits[task] = self.stages.logits(task, self.answered)
        return self._logits[task]

    def feature(self, name: str) -> FeatureTokens:
        strand = self.stages.strands[name]
        return _tokens(strand, strand.values, strand.read, strand.maps)

    def read_again(self, name: str, values: Any) -> FeatureTokens:
        strand = self.stages.strands[name]
        return _tokens(strand, values, *strand.read_again(values))

    def represented(
        self,
        without: Collection[str] = (),
        instead: Mapping[str, FeatureTokens] | None = None,
    ) -> tuple[Any, Any]:
        reads = tuple(name for name in self.features if name not in without)
        if not instead:
            common, _, mask = self.stages.representation(reads)
            return self.stages.sharing.common(common), mask
        others = {
            name: {"tokens": seen.tokens, "mask": seen.mask, "present": seen.present}
            for name, seen in instead.items()
        }
        common, _, mask = self.stages.representation_of(reads, others)
        return self.stages.sharing.common(common), mask

    def own(self, layer: type[keras.layers.Layer], name: str, **arguments: Any) -> Any:
        policy = {} if self.stages.policy is None else {"dtype": self.stages.policy}
        named = self.names(f"{self.name}__{name}")
        return part_of(layer(**arguments, **policy, name=named), self.name, OBJECTIVES)


def _tokens(strand: Strand, values: Any, read: Tensors, maps: Sequence[Any]) -> FeatureTokens:
    return FeatureTokens(
        values, read["tokens"], read["mask"], read["present"], strand.lengths, maps
    )
