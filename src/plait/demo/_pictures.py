"""The picture of each record: a ball or a stick, red or blue, somewhere on a grey ground."""

import numpy as np

SIZE = 32
_TINTS = {"red": (205, 60, 50), "blue": (50, 70, 205)}
_HALVES = {"ball": np.array([8.0, 8.0]), "stick": np.array([12.0, 2.5])}
"""Half the width and height of a shape, in pixels."""


def draw_picture(colour: str, shape: str, rng: np.random.Generator) -> np.ndarray:
    """An RGB picture, `(32, 32, 3)` uint8."""
    ground = rng.uniform(70, 180) + rng.normal(0, 12, (SIZE, SIZE, 1))
    across, down = _HALVES[shape] * rng.uniform(0.8, 1.2)
    y, x = rng.uniform(down, SIZE - down), rng.uniform(across, SIZE - across)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    inside = np.hypot((columns - x) / across, (rows - y) / down) <= 1
    tint = np.array(_TINTS[colour]) + rng.normal(0, 15, 3)
    picture = np.where(inside[..., None], tint, ground)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
