"""Rows of a table as the arrays that a model reads."""

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from plait._disk_cache import DiskCache
from plait.data._device_room import DeviceRoom
from plait.data._encoded_rows import absent, arrays_of, filled_up, row_bytes, taken
from plait.data._kept import Kept
from plait.data._recycled import Recycled
from plait.features import ArraySpec, BrokenCell, Encoded, Feature, MediaFeature
from plait.table import Column, Table

Inputs = dict[str, Any]
"""NumPy arrays, and tensors where rows lie on the device that trains."""

CACHE_BYTES = 1 << 30
"""Decoded media are kept in memory up to this size in all, so that later epochs need not decode."""
WHOLE_BYTES = 1 << 27
"""Columns of other kinds are turned into arrays whole up to this size in all, and by batch beyond."""

_MANY = 10_000
"""Rows from which on columns are turned into arrays in threads side by side."""
_THREADS = 8


@dataclass
class Findings:
    """What was met while rows were read, each cell counted once.

    Attributes:
        broken: cells taken as absent because they could not be read, by feature and row, in order.
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
        room: on the device that trains, where decoded media that are kept may lie; None for none.

    Attributes:
        numbers: `(rows,)`, each row's number in the table.
        table: its name.
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        table: Table,
        cache_bytes: int | None = None,
        whole_bytes: int | None = None,
        disk: DiskCache | None = None,
        room: DeviceRoom | None = None,
    ) -> None:
        cache_bytes = CACHE_BYTES if cache_bytes is None else cache_bytes
        whole_bytes = WHOLE_BYTES if whole_bytes is None else whole_bytes
        self.features = dict(features)
        self.rows = table.num_rows
        self.table = table.name
        self.numbers = table.rows
        self._broken: dict[tuple[str, int], BrokenCell] = {}
        self._cut = {name: np.zeros(self.rows, bool) for name in self.features}
        self._disk = disk
        self._lock = threading.Lock()
        self._columns: dict[str, Column] = {}
        self._kept: dict[str, Kept] = {}
        self._memory: dict[str, Recycled] = {}
        alike: dict[ArraySpec, dict[str, Column]] = {}
        for name, feature in self.features.items():
            if not feature.is_in(name, table):
                continue
            column = feature.cells(name, table)
            size = self.rows * row_bytes(feature)
            if not feature.lazy and size <= whole_bytes:
                whole_bytes -= size
                alike.setdefault(feature.spec, {})[name] = column
                continue
            self._columns[name] = column
            self._memory[name] = Recycled()
            if not feature.lazy:
                continue
            if size <= cache_bytes:
                cache_bytes -= size
            elif room is None or not room.claim(size):
                continue
            self._kept[name] = Kept.empty(feature.spec, self.rows, room)
        self._whole = [self._encoded_whole(spec, columns) for spec, columns in alike.items()]
        self._apart = [n for n in self.features if not any(n in w.names for w in self._whole)]

    @property
    def findings(self) -> Findings:
        """What was met in the rows that were asked for so far."""
        with self._lock:
            cut = {name: int(rows.sum()) for name, rows in self._cut.items() if rows.any()}
            # Threads meet them in an order of their own.
            return Findings(dict(sorted(self._broken.items())), cut)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The findings, with the rows that were cut."""
        with self._lock:
            broken = [[name, asdict(cell)] for (name, _), cell in self._broken.items()]
            return {"broken": broken}, {n: np.packbits(rows) for n, rows in self._cut.items()}

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Adds what `state` gave to what was met since: rows are read ahead, and some only once."""
        with self._lock:
            for name, cell in plain["broken"]:
                self._broken[name, cell["row"]] = BrokenCell(**cell)
            for name, bits in arrays.items():
                self._cut[name] |= np.unpackbits(bits, count=self.rows).astype(bool)

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
        for whole in self._whole:
            x |= whole.inputs(indices, size)
        for name in self._apart:
            arrays = arrays_of(self._rows(name, indices, size))
            x |= {f"{name}{suffix}": values for suffix, values in arrays.items()}
        return x

    @property
    def row_bytes(self) -> int:
        """What one row of the inputs takes in memory."""
        return sum(map(row_bytes, self.features.values()))

    @property
    def unread_bytes(self) -> int:
        """The memory that rows will take which are kept once they are read, and are not yet."""
        return sum(
            int((~kept.known).sum()) * row_bytes(self.features[name])
            for name, kept in self._kept.items()
        )

    def _rows(self, name: str, indices: np.ndarray, size: int) -> Encoded:
        feature = self.features[name]
        if name not in self._columns:
            return absent(feature.spec, size)
        kept = self._kept.get(name)
        if kept is not None and kept.known[indices].any():
            new = np.unique(indices[~kept.known[indices]])
            if len(new):
                kept.keep(new, self._decoded(name, new))
            return kept.rows(indices, size)
        once, places = np.unique(indices, return_inverse=True)
        repeated = len(once) < len(indices)
        rows = once if repeated else indices
        decoded = self._decoded(name, rows)
        if kept is not None:
            kept.keep(rows, decoded)
        if repeated:
            return taken(decoded, places, size)
        whole = len(indices) == size and decoded.values.dtype == feature.spec.dtype
        return decoded if whole else filled_up(feature.spec, decoded, size)

    def _encoded_whole(self, spec: ArraySpec, columns: Mapping[str, Column]) -> "_Whole":
        """All cells of features of one form as arrays, some megabytes of them at a time."""
        whole = _Whole(list(columns), absent(spec, self.rows, len(columns)))

        def encode(name: str) -> None:
            start = 0
            for piece in columns[name].pieces():
                rows = slice(start, start + len(piece))
                encoded = self.features[name].encode(piece)
                self._note(name, encoded, rows)
                whole.put(name, rows, encoded)
                start += len(piece)

        if self.rows < _MANY:
            for name in columns:
                encode(name)
        else:
            # Most of it is Arrow's and NumPy's, which hold up no other thread.
            with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
                list(pool.map(encode, columns))
        return whole

    def _decoded(self, name: str, indices: np.ndarray) -> Encoded:
        feature, column = self.features[name], self._columns[name].take(indices)
        if isinstance(feature, MediaFeature):
            into = self._memory[name].empty((len(indices), *feature.spec.shape), feature.spec.dtype)
            encoded = feature.encode(column, self._disk, into)
        else:
            encoded = feature.encode(column)
        self._note(name, encoded, indices)
        return encoded

    def _note(self, name: str, encoded: Encoded, rows: np.ndarray | slice) -> None:
        with self._lock:
            for cell in encoded.broken:
                self._broken[name, cell.row] = cell
            if encoded.cut is not None:
                self._cut[name][rows] |= encoded.cut


@dataclass
class _Whole:
    """All rows of features of one form, side by side: a batch of them is taken at once.

    Attributes:
        names: of the features.
        encoded: `(rows, features, ...)` arrays, so that a row lies in one place.
    """

    names: list[str]
    encoded: Encoded

    def __post_init__(self) -> None:
        self._keys = {
            suffix: [n + suffix for n in self.names] for suffix in arrays_of(self.encoded)
        }

    def put(self, name: str, rows: slice, encoded: Encoded) -> None:
        """Writes rows of one feature."""
        place, arrays = self.names.index(name), arrays_of(encoded)
        for suffix, values in arrays_of(self.encoded).items():
            values[rows, place] = arrays[suffix]

    def inputs(self, indices: np.ndarray, size: int) -> Inputs:
        """Some of the rows as inputs, with absent ones behind them up to `size`."""
        x: Inputs = {}
        for suffix, values in arrays_of(taken(self.encoded, indices, size)).items():
            by_feature = np.ascontiguousarray(values.swapaxes(0, 1))
            x |= zip(self._keys[suffix], by_feature, strict=True)
        return x
