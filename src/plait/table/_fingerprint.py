"""A hash of a column's cells that is the same however they lie in memory."""

import hashlib
from collections import defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plait.table._column import Column

Hashes = dict[str, Any]


def fingerprint(column: Column) -> bytes:
    """Of its type and cells, in one chunk or many, sliced or not, with offsets of 32 bits or 64.

    The cells' bytes, their lengths, and which are there are hashed apart: one after the other they
    would depend on where a chunk ends.
    """
    hashes: Hashes = defaultdict(hashlib.sha256)
    for piece in column.pieces():
        for chunk in piece.values.chunks:
            _add(chunk, hashes, "cells")
    whole = hashlib.sha256(_named(column.type).encode())
    for place, digest in sorted(hashes.items()):
        whole.update(place.encode() + digest.digest())
    return whole.digest()


def _add(cells: pa.Array, hashes: Hashes, place: str) -> None:
    hashes[f"{place} there"].update(cells.is_valid().to_numpy(zero_copy_only=False).tobytes())
    # What lies in memory under a null is chance.
    cells = cells.drop_null()
    kind = cells.type
    if _is_list(kind):
        _add_lengths(pc.list_value_length(cells), hashes, place)
        _add(pc.list_flatten(cells), hashes, f"{place} within")
    elif _is_text(kind) or _is_bytes(kind):
        _add_lengths(pc.binary_length(cells), hashes, place)
        data = cells.cast(pa.large_binary())
        if len(data):
            ends = memoryview(data.buffers()[1]).cast("q")
            first, last = ends[data.offset], ends[data.offset + len(data)]
            if last > first:
                hashes[place].update(memoryview(data.buffers()[2])[first:last])
    elif pa.types.is_boolean(kind):
        hashes[place].update(cells.to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_primitive(kind) and len(cells):
        width = kind.bit_width // 8
        start = cells.offset * width
        hashes[place].update(memoryview(cells.buffers()[1])[start : start + len(cells) * width])
    else:
        hashes[place].update("".join(f"{cell!r}\0" for cell in cells.to_pylist()).encode())


def _add_lengths(lengths: pa.Array, hashes: Hashes, place: str) -> None:
    hashes[f"{place} lengths"].update(
        lengths.to_numpy(zero_copy_only=False).astype("int64").tobytes()
    )


def _named(kind: pa.DataType) -> str:
    """What a type is called, whether its offsets are short or long."""
    if _is_list(kind):
        return f"list of {_named(kind.value_type)}"
    return "text" if _is_text(kind) else "bytes" if _is_bytes(kind) else str(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
