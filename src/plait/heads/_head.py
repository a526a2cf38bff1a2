"""The contract of a head: a task's tokens in, logits out."""

import abc
from typing import Any

import keras


class Head(keras.layers.Layer, abc.ABC):
    """A layer from a task's tokens to its logits.

    Call arguments:
        tokens: `(batch, tokens, width)`.
        mask: `(batch, tokens)` bool.
        training: whether dropout is on.
        maps: only for a task that names a picture in `maps_of`: its encoder's feature maps
            `(batch, height, width, channels)`, from coarse to fine.

    Returns:
        Logits, `(batch, *answer)`.
    """

    @abc.abstractmethod
    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The logits."""
