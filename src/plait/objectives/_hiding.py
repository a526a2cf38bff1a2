"""Layers that hide some of a row's parts: a text's tokens, a picture's patches, a record's columns."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from plait._hash import name_key, uniform
from plait._keyed import row_keys
from plait._token_ids import hidden_ids


class Hiding(keras.layers.Layer, abc.ABC):
    """Hides a share of each row's parts, at least one, anew in each epoch.

    Which ones is a function of the row's key (the run's seed, the epoch, the row) and the layer's name;
    without keys, which a run alone has, they are the same in every row and call.

    Args:
        share: of the parts that are there, in (0, 1).

    Call arguments:
        values: `(batch, *feature)`, before scaling.
        lengths: `(batch,)` int32, valid steps on the first feature axis, or None.

    Returns:
        A dict: `"values"` without what is hidden; `"places"` `(batch, most)` int32, which parts that
        is, and `"asked"` `(batch, most)` bool, which of these count. `most` is the share of all.
    """

    def __init__(self, share: float, **kwargs: Any) -> None:
        # Ids in half precision would be others.
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self.share = share

    @abc.abstractmethod
    def there(self, values: Any, lengths: Any) -> Any:
        """`(batch, parts)` bool, which parts of a row there are."""

    @abc.abstractmethod
    def without(self, values: Any, hidden: Any) -> Any:
        """The values without the parts that are `hidden`, `(batch, parts)` bool."""

    def call(self, values: Any, lengths: Any = None) -> dict[str, Any]:
        there = self.there(values, lengths)
        parts = there.shape[1]
        most = max(1, round(self.share * parts))
        drawn = ops.where(there, self._drawn(there), 2.0)
        count = ops.sum(ops.cast(there, "float32"), axis=1, keepdims=True)
        wanted = ops.clip(ops.cast(ops.round(self.share * count), "int32"), 1, most)
        last = ops.take_along_axis(ops.sort(drawn, axis=1), wanted - 1, axis=1)
        hidden = ops.logical_and(there, drawn <= last)
        asked = ops.logical_and(ops.arange(most, dtype="int32")[None, :] < wanted, count > 0)
        return {
            "values": self.without(values, hidden),
            "places": ops.cast(ops.argsort(drawn, axis=1)[:, :most], "int32"),
            "asked": asked,
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}

    def _drawn(self, there: Any) -> Any:
        keys = row_keys()
        if keys is None:
            keys = ops.zeros_like(ops.cast(there, "int32"))[:, :1] + np.zeros((1, 2), "int32")
        place = ops.arange(there.shape[1], dtype="int32")[None, :]
        return uniform(keys[:, :1], keys[:, 1:], name_key(self.name), place)


@keras.saving.register_keras_serializable(package="plait")
class HidingTokens(Hiding):
    """Tokens become unknown ones, and so do their characters."""

    def there(self, values: Any, lengths: Any) -> Any:
        ids = values if len(values.shape) == 2 else values[..., 0]
        return ops.arange(ids.shape[1], dtype="int32")[None, :] < lengths[:, None]

    def without(self, values: Any, hidden: Any) -> Any:
        return hidden_ids(values, hidden)


@keras.saving.register_keras_serializable(package="plait")
class HidingColumns(Hiding):
    """Columns become empty.

    Args:
        share: see `Hiding`.
        channels: how many values each column has.
    """

    def __init__(self, share: float, channels: Sequence[int], **kwargs: Any) -> None:
        super().__init__(share, **kwargs)
        self.channels = tuple(channels)

    def there(self, values: Any, lengths: Any) -> Any:
        return values[:, sum(self.channels) :] > 0

    def without(self, values: Any, hidden: Any) -> Any:
        # Of each value, and then of each column's sign that it is there.
        columns = [*np.repeat(np.arange(len(self.channels)), self.channels)]
        whose = np.array([*columns, *range(len(self.channels))], "int32")
        return ops.where(ops.take(hidden, whose, axis=1), ops.zeros_like(values), values)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(package="plait")
class HidingPatches(Hiding):
    """Patches become the mean colour.

    Args:
        share: see `Hiding`.
        patches: the rows and columns of the grid of patches.
        ground: the mean colour, of 0 to 255.
    """

    def __init__(
        self, share: float, patches: tuple[int, int], ground: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(share, **kwargs)
        self.patches = tuple(patches)
        self.ground = tuple(ground)

    def there(self, values: Any, lengths: Any) -> Any:
        none = ops.zeros_like(values[:, :1, 0, 0], dtype="bool")
        return ops.logical_or(none, np.ones((1, self.patches[0] * self.patches[1]), bool))

    def without(self, values: Any, hidden: Any) -> Any:
        (high, wide), (height, width) = sides_of(values.shape[1:3], self.patches), values.shape[1:3]
        # Of each row and each column of pixels, the patches that it is in.
        row, column = np.arange(height) // high, np.arange(width) // wide
        place = (row[:, None] * self.patches[1] + column).reshape(-1).astype("int32")
        of_pixels = ops.reshape(ops.take(hidden, place, axis=1), (-1, height, width, 1))
        ground = np.rint(np.array(self.ground, "float32"))
        return ops.where(of_pixels, ops.cast(ground, values.dtype), values)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "patches": self.patches, "ground": self.ground}


@keras.saving.register_keras_serializable(package="plait")
class Picked(keras.layers.Layer):
    """Of each row some of its tokens.

    Call arguments:
        tokens: `(batch, tokens, width)`, or a map `(batch, rows, columns, width)`.
        places: `(batch, most)` int32.

    Returns:
        `(batch, most, width)`.
    """

    def call(self, tokens: Any, places: Any) -> Any:
        return at_places(tokens, places)


def at_places(x: Any, places: Any) -> Any:
    """`(batch, most, ...)` of `(batch, parts, width)`, `(batch, parts)` or a map."""
    if len(x.shape) == 2:
        return ops.take_along_axis(x, places, axis=1)
    if len(x.shape) == 4:
        x = ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
    return ops.take_along_axis(x, places[..., None], axis=1)


def sides_of(size: Sequence[int], patches: Sequence[int]) -> tuple[int, int]:
    """The height and width of patches that cover a picture in such a grid."""
    return -(-size[0] // patches[0]), -(-size[1] // patches[1])
