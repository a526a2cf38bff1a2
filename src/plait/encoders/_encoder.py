"""The contract of an encoder: a feature's arrays in, tokens and their mask out."""

import abc
from typing import Any, ClassVar

import keras

from plait._ranges import demand_whole
from plait.errors import ConfigError


class Encoder(keras.layers.Layer, abc.ABC):
    """A layer from a feature's arrays to tokens.

    An encoder normalises each row alone (layer, group or RMS normalisation), never over the batch:
    what stands in an absent or padded row can change nothing elsewhere.

    Args:
        width: the size of each token.

    Raises:
        ConfigError: an argument out of its range.

    Call arguments:
        values: `(batch, *feature)`, already scaled; zeros in absent rows.
        lengths: `(batch,)` int32, valid steps on the first feature axis, or None.
        training: whether dropout is on.

    Returns:
        A dict: `"tokens"` `(batch, tokens, width)`; `"mask"` `(batch, tokens)` bool, True where a
        token is valid, at least one in each row; and for encoders of pictures `"maps"`, a list of
        feature maps `(batch, height, width, channels)` from coarse to fine, with or without a token
        for each position.
    """

    modality: ClassVar[str | None] = None
    """Of the features whose arrays it can read (`Feature.modality`); None for any."""

    fitted: ClassVar[str | None] = None
    """The argument that the fitted feature gives (`Feature.for_encoder`) where the user left it out."""

    def __init__(self, width: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        demand_whole(type(self).__name__, width=width)
        self.width = width

    @property
    def least_weights(self) -> int:
        """How many weights it has for sure once built, so that a crafted count is never built."""
        return 0

    @abc.abstractmethod
    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        """Tokens of the values."""

    def for_feature(self, feature: Any) -> "Encoder":
        """The same encoder with what only a fitted feature knows filled in.

        Args:
            feature: the fitted `Feature` whose arrays it will read.

        Returns:
            A new layer of the same class and arguments, or `self` where nothing is to be filled in.
        """
        if self.fitted is None or getattr(self, self.fitted) is not None:
            return self
        known = {self.fitted: feature.for_encoder.get(self.fitted)}
        return type(self).from_config({**self.get_config(), **known})

    def _demand_fitted(self, unknown: str, feature: str) -> Any:
        """What the feature has given; refuses to build without."""
        given = getattr(self, str(self.fitted))
        if given is None:
            name = type(self).__name__
            raise ConfigError(
                f"{name} does not know how many {unknown}. Declare {name}({self.fitted}=...), or "
                f"call for_feature with a fitted {feature}."
            )
        return given

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}
