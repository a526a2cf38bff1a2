"""What is done with encoded rows of a feature, or of several features of one form."""

import math

import numpy as np

from plait.features import ArraySpec, Encoded, Feature


def row_bytes(feature: Feature) -> int:
    """What the values of one row take in memory."""
    return math.prod(feature.spec.shape) * np.dtype(feature.spec.dtype).itemsize


def absent(spec: ArraySpec, *rows: int) -> Encoded:
    """Rows in which a feature of that form is absent."""
    lengths = np.zeros(rows, "int32") if spec.lengths else None
    return Encoded(np.zeros((*rows, *spec.shape), spec.dtype), np.zeros(rows, bool), lengths)


def arrays_of(encoded: Encoded) -> dict[str, np.ndarray]:
    """The arrays by what is added to a feature's name in the inputs."""
    arrays = {"": encoded.values, "__present": encoded.present}
    return arrays if encoded.lengths is None else {**arrays, "__length": encoded.lengths}


def put(into: Encoded, rows: np.ndarray | slice, encoded: Encoded) -> None:
    """Writes rows."""
    arrays = arrays_of(encoded)
    for suffix, values in arrays_of(into).items():
        values[rows] = arrays[suffix]


def filled_up(spec: ArraySpec, encoded: Encoded, size: int) -> Encoded:
    """The rows, with absent ones behind them up to `size`."""
    filled = absent(spec, size)
    put(filled, slice(len(encoded.present)), encoded)
    return filled


def taken(encoded: Encoded, indices: np.ndarray, size: int) -> Encoded:
    """Some of the rows, with absent ones behind them up to `size`."""
    lengths = None if encoded.lengths is None else _some(encoded.lengths, indices, size)
    return Encoded(
        _some(encoded.values, indices, size), _some(encoded.present, indices, size), lengths
    )


def _some(values: np.ndarray, indices: np.ndarray, size: int) -> np.ndarray:
    out = np.empty((size, *values.shape[1:]), values.dtype)
    # Any other mode than "clip" writes to a copy of `out` first.
    np.take(values, indices, axis=0, out=out[: len(indices)], mode="clip")
    out[len(indices) :] = 0
    return out
