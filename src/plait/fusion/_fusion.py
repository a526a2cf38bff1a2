"""The contract of a fusion: every feature's tokens in, one sequence of tokens out."""

import abc
from collections.abc import Collection
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole


class Fusion(keras.layers.Layer, abc.ABC):
    """A layer that joins the features of a row.

    Of what is given for a feature that a row lacks nothing is read. Its absent token stands for it,
    and is looked at like any other: one token of zeros, or with `filled` what the tokens are, which
    an `AbsentToken` has learnt. `Learner` and `connect` put such a layer before the fusion. Either way
    the fusion sees in `presence` which features the row has.

    A fusion of one's own has a method `fuse`, which is given tokens so cleared or filled.

    Args:
        width: the size of each token that comes out.

    Raises:
        ConfigError: a width below 1.

    Call arguments:
        tokens: `{feature: (batch, tokens, width_of_the_feature)}`.
        masks: `{feature: (batch, tokens)}` bool, True where a token is valid.
        presence: `{feature: (batch,)}` bool, True where the row has the feature.
        filled: whether the tokens of an absent feature already are what stands for it.

    Returns:
        A dict: `"tokens"` `(batch, tokens, width)` and `"mask"` `(batch, tokens)` bool.
    """

    weighs = False
    """Whether it tells how it weighs the features: see `Predictor.gates`."""

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

    def call(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        filled: bool = False,
        training: bool | None = None,
    ) -> dict[str, Any]:
        if not filled:
            tokens, masks = _cleared(tokens, masks, presence)
        return self.fuse(tokens, masks, presence, training=training)

    @abc.abstractmethod
    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        """The fused tokens and their mask, of features of which each has a valid token in each row."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


def _cleared(
    tokens: dict[str, Any], masks: dict[str, Any], presence: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tokens and masks with one token of zeros for each feature that a row lacks."""
    kept, valid = {}, {}
    for name, values in tokens.items():
        here = ops.expand_dims(presence[name], -1)
        kept[name] = ops.where(ops.expand_dims(here, -1), values, ops.zeros_like(values))
        first = ops.expand_dims(ops.arange(ops.shape(values)[1]) < 1, 0)
        valid[name] = ops.where(here, masks[name], first)
    return kept, valid
