"""The contract of a sharing: the fused tokens in, each task's tokens out."""

import abc
from typing import Any

import keras


class Sharing(keras.layers.Layer, abc.ABC):
    """The part that tasks share, and the branch of each task beside it.

    The layer itself is the shared part: what it returns is where the shared part ends, and the
    balancing step finds it there by itself. `branch` gives what belongs to one task alone.

    Call arguments:
        tokens: `(batch, tokens, width)`, fused.
        mask: `(batch, tokens)` bool.
        training: whether dropout is on.

    Returns:
        One tensor or a flat list of tensors: the shared representation.
    """

    @property
    def least_weights(self) -> int:
        """How many weights it has for sure once built, so that a crafted count is never built."""
        return 0

    @abc.abstractmethod
    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The shared representation."""

    @abc.abstractmethod
    def branch(self, task: str) -> keras.layers.Layer | None:
        """The layer from `(shared, tokens, mask)` to the task's tokens, or None for the shared
        representation as it is.
        """
