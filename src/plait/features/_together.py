"""Fits a table's features; those that are tied learn from each other's cells, too."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from plait._names import to_plain
from plait.errors import ConfigError, DataError
from plait.features._cells import plain
from plait.features._feature import Feature
from plait.table import Column, Table

# What tied features may differ in: where their cells stand, not what the cells are made into.
_EACH_ITS_OWN: dict[str, Any] = {"column": None, "missing": (), "on_error": "raise"}


def fit_features(features: Mapping[str, Feature], table: Table) -> dict[str, Feature]:
    """Fits each feature to its column of the training rows.

    Features that are `tied` share an encoder, so what its inputs mean is learnt once: from all
    their columns together.

    Args:
        features: by name.
        table: the training rows.

    Returns:
        Fitted copies, in the same order.

    Raises:
        DataError: no such column, or one that cannot be read; tied columns of unlike types.
        ConfigError: tied features that are not declared alike.
    """
    columns = {name: f.cells(name, table) for name, f in features.items()}
    fitted = {name: f.fit(columns[name]) for name, f in features.items()}
    groups: dict[str, list[str]] = {}
    for name, feature in features.items():
        if feature.tied is not None:
            groups.setdefault(feature.tied, []).append(name)
    for group in groups.values():
        if len(group) == 1:
            continue
        first = features[group[0]]
        for name in group[1:]:
            if _shared(features[name]) != _shared(first):
                raise ConfigError(
                    f"'{group[0]}' and '{name}' are tied (tied='{first.tied}') but declared "
                    f"differently: {_shared(first)} and {_shared(features[name])}. Tied features "
                    f"differ in {', '.join(_EACH_ITS_OWN)} alone."
                )
        missing = {string for name in group for string in features[name].missing}
        # Each alone has raised already where it should.
        together = replace(first, missing=tuple(sorted(missing)), on_error="absent")
        learnt = together.fit(_joined([columns[name] for name in group])).learnt
        fitted |= {name: features[name].with_state(learnt) for name in group}
    return fitted


def _shared(feature: Feature) -> dict[str, Any]:
    """The declaration that tied features have in common, as plain data."""
    plain: dict[str, Any] = to_plain(replace(feature, **_EACH_ITS_OWN))
    return plain


def _joined(columns: list[Column]) -> Column:
    """The cells of all columns, one column after the other."""
    columns = [plain(column) for column in columns]
    first = columns[0]
    for column in columns[1:]:
        if column.type != first.type:
            raise DataError(
                f"columns '{first.name}' and '{column.name}' of {column.source} are tied, but one "
                f"is {first.type} and the other {column.type}. Bring them to one type."
            )
    chunks = [chunk for column in columns for chunk in column.values.chunks]
    return Column(
        " + ".join(column.name for column in columns),
        pa.chunked_array(chunks, type=first.type),
        np.concatenate([column.rows for column in columns]),
        first.source,
        first.root,
    )
