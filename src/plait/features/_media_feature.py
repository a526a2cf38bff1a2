"""A feature whose cells are files of pictures or sound."""

import abc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from plait._disk_cache import DiskCache, Keys
from plait.features._feature import BrokenCell, Encoded, Feature
from plait.features._media import MediaCells
from plait.table import Column

_FORM = 1
"""Of what is kept on disk; a change of it makes all that was kept strange."""
# What is read back from disk about as fast as it is decoded would only take room there.
_GAIN = 2
_SECONDS_AN_ENTRY, _SECONDS_A_BYTE = 50e-6, 1e-9


class Medium(NamedTuple):
    """What one cell takes of its row.

    Attributes:
        steps: of the row's first axis, from its start.
        cut: whether it was longer than the row.
    """

    steps: int
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class MediaFeature(Feature):
    """A column of files, each a path relative to the table's folder or the file's bytes.

    Args:
        column, missing, encoder, tied, on_error: see `Feature`.
    """

    noun: ClassVar[str]
    """What a cell holds, for messages."""
    lazy: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def decoding(self) -> Mapping[str, Any]:
        """All that `decode` depends on beside the bytes, as plain JSON data."""

    @abc.abstractmethod
    def decode(self, data: bytes, row: np.ndarray) -> Medium:
        """Writes one cell into its row; needs a fitted feature.

        Args:
            data: the cell's bytes.
            row: as `ArraySpec` says, with anything in it. What lies beyond the cell's steps may stay.

        Raises:
            UnreadableError: the bytes cannot be read as this kind.
        """

    def encode(
        self, column: Column, disk: DiskCache | None = None, into: np.ndarray | None = None
    ) -> Encoded:
        """The rows of `column` as arrays; see `Feature`.

        Args:
            column: paths or bytes.
            disk: where decoded cells are looked for first, and kept.
            into: `(rows, *shape)`, where the values are written.
        """
        spec = self.spec
        decode = self.decode if disk is None else _Kept(self, disk).decode
        cells, broken = MediaCells(self, column, self.noun), []
        present, cut = np.zeros((2, len(column)), bool)
        values = np.empty((len(column), *spec.shape), spec.dtype) if into is None else into
        lengths = np.ones(len(column), "int32") if spec.lengths else None
        rows = range(len(column))
        for row, found in cells.decoded(rows, lambda data, row: decode(data, values[row])):
            if isinstance(found, BrokenCell):
                broken.append(found)
                continue
            present[row], cut[row] = True, found.cut
            values[row, found.steps :] = 0
            if lengths is not None:
                lengths[row] = found.steps
        values[~present] = 0
        return Encoded(values, present, lengths, tuple(broken), cut)


class _Kept:
    """Decodes what is not on disk yet.

    Args:
        feature: fitted.
        disk: what was decoded before, in this run or another.
    """

    def __init__(self, feature: MediaFeature, disk: DiskCache) -> None:
        self._feature = feature
        self._disk = disk
        self._keys = Keys({"form": _FORM, "kind": type(feature).__name__, **feature.decoding})

    def decode(self, data: bytes, row: np.ndarray) -> Medium:
        key = self._keys.of(data)
        kept = self._disk.get(key)
        if kept is not None:
            values = np.frombuffer(kept, row.dtype, offset=1).reshape(-1, *row.shape[1:])
            row[: len(values)] = values
            return Medium(len(values), bool(kept[0]))
        began = time.thread_time()
        medium = self._feature.decode(data, row)
        took = time.thread_time() - began
        values = row[: medium.steps]
        if took > _GAIN * (_SECONDS_AN_ENTRY + values.nbytes * _SECONDS_A_BYTE):
            self._disk.put(key, bytes([medium.cut]) + values.tobytes())
        return medium
