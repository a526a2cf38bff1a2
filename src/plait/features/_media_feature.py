"""A feature whose cells are files of pictures or sound."""

import abc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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


@dataclass(frozen=True)
class Medium:
    """One cell as an array.

    Attributes:
        values: `(steps, ...)`, as `ArraySpec.shape` says but for the first axis, which may be shorter.
        cut: whether it was longer than the fixed shape.
    """

    values: np.ndarray
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
    def decode(self, data: bytes) -> Medium:
        """The array of one cell; needs a fitted feature.

        Raises:
            UnreadableError: the bytes cannot be read as this kind.
        """

    def encode(self, column: Column, disk: DiskCache | None = None) -> Encoded:
        """The rows of `column` as arrays; see `Feature`.

        Args:
            column: paths or bytes.
            disk: where decoded cells are looked for first, and kept.
        """
        spec = self.spec
        decode = self.decode if disk is None else _Kept(self, disk).decode
        cells = MediaCells(self, column, self.noun)
        present, broken = cells.present, []
        cut = np.zeros(len(column), bool)
        values = np.zeros((len(column), *spec.shape), spec.dtype)
        lengths = np.ones(len(column), "int32") if spec.lengths else None
        for row, found in cells.decoded(np.flatnonzero(present).tolist(), decode):
            if isinstance(found, BrokenCell):
                present[row] = False
                broken.append(found)
                continue
            values[row, : len(found.values)] = found.values
            if lengths is not None:
                lengths[row] = len(found.values)
            cut[row] = found.cut
        return Encoded(values, present, lengths, tuple(broken), cut)


class _Kept:
    """Decodes what is not on disk yet.

    Args:
        feature: fitted.
        disk: what was decoded before, in this run or another.
    """

    def __init__(self, feature: MediaFeature, disk: DiskCache) -> None:
        self._feature = feature
        self._spec = feature.spec
        self._disk = disk
        self._keys = Keys({"form": _FORM, "kind": type(feature).__name__, **feature.decoding})

    def decode(self, data: bytes) -> Medium:
        key = self._keys.of(data)
        kept = self._disk.get(key)
        if kept is not None:
            return self._unpacked(kept)
        began = time.thread_time()
        medium = self._feature.decode(data)
        took = time.thread_time() - began
        if took > _GAIN * (_SECONDS_AN_ENTRY + medium.values.nbytes * _SECONDS_A_BYTE):
            self._disk.put(key, bytes([medium.cut]) + medium.values.tobytes())
        return medium

    def _unpacked(self, kept: bytes) -> Medium:
        values = np.frombuffer(kept, self._spec.dtype, offset=1)
        return Medium(values.reshape(-1, *self._spec.shape[1:]), bool(kept[0]))
