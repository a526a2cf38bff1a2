"""What an objective sees of a model while the model is put together."""

import abc
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from plait.features import Feature
from plait.tasks import Task


@dataclass(frozen=True)
class FeatureTokens:
    """What the model has made of a feature, each a tensor of the graph.

    Attributes:
        values: `(batch, *feature)`, as the encoder is given them before scaling; zeros where absent.
        tokens: `(batch, tokens, width)`; where absent the feature's learnt token.
        mask: `(batch, tokens)` bool.
        present: `(batch,)` bool; in training without the cells that modality dropout has left out.
        lengths: `(batch,)` int32, valid steps on the first axis of `values`, or None.
        maps: the encoder's feature maps, `(batch, rows, columns, channels)` each, from coarse to fine.
    """

    values: Any
    tokens: Any
    mask: Any
    present: Any
    lengths: Any = None
    maps: Sequence[Any] = ()


class Graph(abc.ABC):
    """A model that is being put together, as one objective sees it.

    What it is given of heads are calls of its own, with the heads' weights: so a balancer has a copy of
    the shared representation for the objective, as for a task, and compares their gradients there.

    Attributes:
        features: fitted features by name.
        tasks: fitted tasks by name.
    """

    features: Mapping[str, Feature]
    tasks: Mapping[str, Task]

    @abc.abstractmethod
    def logits(self, task: str) -> Any:
        """A task's logits, `(batch, *answer)`."""

    @abc.abstractmethod
    def feature(self, name: str) -> FeatureTokens:
        """What the encoder has made of a feature."""

    @abc.abstractmethod
    def read_again(self, name: str, values: Any) -> FeatureTokens:
        """What the encoder makes of other values in a feature's place, in the rows that have it.

        Args:
            name: of the feature.
            values: in the form of those of `feature`, as long as they are.
        """

    @abc.abstractmethod
    def represented(
        self,
        without: Collection[str] = (),
        instead: Mapping[str, FeatureTokens] | None = None,
    ) -> tuple[Any, Any]:
        """The shared representation of a row, and its mask.

        Args:
            without: features that are absent in it.
            instead: by the names of others, what is in their place.

        Returns:
            `(batch, tokens, width)` and `(batch, tokens)` bool.
        """

    @abc.abstractmethod
    def own(self, layer: type[keras.layers.Layer], name: str, **arguments: Any) -> Any:
        """A new layer that the objective has for itself, with a name and the model's precision.

        Args:
            layer: its class.
            name: what tells it from the objective's other layers.
            **arguments: of the class, but for `name` and `dtype`.
        """
