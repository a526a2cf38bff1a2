"""The contract of an encoder: a feature's arrays in, tokens and their mask out."""

import abc
from typing import Any

import keras


class Encoder(keras.layers.Layer, abc.ABC):
    """A layer from a feature's arrays to tokens.

    An encoder normalises each row alone (layer, group or RMS normalisation), never over the batch:
    what stands in an absent or padded row can change nothing elsewhere.

    Args:
        width: the size of each token.

    Call arguments:
        values: `(batch, *feature)`, already scaled; zeros in absent rows.
        lengths: `(batch,)` int32, valid steps on the first feature axis, or None.
        training: whether dropout is on.

    Returns:
        A dict: `"tokens"` `(batch, tokens, width)`, `"mask"` `(batch, tokens)` bool (True where a
        token is valid; at least one in each row), and for encoders of pictures `"maps"`, a list of
        feature maps `(batch, height, width, channels)` from coarse to fine.
    """

    def __init__(self, width: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    @abc.abstractmethod
    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        """Tokens of the values."""

    def for_feature(self, feature: Any) -> "Encoder":
        """The same encoder with the sizes filled in that only a fitted feature knows.

        Args:
            feature: the fitted `Feature` whose arrays it will read.

        Returns:
            A new layer of the same class and arguments, or `self` where nothing is to be filled in.
        """
        return self

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}
