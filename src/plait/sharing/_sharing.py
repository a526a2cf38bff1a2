"""The contract of a sharing: the fused tokens in, each task's tokens out."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._copies import Remade


class Sharing(Remade, keras.layers.Layer, abc.ABC):
    """The part that tasks share, and the branch of each task beside it.

    The layer itself is the shared part: what it returns is where the shared part ends, and the
    balancing step finds it there by itself. Of that, `part` is what one task reads, and `branch` what
    belongs to this task alone.

    Call arguments:
        tokens: `(batch, tokens, width)`, fused.
        mask: `(batch, tokens)` bool.
        training: whether dropout is on.

    Returns:
        One tensor or a flat list of tensors: the shared representation.

    Example:
        sharing = MMoE(experts=2)
        shared = sharing(tokens, mask)
        mine = sharing.branch("a")(sharing.part(shared, "a"), tokens, mask)
    """

    masked = False
    """Whether its tokens have a mask, known before it is built: then their number stays."""

    weighs = False
    """Whether it tells how a task weighs its parts: see `Predictor.gates`."""

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        # Keras tells `build` the shapes of all but masks.
        mask = inputs[1] if len(inputs) > 1 else options.get("mask")
        self.masked = self.masked or mask is not None
        return super().__call__(*inputs, **options)

    @property
    def least_weights(self) -> int:
        """How many weights it has for sure once built, so that a crafted count is never built."""
        return 0

    @property
    def passes_on(self) -> bool:
        """Whether every task reads the fused tokens as they are."""
        return False

    def for_tasks(self, tasks: Sequence[str]) -> "Sharing":
        """The same for a model of these tasks; itself where nothing depends on which they are.

        Raises:
            ConfigError: it was made for tasks that one of these is not among.
        """
        return self

    def slimmed(self, tasks: Sequence[str]) -> "Sharing":
        """The same for some of its tasks, without what only the others have; itself if all is needed.

        A new one is not built yet, and once built has weights of its own until it is given
        `take_from`.
        """
        return self

    def narrowed(self, declared: "Sharing") -> "Sharing":
        """The same without the parts that its weights show to be of no use to the declared one's tasks.

        Args:
            declared: what it was `slimmed` to, which has no weights yet.
        """
        return declared

    def take_from(self, whole: Any) -> None:
        """Takes over the weights of the sharing that this one is `slimmed` from, both built."""
        raise NotImplementedError(f"{type(self).__name__} is never slimmed.")

    def once(self, loss: Any) -> Any:
        """A loss that depends on weights alone, as a call adds it: all calls of a forward make it up.

        The layer is called for each set of features that some task reads.
        """
        return loss / max(1, len(self._inbound_nodes))

    @abc.abstractmethod
    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The shared representation."""

    def part(self, shared: Any, task: str) -> Any:
        """What a task reads of the shared representation: all of it, unless said otherwise."""
        return shared

    def common(self, shared: Any) -> Any:
        """What an objective, which has no branch, reads: the shared representation, or if that is a
        list the mean of its tensors.

        Returns:
            `(batch, tokens, width)`.
        """
        return ops.mean(ops.stack(shared), axis=0) if isinstance(shared, list | tuple) else shared

    @abc.abstractmethod
    def branch(self, task: str) -> keras.layers.Layer | None:
        """The layer from `(part, tokens, mask)` to the task's tokens, or None where its part of the
        shared representation are these.
        """
