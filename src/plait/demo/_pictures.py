"""The picture of each record: a ball or a box, red or blue, somewhere on a grey ground."""

import numpy as np

SIZE = 32
_TINTS = {"red": (205, 60, 50), "blue": (50, 70, 205)}


def draw_picture(colour: str, shape: str, rng: np.random.Generator) -> np.ndarray:
    """An RGB picture, `(32, 32, 3)` uint8."""
    ground = rng.uniform(70, 180) + rng.normal(0, 12, (SIZE, SIZE, 1))
    radius = rng.uniform(6, 10)
    y, x = rng.uniform(radius, SIZE - radius, 2)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    across, down = np.abs(columns - x), np.abs(rows - y)
    distance = np.hypot(across, down) if shape == "ball" else np.maximum(across, down)
    tint = np.array(_TINTS[colour]) + rng.normal(0, 15, 3)
    picture = np.where((distance <= radius)[..., None], tint, ground)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
