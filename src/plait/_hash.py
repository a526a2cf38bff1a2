"""A counter-based hash in 32-bit integer `keras.ops`: the same numbers on every backend.

A random choice is a function of what it is for (a seed, a step, a name, a row), so nothing has to be
stored, and leaving one thing out of a problem does not move the choices of the others.
"""

import math
import zlib
from typing import Any

import keras

_UNIFORM_BITS = 24


def name_key(name: str) -> int:
    """A name as a signed 32-bit integer."""
    return _signed(zlib.crc32(name.encode()))


def hash_int32(*words: Any) -> Any:
    """Mixes integers or int32 tensors (broadcast together) into one int32 tensor.

    Each word goes through the finaliser "lowbias32" (C. Wellons, 2018), chained.
    """
    state = keras.ops.convert_to_tensor(_signed(0x9E3779B9), dtype="int32")
    for word in words:
        state = _mix(keras.ops.bitwise_xor(state, keras.ops.cast(word, "int32")))
    return state


def uniform(*words: Any) -> Any:
    """The hash of the words as float32 in [0, 1)."""
    bits = keras.ops.bitwise_and(hash_int32(*words), (1 << _UNIFORM_BITS) - 1)
    return keras.ops.cast(bits, "float32") / float(1 << _UNIFORM_BITS)


def normal(*words: Any) -> Any:
    """The hash of the words as standard normal float32 (G. Box, M. Muller, 1958)."""
    # 1 - u is never 0.
    length = keras.ops.sqrt(-2.0 * keras.ops.log(1.0 - uniform(*words, 0)))
    return length * keras.ops.cos(2.0 * math.pi * uniform(*words, 1))


def _mix(x: Any) -> Any:
    x = keras.ops.bitwise_xor(x, _shift_right(x, 16))
    x = x * _signed(0x7FEB352D)
    x = keras.ops.bitwise_xor(x, _shift_right(x, 15))
    x = x * _signed(0x846CA68B)
    return keras.ops.bitwise_xor(x, _shift_right(x, 16))


def _shift_right(x: Any, bits: int) -> Any:
    # int32 shifts keep the sign: mask it off for the logical shift that the hash means.
    return keras.ops.bitwise_and(keras.ops.right_shift(x, bits), (1 << (32 - bits)) - 1)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >= 1 << 31 else word
