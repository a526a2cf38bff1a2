"""Any number of several values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import numpy as np

from plait._ranges import demand_whole
from plait.encoders import CategoryBag, Encoder
from plait.errors import ConfigError
from plait.features._category import UNKNOWN
from plait.features._cells import empty_column
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.features._sets import Sets, guess_separator
from plait.table import Column


@dataclass(frozen=True, kw_only=True)
class CategorySet(Feature):
    """A set of values out of those that the training rows hold, such as tags or ingredients.

    A cell is a list, or a text with a separator between the values; what a row names twice counts
    once. An empty list, or a separator alone, is a set that is there and has nothing in it; a null (or
    "") is an absent cell.

    A value that training never saw means "unknown" and is one of the row's values all the same, as
    often as there are such values; those of a single training row are unknown, too (see `Category`).
    `plait check` counts them.

    Args:
        separator: what stands between the values of a text. If None: the first of | ; , that occurs in
            the training rows; if none does, each text is one value.
        max_categories: how many values are told apart, the most frequent ones; the rest is unknown.
        max_items: the most values of one row; the rarest are cut. If the longest training row has
            fewer, that is the limit.
        column, missing, encoder, tied, on_error: see `Feature`. A value that means missing is left out
            of its set; where no other is left, the cell is absent.

    Raises:
        ConfigError: an argument out of its range.

    Example:
        CategorySet(separator="|")
    """

    modality: ClassVar[str] = "category_set"

    separator: str | None = None
    max_categories: int = 10_000
    max_items: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.separator == "":
            raise ConfigError(
                'CategorySet: separator is a text such as ";", or None. Received: "".'
            )
        demand_whole("CategorySet", max_categories=self.max_categories)
        demand_whole("CategorySet", max_items=self.max_items, most=2**16)

    def fit(self, column: Column) -> Self:
        separator = self.separator or guess_separator(column, self.missing)
        sets = Sets.of(column, separator, self.missing)
        if not sets.present.any():
            raise empty_column(column)
        rows = np.bincount(sets.codes, minlength=len(sets.names))
        totals = {name: n for name, n in zip(sets.names, rows.tolist(), strict=True) if n}
        ranked = sorted(totals, key=lambda name: (-totals[name], name))
        # Where every value is single, leaving them all out would leave nothing.
        often = [name for name in ranked if totals[name] > 1] or ranked
        longest = int(np.bincount(sets.parents, minlength=1).max())
        return replace(
            self,
            state={
                "categories": often[: self.max_categories],
                "separator": separator,
                "length": min(max(longest, 1), self.max_items),
            },
        )

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((self.learnt["length"],), "int32", lengths=True)

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`size`: how many ids there are, "unknown" included."""
        return {"size": len(self.learnt["categories"]) + 1}

    def encode(self, column: Column) -> Encoded:
        state = self.learnt
        sets = Sets.of(column, state["separator"], self.missing)
        places = {name: n + 1 for n, name in enumerate(state["categories"])}
        ids = np.array([places.get(name, UNKNOWN) for name in sets.names], "int32")[sets.codes]
        # The most frequent first, what is unknown last: that is cut before what is known.
        order = np.lexsort((np.where(ids == UNKNOWN, len(places) + 1, ids), sets.parents))
        parents, ids = sets.parents[order], ids[order]
        sizes = np.bincount(parents, minlength=len(column))
        within = np.arange(len(ids)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        values = np.zeros((len(column), state["length"]), "int32")
        kept = within < state["length"]
        values[parents[kept], within[kept]] = ids[kept]
        return Encoded(
            values,
            sets.present,
            np.minimum(sizes, state["length"]).astype("int32"),
            cut=sizes > state["length"],
            unknown=np.bincount(parents[ids == UNKNOWN], minlength=len(column)).astype("int32"),
        )

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return CategoryBag(width)
