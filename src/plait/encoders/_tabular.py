"""Many numbers and categories of a row as one token."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_number, demand_share, demand_whole
from plait.backend import uniform
from plait.encoders._batch_ensemble import BatchEnsemble
from plait.encoders._encoder import Encoder
from plait.encoders._ids import known_ids
from plait.errors import ConfigError

_MOST_BLOCKS = 64
_UNKNOWN = 0


@keras.saving.register_keras_serializable(package="plait")
class Tabular(Encoder):
    """Numbers by their frequencies, categories by their embeddings, and an ensemble over all of them.

    A standardised number x becomes [sin(2 pi c x), cos(2 pi c x), x] with `frequencies` learnt c of
    its own, and a linear map of its own with a ReLU of that; a category becomes a learnt vector. Cells
    that are empty have a learnt vector, one for each column. All of them end to end pass through
    `members` networks of dense layers that share their weights but for a factor on each input and
    each output (BatchEnsemble), whose hidden values are brought to one token by a dense layer.

    Args:
        width: the size of the token.
        columns: for each column `{"numbers": channels}` or `{"ids": how many}`; the feature's if None.
        embedding_width: of each number and each category.
        frequencies: of each number; 0 for x alone.
        frequency_scale: the deviation of c before training.
        hidden: units of each dense layer.
        blocks: how many dense layers.
        members: of the ensemble; 1 for one network without factors.
        dropout: in each dense layer.
        forget: the share of cells that are taken as empty, and of categories that are taken as never
            seen, while training, so that both are learnt.
        seed: of what is drawn.

    Call arguments:
        values: `(batch, channels + columns)` float32: the numbers and ids of the columns in order, then
            1 for each column whose cell is there.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range; built without columns, or for values of another
            size.

    Example:
        columns = [{"numbers": 1}, {"ids": 5}]
        Tabular(8, columns)(keras.ops.ones((2, 4)))["tokens"].shape  # (2, 1, 8)

    References:
        Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep
        Learning", 2022: "PLR" without its x beside the frequencies.
        Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: Advancing Tabular Deep Learning with
        Parameter-Efficient Ensembling", 2025. There each member has a loss of its own and the answers
        are averaged; here the members meet in the token, since what is trained comes after fusion.
    """

    modality: ClassVar[str | None] = "columns"
    fitted: ClassVar[str | None] = "columns"

    def __init__(
        self,
        width: int = 128,
        columns: Sequence[Mapping[str, int]] | None = None,
        embedding_width: int = 16,
        frequencies: int = 16,
        frequency_scale: float = 0.5,
        hidden: int = 128,
        blocks: int = 2,
        members: int = 1,
        dropout: float = 0.1,
        forget: float = 0.01,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # Ids in the numbers' array: in half precision one would be another.
        super().__init__(width, **{"autocast": False, **kwargs})
        demand_whole("Tabular", embedding_width=embedding_width, hidden=hidden, members=members)
        demand_whole("Tabular", most=_MOST_BLOCKS, blocks=blocks)
        demand_whole("Tabular", least=0, frequencies=frequencies)
        demand_whole("Tabular", least=0, most=MOST_SEED, seed=seed)
        demand_number("Tabular", frequency_scale=frequency_scale)
        demand_share("Tabular", dropout=dropout, forget=forget)
        self.columns = None if columns is None else tuple(_checked(one) for one in columns)
        self.embedding_width = embedding_width
        self.frequencies = frequencies
        self.frequency_scale = frequency_scale
        self.hidden = hidden
        self.blocks = blocks
        self.members = members
        self.dropout = dropout
        self.forget = forget
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    @property
    def least_weights(self) -> int:
        return 2 * self.blocks

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        columns = self._demand_fitted("columns there are", "Columns")
        sizes = [column.get("numbers", 1) for column in columns]
        if values_shape[-1] != sum(sizes) + len(columns):
            raise ConfigError(
                f"Tabular: of {len(columns)} columns with {sum(sizes)} channels there are "
                f"{sum(sizes) + len(columns)} values. Received: {values_shape[-1]}."
            )
        are_ids = np.repeat(["ids" in column for column in columns], sizes)
        column_of = np.repeat(np.arange(len(columns)), sizes)
        self._numbers, self._ids = np.flatnonzero(~are_ids), np.flatnonzero(are_ids)
        self._known = sum(sizes) + np.concatenate([column_of[self._numbers], column_of[self._ids]])
        counts = [column["ids"] for column in columns if "ids" in column]
        self._counts = np.array(counts, "int32")
        self._starts = np.cumsum([0, *counts])[:-1].astype("int32")
        width, numbers = self.embedding_width, len(self._numbers)
        small = keras.initializers.RandomUniform(-(width**-0.5), width**-0.5)
        if numbers and self.frequencies:
            self.frequency = self.add_weight(
                shape=(numbers, self.frequencies),
                initializer=keras.initializers.RandomNormal(stddev=self.frequency_scale),
                name="frequency",
            )
        if numbers:
            inputs = 2 * self.frequencies + 1
            self.kernel = self.add_weight(
                shape=(numbers, inputs, width),
                initializer=keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5),
                name="kernel",
            )
            self.bias = self.add_weight(
                shape=(numbers, width),
                initializer=keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5),
                name="bias",
            )
        if counts:
            self.table = self.add_weight(
                shape=(sum(counts), width), initializer=small, name="table"
            )
        self.empty = self.add_weight(
            shape=(len(self._known), width), initializer=small, name="empty"
        )
        self.stack, inputs = [], len(self._known) * width
        for n in range(self.blocks):
            block = BatchEnsemble(
                self.hidden,
                self.members,
                signs=n == 0,
                activation="relu",
                dtype=self.dtype_policy,
                name=f"block_{n}",
            )
            block.build((None, self.members, inputs))
            self.stack.append(block)
            inputs = self.hidden
        self.drop = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self.outer = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="outer")
        self.outer.build((None, self.members * self.hidden))

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        known = ops.take(values, self._known, axis=1) > 0.5
        if training and self.forget:
            known = ops.logical_and(known, uniform(ops.shape(known), self._draws) >= self.forget)
        cells = [
            part for part in (self._of_numbers(values), self._of_ids(values, training)) if part
        ]
        embedded = ops.concatenate([cell[0] for cell in cells], axis=1)
        embedded = ops.where(ops.expand_dims(known, -1), embedded, self._cast(self.empty))
        hidden = ops.reshape(embedded, (-1, 1, len(self._known) * self.embedding_width))
        if self.members > 1:
            hidden = ops.repeat(hidden, self.members, axis=1)
        for block in self.stack:
            hidden = self.drop(block(hidden), training=training)
        tokens = self.outer(ops.reshape(hidden, (-1, 1, self.members * self.hidden)))
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def _of_numbers(self, values: Any) -> list[Any]:
        """`(batch, numbers, embedding_width)`, in a list, or none."""
        if not len(self._numbers):
            return []
        x = ops.expand_dims(ops.take(values, self._numbers, axis=1), -1)
        parts = [x]
        if self.frequencies:
            angles = 2 * math.pi * ops.cast(self.frequency, "float32") * x
            parts = [ops.sin(angles), ops.cos(angles), x]
        inputs = self._cast(ops.concatenate(parts, axis=-1))
        embedded = ops.einsum("bni,nie->bne", inputs, self._cast(self.kernel))
        return [ops.relu(embedded + self._cast(self.bias))]

    def _of_ids(self, values: Any, training: bool | None) -> list[Any]:
        """`(batch, categories, embedding_width)`, in a list, or none."""
        if not len(self._ids):
            return []
        ids = ops.cast(ops.take(values, self._ids, axis=1), "int32")
        ids = known_ids(ids, ops.convert_to_tensor(self._counts), _UNKNOWN)
        if training and self.forget:
            gone = uniform(ops.shape(ids), self._draws) < self.forget
            ids = ops.where(gone, _UNKNOWN, ids)
        return [self._cast(ops.take(self.table, ids + ops.convert_to_tensor(self._starts), axis=0))]

    def _cast(self, values: Any) -> Any:
        return ops.cast(values, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        own = ("embedding_width", "frequencies", "frequency_scale", "hidden", "blocks")
        names = ("columns", *own, "members", "dropout", "forget", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _checked(column: Mapping[str, int]) -> dict[str, int]:
    if not isinstance(column, Mapping) or set(column) not in ({"numbers"}, {"ids"}):
        raise ConfigError(
            'Tabular: a column is {"numbers": channels} or {"ids": how many}. Received: '
            f"{column!r}.",
            ("columns",),
        )
    demand_whole("Tabular", **column)
    return dict(column)
