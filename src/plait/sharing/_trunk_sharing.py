"""Sharings that live inside the trunk: something of each task's stands between its stages."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.sharing._hard_sharing import HardSharing
from plait.sharing._task_sharing import TaskSharing
from plait.sharing._template import (
    MOST_LAYERS,
    Follow,
    demand_few,
    layers_of,
    least_weights_of,
    written,
)


class TrunkSharing(TaskSharing, abc.ABC):
    """A trunk in stages, of which each task has its own way through.

    What comes out is each task's tokens, which no two tasks read. So gradients can be compared at the
    parameters alone: balancers that compare them need `level="parameters"`.

    Args:
        stages: how many stages, of the kind that is the default; or the stages, Keras layers that find
            their sizes by themselves. They may read something else than tokens, such as a picture, in a
            functional model.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: no stage, something that is no layer, names that stand twice.
    """

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tasks, **kwargs)
        owner = type(self).__name__
        if isinstance(stages, int):
            demand_whole(owner, stages=stages)
            self._stages = None
            self.count = stages
        else:
            self._stages = Kept(layers_of(owner, "stages", stages))
            self.count = len(self._stages.layers)
        self.demand_few(len(tasks or ["one"]))

    def demand_few(self, copies: int) -> None:
        """Refuses more layers, or mixtures of them, than anybody could mean."""
        layers = (
            self._stages.layers
            if self._stages
            else (HardSharing(blocks=1),) * min(self.count, MOST_LAYERS + 1)
        )
        demand_few(type(self).__name__, copies, layers)

    @property
    def given(self) -> bool:
        """Whether the stages are the user's, and not of the kind that is the default."""
        return self._stages is not None

    @property
    def depth(self) -> int:
        """How many stages a task's way has."""
        return self.count

    @property
    def stages(self) -> Any:
        """As the constructor was given them."""
        return self.count if self._stages is None else self._stages.layers

    @property
    def least_weights(self) -> int:
        return self.count if self._stages is None else least_weights_of(self._stages.layers)

    def stage(self, number: int, name: str, shape: Any) -> Follow:
        """A built copy of a stage.

        Raises:
            ConfigError: one that makes another number of tokens, where these have a mask.
        """
        pattern = self.default_stage(shape) if self._stages is None else self._stages.layers[number]
        made = Follow([pattern], name=name, dtype=self.dtype_policy)
        made.build(shape)
        if self.masked:
            made.demand_tokens(type(self).__name__, shape)
        return made

    def trunk_of(self, shape: Any) -> list[Follow]:
        """One built copy of each stage, from first to last."""
        made: list[Follow] = []
        for number in range(self.count):
            made.append(self.stage(number, f"stage_{number}", shape))
            shape = made[-1].given
        return made

    def default_stage(self, shape: Any) -> keras.layers.Layer:
        """A stage where none is given: a residual block."""
        return HardSharing(blocks=1)

    @abc.abstractmethod
    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        """Each task's tokens, in the order of `tasks`."""

    def part(self, shared: Any, task: str) -> Any:
        """The task's tokens."""
        return shared[self.place(task)]

    def branch(self, task: str) -> keras.layers.Layer | None:
        return None

    def get_config(self) -> dict[str, Any]:
        stages = self.count if self._stages is None else written(self._stages.layers)
        return {**super().get_config(), "stages": stages}


class Kept:
    """Layers that are no layers of the model: a pattern, out of Keras' sight."""

    def __init__(self, layers: tuple[keras.layers.Layer, ...]) -> None:
        self.layers = layers


class Columns(TrunkSharing, abc.ABC):
    """A trunk of its own for each task."""

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        shape = tokens_shape
        tasks = range(len(self.known()))
        # One list, each task's copy of a stage after the other: Keras looks no deeper.
        self.copies = []
        self.shapes = []
        for number in range(self.count):
            made = [self.stage(number, f"stage_{number}_{t}", shape) for t in tasks]
            self.copies += made
            shape = made[0].compute_output_shape(shape)
            self.shapes.append(shape)

    def copies_of(self, number: int) -> list[Follow]:
        """Each task's copy of a stage."""
        tasks = len(self.known())
        return list(self.copies[number * tasks : (number + 1) * tasks])


def biased(count: int, own: float = 0.9) -> list[list[float]]:
    """A square of so many rows: `own` on the diagonal, and what is left to 1 in equal parts."""
    rest = (1.0 - own) / (count - 1) if count > 1 else 0.0
    mine = own if count > 1 else 1.0
    return [[mine if i == j else rest for j in range(count)] for i in range(count)]


def stitched(weights: Any, tensors: list[Any]) -> list[Any]:
    """Σ_j w_ij x_j for each i.

    Args:
        weights: `(n, n)`, or `(n, n, channels)`.
        tensors: n of them, all of one shape.
    """
    weights = ops.cast(weights, tensors[0].dtype)
    # As a product of matrices a step with its gradients takes longer, an answer half as long.
    return [sum(weights[i, j] * x for j, x in enumerate(tensors)) for i in range(len(tensors))]
