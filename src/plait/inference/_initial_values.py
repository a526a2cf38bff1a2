"""What a model's variables begin with: drawn by NumPy, whatever the backend."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import numpy as np

_Draw = Callable[[Any, tuple[int, ...]], np.ndarray]
# A normal distribution that is cut at two standard deviations has this one.
_STD_OF_TRUNCATED = 0.87962566103423978


class _Given:
    """An initializer whose values are there."""

    def __init__(self, values: Callable[[], np.ndarray]) -> None:
        self.values = values

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.convert_to_tensor(self.values(), dtype=dtype)


def begin_with(variable: keras.Variable, values: Callable[[], np.ndarray]) -> None:
    """Gives a variable that is not yet made, as in a `StatelessScope`, the values to be made with."""
    variable._initializer = _Given(values)


def make_variables(variables: Iterable[keras.Variable]) -> None:
    """Makes what a `StatelessScope` has left unmade; what Keras' initializers draw, NumPy draws.

    JAX compiles a program for each shape that it draws. An initializer of the user's own, or one that
    shares a `SeedGenerator`, is asked as Keras asks it.
    """
    for variable in variables:
        initializer = variable._initializer
        draw = _DRAWS.get(type(initializer).__call__)
        if draw is not None and isinstance(getattr(initializer, "seed", 0), int):
            begin_with(variable, partial(draw, initializer, tuple(variable.shape)))
    with keras.StatelessScope():
        pass  # leaving it makes the variables


def _variance_scaling(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    into, out = _fans(shape, initializer)
    fan = {"fan_in": into, "fan_out": out}.get(initializer.mode, (into + out) / 2)
    std = math.sqrt(initializer.scale / max(1.0, fan))
    if initializer.distribution == "uniform":
        return std * _standard_uniform(initializer.seed, shape)
    if initializer.distribution == "untruncated_normal":
        return std * _standard_normal(initializer.seed, shape)
    return std / _STD_OF_TRUNCATED * _truncated_normal(initializer.seed, shape)


def _fans(shape: tuple[int, ...], initializer: Any) -> tuple[int, int]:
    """How many numbers go into each unit of a weight of this shape, and how many come out of one."""
    into, out = getattr(initializer, "input_axes", None), getattr(initializer, "output_axes", None)
    if into is not None and out is not None:
        return math.prod(shape[axis] for axis in into), math.prod(shape[axis] for axis in out)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    places = math.prod(shape[:-2])
    return shape[-2] * places, shape[-1] * places


def _normal(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    return initializer.mean + initializer.stddev * _standard_normal(initializer.seed, shape)


def _cut_normal(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    return initializer.mean + initializer.stddev * _truncated_normal(initializer.seed, shape)


def _uniform(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    share = _generator(initializer.seed).random(shape, dtype=np.float32)
    return initializer.minval + (initializer.maxval - initializer.minval) * share


def _orthogonal(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) < 2:
        raise ValueError(f"Orthogonal is for weights of two axes and more. Received: {shape}.")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = _standard_normal(initializer.seed, (max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    # Without the signs the matrices would not be spread evenly (F. Mezzadri, 2007).
    q = q * np.sign(np.diag(r))
    return initializer.gain * (q if rows >= columns else q.T).reshape(shape)


def _constant(value: float) -> _Draw:
    return lambda _, shape: np.full(shape, value, np.float32)


def _value_of(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, initializer.value)


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed & 0xFFFFFFFF))


def _standard_uniform(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Of variance 1."""
    return (math.sqrt(12) * (_generator(seed).random(shape) - 0.5)).astype(np.float32)


def _standard_normal(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(_generator(seed).standard_normal(shape, dtype=np.float32))


def _truncated_normal(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """A standard normal of which what is beyond 2 is drawn again."""
    generator = _generator(seed)
    values = np.asarray(generator.standard_normal(shape, dtype=np.float32))
    while (beyond := np.abs(values) > 2).any():
        values[beyond] = generator.standard_normal(np.count_nonzero(beyond), dtype=np.float32)
    return values


# By the function, not by the class: GlorotUniform is a VarianceScaling, and a class of the user's own
# that draws in another way is none.
_DRAWS: dict[Any, _Draw] = {
    keras.initializers.VarianceScaling.__call__: _variance_scaling,
    keras.initializers.RandomNormal.__call__: _normal,
    keras.initializers.TruncatedNormal.__call__: _cut_normal,
    keras.initializers.RandomUniform.__call__: _uniform,
    keras.initializers.Orthogonal.__call__: _orthogonal,
    keras.initializers.Zeros.__call__: _constant(0.0),
    keras.initializers.Ones.__call__: _constant(1.0),
    keras.initializers.Constant.__call__: _value_of,
}
