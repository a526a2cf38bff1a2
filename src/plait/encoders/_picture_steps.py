"""By which steps a picture becomes a small map."""

from collections.abc import Sequence

# By the picture's shorter side: the size of the patches that the first convolution steps by.
_FINE_SIDE = 40
_COARSEST = 6


def first_step(height: int, width: int) -> int:
    """How many pixels a first convolution steps by: 2 in small pictures, else 4."""
    return 2 if min(height, width) <= _FINE_SIDE else 4


def stages(height: int, width: int, step: int, channels: Sequence[int]) -> tuple[int, ...]:
    """The channels of as many stages as bring a picture to the coarsest map.

    Args:
        height: of the picture.
        width: of the picture.
        step: of the first stage, in pixels; each later one halves the sides.
        channels: of each stage that there may be.
    """
    count, side = 1, -(-min(height, width) // step)
    while side > _COARSEST and count < len(channels):
        count, side = count + 1, -(-side // 2)
    return tuple(channels[:count])
