"""SpecAugment (Park et al., 2019): time is warped, and stretches of time and pitch are hidden."""

from collections.abc import Callable
from typing import Any

from keras import ops

_MASKS = 2
_WARP = 0
"""The number of the warp's draws; those of the masks along an axis are `_MASKS * axis` and on."""

Drawn = Callable[[Any, int], Any]
"""Of some rows `(batch,)` and a number, `(batch, 2)` float32 in [0, 1)."""


def augmented(
    x: Any, valid: Any, drawn: Drawn, time_warp: float, time_mask: float, pitch_mask: float
) -> Any:
    """Spectrograms as training sees them.

    Args:
        x: `(batch, frames, mels)` float32, of mean 0.
        valid: `(batch,)` int32, how many frames each has.
        drawn: the random numbers of each row.
        time_warp: the share of its frames that a point of time moves by at most; 0 for none.
        time_mask: the share of its frames that each of two stretches hides at most; 0 for none.
        pitch_mask: likewise of the bands.
    """
    if time_warp:
        x = _warped(x, ops.cast(valid, "float32"), time_warp, drawn(valid, _WARP))
    bands = ops.zeros_like(valid) + x.shape[2]
    for axis, share, sizes in ((1, time_mask, valid), (2, pitch_mask, bands)):
        for mask in range(_MASKS if share else 0):
            numbers = drawn(sizes, _MASKS * axis + mask)
            hidden = _stretch(x.shape[axis], share, ops.cast(sizes, "float32"), numbers)
            x = ops.where(ops.expand_dims(hidden, 3 - axis), 0.0, x)
    return x


def _warped(x: Any, sizes: Any, share: float, drawn: Any) -> Any:
    """A point of time, at least the share of a row from its ends, moves by up to that share.

    What lies before it and what lies behind is stretched or squeezed evenly; ends stay, and so does
    what is not valid. The paper's spline through the same points bends more smoothly.
    """
    reach = share * sizes
    point = reach + drawn[:, 0] * (sizes - 2 * reach)
    there = point + (2 * drawn[:, 1] - 1) * reach
    place = ops.arange(x.shape[1], dtype="float32")[None, :] + 0.5
    point, there, ends = (values[:, None] for values in (point, there, sizes))
    before = place * point / ops.maximum(there, 1e-3)
    behind = ends - (ends - place) * (ends - point) / ops.maximum(ends - there, 1e-3)
    source = ops.where(place < there, before, behind)
    source = ops.clip(source - 0.5, 0.0, ends - 1.0)
    low = ops.floor(source)
    part = (source - low)[..., None]
    low = ops.cast(low, "int32")
    high = ops.minimum(low + 1, ops.cast(ends, "int32") - 1)
    near, far = (ops.take_along_axis(x, i[..., None], axis=1) for i in (low, high))
    return ops.where((place < ends)[..., None], near + part * (far - near), x)


def _stretch(count: int, share: float, sizes: Any, drawn: Any) -> Any:
    """`(batch, count)` bool, True in one stretch of up to a share of each row's own size.

    `drawn` is `(batch, 2)` in [0, 1): how long it is, and where it begins.
    """
    length = drawn[:, 0] * share * sizes
    start = drawn[:, 1] * (sizes - length)
    place = ops.arange(count, dtype="float32")[None, :] + 0.5
    return ops.logical_and(place >= start[:, None], place < (start + length)[:, None])
