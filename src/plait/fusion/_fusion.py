"""The contract of a fusion: every feature's tokens in, one sequence of tokens out."""

import abc
from collections.abc import Collection
from typing import Any

import keras

from plait._ranges import demand_whole


class Fusion(keras.layers.Layer, abc.ABC):
    """A layer that joins the features of a row.

    The tokens of an absent feature are its learnt absent token: a fusion may use it, and sees in
    `presence` that it is one. `Learner` and `connect` see to that; in a functional model of one's own
    an `AbsentToken` for each feature does, which goes before the fusion.

    Args:
        width: the size of each token that comes out.

    Raises:
        ConfigError: a width below 1.

    Call arguments:
        tokens: `{feature: (batch, tokens, width_of_the_feature)}`.
        masks: `{feature: (batch, tokens)}` bool, True where a token is valid.
        presence: `{feature: (batch,)}` bool, True where the row has the feature.

    Returns:
        A dict: `"tokens"` `(batch, tokens, width)` and `"mask"` `(batch, tokens)` bool.
    """

    def __init__(self, width: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        demand_whole(type(self).__name__, width=width)
        self.width = width

    def check(self, features: Collection[str]) -> None:
        """Refuses features that it cannot join, before any of them is read.

        Args:
            features: their names.

        Raises:
            ConfigError: one that its arguments name is not among them.
        """

    def check_before(self, sharing: keras.layers.Layer) -> None:
        """Refuses what stands between it and the heads, where it would not be what it says behind it.

        Args:
            sharing: which has `passes_on`, whether its tokens come out as they went in.

        Raises:
            ConfigError: says what would do.
        """

    @abc.abstractmethod
    def call(
        self, tokens: dict[str, Any], masks: dict[str, Any], presence: dict[str, Any]
    ) -> dict[str, Any]:
        """The fused tokens."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}
