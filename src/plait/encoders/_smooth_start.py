"""Initial kernels of a first convolution that are smooth."""

from typing import Any

import keras
import numpy as np

_SIGMA = 0.25
"""Of the blur, in sides of the kernel."""


@keras.saving.register_keras_serializable(package="plait")
class SmoothHeNormal(keras.initializers.Initializer):
    """He's normal, blurred over neighbouring pixels and brought back to the size of each filter.

    Pictures are smooth and their noise is not: a filter that begins as white noise lets through as much
    of the one as of the other, and a short training does not get rid of it. Drawn by NumPy, the same
    on every backend.

    Args:
        seed: a whole number; one of its own if None.

    Raises:
        ValueError: when called with a shape that is not `(height, width, channels, filters)`.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = keras.initializers.HeNormal(seed).seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) != 4:
            raise ValueError(
                f"SmoothHeNormal is for kernels of four axes. Received: {tuple(shape)}."
            )
        height, width, channels, _ = shape
        generator = np.random.Generator(np.random.Philox(self.seed & 0xFFFFFFFF))
        drawn = generator.normal(scale=(2 / (height * width * channels)) ** 0.5, size=shape)
        smooth = np.einsum("ah,bw,hwcf->abcf", _blur(height), _blur(width), drawn)
        smooth *= _norm(drawn) / _norm(smooth)
        return keras.ops.convert_to_tensor(smooth.astype("float32"), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def _blur(side: int) -> np.ndarray:
    """`(side, side)`: row i weighs the pixels around pixel i."""
    place = np.arange(side)
    return np.exp(-((place[:, None] - place) ** 2) / (2 * (_SIGMA * side) ** 2))


def _norm(kernel: np.ndarray) -> np.ndarray:
    """Of each filter."""
    return np.sqrt(np.square(kernel).sum((0, 1, 2), keepdims=True))
