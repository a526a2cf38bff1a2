"""What the training pictures say of a column of pictures: their size, colours and pixels."""

import numpy as np

_LONGEST_SIDE = 96
_STEP = 16
# Pictures that nearly all have one size are made for it: resampling would only blur them.
_NEARLY_ALL = 0.9


def usual_size(sizes: np.ndarray) -> tuple[int, int]:
    """(height, width) for pictures of these sizes, `(pictures, 2)`."""
    distinct, counts = np.unique(sizes, axis=0, return_counts=True)
    most = distinct[counts.argmax()]
    if counts.max() >= _NEARLY_ALL * len(sizes) and most.max() <= _LONGEST_SIDE:
        return int(most[0]), int(most[1])
    median = np.median(sizes, axis=0)
    median = median * min(1.0, _LONGEST_SIDE / median.max())
    height, width = np.maximum(_STEP * np.rint(median / _STEP), _STEP).astype(int)
    return int(height), int(width)


def is_grey(pixels: np.ndarray) -> bool:
    """Whether a picture `(height, width, channels)` has no colours."""
    return bool((pixels == pixels[..., :1]).all())


def in_colour(pixels: np.ndarray) -> np.ndarray:
    """A picture with three channels."""
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def moments(pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, in [0, 1], each picture counting alike."""
    means = np.mean([p.mean((0, 1)) / 255 for p in pictures], axis=0)
    squares = np.mean([((p / 255 - means) ** 2).mean((0, 1)) for p in pictures], axis=0)
    return means, np.sqrt(squares)
