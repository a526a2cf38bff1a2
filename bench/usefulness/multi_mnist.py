"""Multi-MNIST: two overlapping digits, top left and bottom right; which two are they?"""

import gzip
from pathlib import Path

import keras
import numpy as np
from problem import Part, Problem

# Pictures made; and the digits that they may be made of, so that no digit is in two parts.
SIZES = {"train": 20_000, "validation": 5_000, "test": 10_000}
DIGITS = {
    "train": ("train", slice(0, 55_000)),
    "validation": ("train", slice(55_000, 60_000)),
    "test": ("t10k", slice(0, 10_000)),
}
SIDE, EDGE, KERNEL = 28, 36, 9


def problem(data: Path, rows: int | None) -> Problem:
    parts = {}
    for number, (name, (file, digits)) in enumerate(DIGITS.items()):
        images, labels = _mnist(data / "av_digits" / "mnist", file)
        draw = np.random.default_rng([36, number])
        count = min(SIZES[name], rows or SIZES[name])
        parts[name] = _composed(images[digits], labels[digits], count, draw)
    kinds = {"left": "accuracy", "right": "accuracy"}
    return Problem(parts, _lenet, kinds, batch_size=256, epochs=5, rates=(3e-3, 1e-2, 3e-2))


def _mnist(folder: Path, file: str) -> tuple[np.ndarray, np.ndarray]:
    def read(name: str, header: int) -> np.ndarray:
        content = gzip.decompress((folder / f"{file}-{name}-ubyte.gz").read_bytes())
        return np.frombuffer(content, "uint8", offset=header)

    return read("images-idx3", 16).reshape(-1, SIDE, SIDE), read("labels-idx1", 8)


def _composed(
    images: np.ndarray, labels: np.ndarray, count: int, draw: np.random.Generator
) -> Part:
    left, right = draw.integers(0, len(images), (2, count))
    canvas = np.zeros((count, EDGE, EDGE, 1), "uint8")
    canvas[:, :SIDE, :SIDE, 0] = images[left]
    corner = canvas[:, -SIDE:, -SIDE:, 0]
    np.maximum(corner, images[right], out=corner)
    y = {"left": labels[left].astype("int32"), "right": labels[right].astype("int32")}
    return Part({"picture": canvas}, y)


def _lenet():
    """The LeNet of the literature on this problem, 31,910 weights.

    Its first convolution is a matrix product over all windows and its pools are maxima over a
    reshaped map: the same functions, in half the time on a CPU.
    """
    ops = keras.ops
    picture = keras.Input((EDGE, EDGE, 1), name="picture")
    z = keras.layers.Rescaling(1 / 255)(picture)
    size = EDGE - KERNEL + 1
    z = ops.concatenate([z[:, :, n : n + size] for n in range(KERNEL)], axis=-1)
    z = ops.concatenate([z[:, n : n + size] for n in range(KERNEL)], axis=-1)
    z = _halved(keras.layers.Dense(10)(z))
    z = _halved(keras.layers.Conv2D(20, 5)(z))
    z = keras.layers.Dense(50, activation="relu")(keras.layers.Flatten()(z))
    return {"picture": picture}, {task: keras.layers.Dense(10)(z) for task in ("left", "right")}


def _halved(z):
    _, height, width, channels = z.shape
    z = keras.ops.reshape(z, (-1, height // 2, 2, width // 2, 2, channels))
    return keras.ops.relu(keras.ops.max(z, axis=(2, 4)))
