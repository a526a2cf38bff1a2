"""Rows of a table as the arrays that a model reads."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from plait._disk_cache import DiskCache
from plait.features import ArraySpec, BrokenCell, Encoded, Feature, MediaFeature
from plait.table import Column, Table

Inputs = dict[str, np.ndarray]

CACHE_BYTES = 1 << 30
"""Decoded media are kept in memory up to this size in all, so that later epochs need not decode."""
WHOLE_BYTES = 1 << 27
"""Columns of other kinds are turned into arrays whole up to this size in all, and by batch beyond."""


@dataclass
class Findings:
    """What was met while rows were read, each cell counted once.

    Attributes:
        broken: cells taken as absent because they could not be read, by row and column.
        cut: for each feature, how many rows were longer than its fixed shape.
    """

    broken: dict[tuple[str, int], BrokenCell] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)


class FeatureRows:
    """Every row of a table, encoded by fitted features.

    Numbers, categories and text are encoded whole, once, as long as their arrays are not large. What
    is, and media, are encoded when a row is asked for; media are kept if all of them fit into the
    cache.

    Args:
        features: fitted features by name; one whose column the table lacks is absent everywhere.
        table: the rows.
        cache_bytes: how much memory decoded media may take; `CACHE_BYTES` if None.
        whole_bytes: how much memory other columns' arrays may take; `WHOLE_BYTES` if None.
        disk: where decoded media are looked for first, and kept from one run to the next; None for
            nowhere.
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        table: Table,
        cache_bytes: int | None = None,
        whole_bytes: int | None = None,
        disk: DiskCache | None = None,
    ) -> None:
        cache_bytes = CACHE_BYTES if cache_bytes is None else cache_bytes
        whole_bytes = WHOLE_BYTES if whole_bytes is None else whole_bytes
        self.features = dict(features)
        self.rows = table.num_rows
        self.findings = Findings()
        self._disk = disk
        self._lock = threading.Lock()
        self._whole: dict[str, Encoded] = {}
        self._columns: dict[str, Column] = {}
        self._kept: dict[str, _Kept] = {}
        self._seen = {name: np.zeros(self.rows, bool) for name in self.features}
        for name, feature in self.features.items():
            where = feature.column or name
            if where not in table:
                continue
            column = table.column(where)
            size = self.rows * _row_bytes(feature)
            if not feature.lazy and size <= whole_bytes:
                whole_bytes -= size
                self._whole[name] = feature.encode(column)
                self._note(name, self._whole[name], np.arange(self.rows))
                continue
            self._columns[name] = column
            if feature.lazy and size <= cache_bytes:
                cache_bytes -= size
                self._kept[name] = _Kept.empty(feature, self.rows)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was met so far, and in which rows was looked."""
        with self._lock:
            broken = [[name, asdict(cell)] for (name, _), cell in self.findings.broken.items()]
            seen = {name: np.packbits(rows) for name, rows in self._seen.items()}
            return {"broken": broken, "cut": dict(self.findings.cut)}, seen

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave."""
        cells = [(name, BrokenCell(**cell)) for name, cell in plain["broken"]]
        self.findings = Findings({(name, c.row): c for name, c in cells}, dict(plain["cut"]))
        for name, bits in arrays.items():
            self._seen[name] = np.unpackbits(bits, count=self.rows).astype(bool)

    def inputs(self, indices: np.ndarray, size: int | None = None) -> Inputs:
        """Rows as the model's inputs: `f`, `f__present` and, for padded features, `f__length`.

        Args:
            indices: `(rows,)`, which rows, in this order.
            size: how many rows to make of them; those beyond `indices` are absent in every feature.

        Raises:
            DataError: a cell that cannot be read where the feature's `on_error` is "raise".
        """
        size = len(indices) if size is None else size
        x: Inputs = {}
        for name, feature in self.features.items():
            spec = feature.spec
            encoded = self._rows(name, indices) or _absent(spec)
            x[name] = filled_up(encoded.values, size)
            x[f"{name}__present"] = filled_up(encoded.present, size)
            if encoded.lengths is not None:
                x[f"{name}__length"] = filled_up(encoded.lengths, size)
        return x

    def _rows(self, name: str, indices: np.ndarray) -> Encoded | None:
        if name in self._whole:
            return _taken(self._whole[name], indices)
        if name not in self._columns:
            return None
        kept = self._kept.get(name)
        if kept is None:
            return self._decoded(name, indices)
        new = indices[~kept.known[indices]]
        if len(new):
            decoded = self._decoded(name, new)
            kept.keep(new, decoded)
            if len(new) == len(indices):
                return decoded
        return _taken(kept.encoded, indices)

    def _decoded(self, name: str, indices: np.ndarray) -> Encoded:
        feature, column = self.features[name], self._columns[name].take(indices)
        if isinstance(feature, MediaFeature):
            encoded = feature.encode(column, self._disk)
        else:
            encoded = feature.encode(column)
        self._note(name, encoded, indices)
        return encoded

    def _note(self, name: str, encoded: Encoded, indices: np.ndarray) -> None:
        with self._lock:
            for cell in encoded.broken:
                self.findings.broken[name, cell.row] = cell
            # A later epoch meets the same rows again.
            if encoded.cut and not self._seen[name][indices].any():
                self.findings.cut[name] = self.findings.cut.get(name, 0) + encoded.cut
            self._seen[name][indices] = True


@dataclass
class _Kept:
    """Decoded rows, and which of them are there."""

    encoded: Encoded
    known: np.ndarray

    @classmethod
    def empty(cls, feature: Feature, rows: int) -> "_Kept":
        spec = feature.spec
        lengths = np.zeros(rows, "int32") if spec.lengths else None
        values = np.zeros((rows, *spec.shape), spec.dtype)
        return cls(Encoded(values, np.zeros(rows, bool), lengths), np.zeros(rows, bool))

    def keep(self, indices: np.ndarray, encoded: Encoded) -> None:
        # Two threads may decode one row; both write the same values, and `known` comes last.
        self.encoded.values[indices] = encoded.values
        self.encoded.present[indices] = encoded.present
        if self.encoded.lengths is not None:
            self.encoded.lengths[indices] = encoded.lengths
        self.known[indices] = True


def _taken(encoded: Encoded, indices: np.ndarray) -> Encoded:
    lengths = None if encoded.lengths is None else encoded.lengths[indices]
    return Encoded(encoded.values[indices], encoded.present[indices], lengths)


def filled_up(values: np.ndarray, size: int) -> np.ndarray:
    """`(rows, ...)` with zeros after them, `(size, ...)`."""
    if len(values) == size:
        return values
    out = np.zeros((size, *values.shape[1:]), values.dtype)
    out[: len(values)] = values
    return out


def _absent(spec: ArraySpec) -> Encoded:
    """No rows."""
    lengths = np.zeros(0, "int32") if spec.lengths else None
    return Encoded(np.zeros((0, *spec.shape), spec.dtype), np.zeros(0, bool), lengths)


def _row_bytes(feature: Feature) -> int:
    spec = feature.spec
    return int(np.prod(spec.shape, dtype="int64")) * np.dtype(spec.dtype).itemsize
