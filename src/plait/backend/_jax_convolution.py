"""Convolutions whose gradients XLA's CPU is quick at."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from plait.backend import _convolution

_FEW = 4
"""Channels: a product of patches takes 0.4 of the time of a convolution of three."""
_MANY = 192
"""Positions: with fewer, XLA's way is hardly slower, and quicker to compile."""
_BYTES = 2 * 2**20
"""What is built at a time for a kernel's gradient: about what stays in a CPU's cache."""


class _How(NamedTuple):
    """Of height and width: steps between positions and between taps, and zeros before and after."""

    strides: tuple[int, ...]
    taps: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]


def convolved(
    x: Any, kernel: Any, strides: Sequence[int], padding: str, taps: Sequence[int]
) -> Any:
    """The convolution of `(batch, height, width, channels)`.

    On a CPU the gradient of the kernel is made of matrix products, which takes a half to a tenth of the
    time of what XLA makes of it: a convolution with a kernel as large as the picture.

    Args and Returns: see `plait.backend._convolution.convolved`; all sizes but the batch's known.
    """
    both = any(step > 1 and tap > 1 for step, tap in zip(strides, taps, strict=True))
    if both or jax.default_backend() != "cpu":
        return _convolution.convolved(x, kernel, strides, padding, taps)
    kernel = jnp.asarray(kernel)
    x = x.astype(kernel.dtype)
    seen = [1 + (size - 1) * tap for size, tap in zip(kernel.shape[:2], taps, strict=True)]
    pads = lax.padtype_to_pads(x.shape[1:3], seen, strides, padding.upper())
    how = _How(tuple(strides), tuple(taps), tuple((before, after) for before, after in pads))
    if kernel.shape[:2] == (1, 1) and how.strides == (1, 1):
        return x @ kernel[0, 0]
    if x.shape[-1] <= _FEW and _fits_two_steps(kernel, how):
        return _patch_product(x, kernel, how)
    found = _quick if _is_large(x, how) else _native
    return found(x, kernel, how)


def _is_large(x: Any, how: _How) -> bool:
    """Whether there are so many positions that compiling more is worth the time."""
    high, wide = (-(-side // step) for side, step in zip(x.shape[1:3], how.strides, strict=True))
    return high * wide >= _MANY


def _native(x: Any, kernel: Any, how: _How) -> Any:
    return lax.conv_general_dilated(
        x,
        kernel,
        how.strides,
        how.pads,
        rhs_dilation=how.taps,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _quick(x: Any, kernel: Any, how: _How) -> Any:
    return _native(x, kernel, how)


def _forward(x: Any, kernel: Any, how: _How) -> tuple[Any, Any]:
    return _quick(x, kernel, how), (x, kernel)


def _backward(how: _How, kept: Any, gradient: Any) -> tuple[Any, Any]:
    x, kernel = kept
    _, of_x = jax.vjp(lambda x: _native(x, kernel, how), x)
    return *of_x(gradient), _of_kernel(x, gradient, kernel, how)


_quick.defvjp(_forward, _backward)


def _of_kernel(x: Any, gradient: Any, kernel: Any, how: _How) -> Any:
    """The gradient of the kernel, some rows of the batch at a time."""
    batch, height, width, filters = gradient.shape
    row = height * width * kernel.shape[1] * filters * gradient.dtype.itemsize
    size = max(1, min(batch, _BYTES // row))
    # One turn is no loop, which would only take longer to compile.
    whole = batch - batch % size if batch > size else 0
    total = jnp.zeros(kernel.shape, "float32")
    if whole:
        parts = (a[:whole].reshape(-1, size, *a.shape[1:]) for a in (x, gradient))

        def add(sum_: Any, part: tuple[Any, Any]) -> tuple[Any, None]:
            return sum_ + _of_some(part[0], part[1], kernel.shape, how), None

        total, _ = lax.scan(add, total, tuple(parts))
    if whole < batch:
        total = total + _of_some(x[whole:], gradient[whole:], kernel.shape, how)
    return total.astype(kernel.dtype)


def _of_some(x: Any, gradient: Any, shape: tuple[int, ...], how: _How) -> Any:
    """K[i, j] = Σ x[s·h + t·i, s·w + t·j]ᵀ gradient[h, w], for all j of a row i in one product.

    Beside each other stand the gradients of what a column of x meets at its taps. Where positions are s
    columns apart, s columns of x are one, and it meets as many taps at once.
    """
    rows, columns, channels, filters = shape
    (down, across), (tap_down, tap_across) = how.strides, how.taps
    height, width = gradient.shape[1:3]
    shifts = [tap_across * j for j in range(-(-columns // across))]
    span = shifts[-1]
    (above, _), (left, _) = how.pads
    last = (height - 1) * down + 1
    below = last + (rows - 1) * tap_down - x.shape[1] - above
    right = (width + span) * across - x.shape[2] - left
    x = _padded(x, (above, below), (left, right))
    x = x.reshape(-1, x.shape[1], width + span, across * channels)
    met = [_padded(gradient, (0, 0), (shift, span - shift)) for shift in shifts]
    beside = jnp.concatenate(met, axis=-1).reshape(-1, len(shifts) * filters)

    def of_row(first: int) -> Any:
        seen = x[:, first : first + last : down].reshape(-1, across * channels)
        return lax.dot_general(
            seen, beside, (((0,), (0,)), ((), ())), preferred_element_type="float32"
        )

    found = jnp.stack([of_row(i * tap_down) for i in range(rows)])
    found = found.reshape(rows, across, channels, len(shifts), filters)
    found = found.transpose(0, 3, 1, 2, 4).reshape(rows, -1, channels, filters)
    return found[:, :columns]


def _padded(x: Any, down: tuple[int, int], across: tuple[int, int]) -> Any:
    """With zeros around it, or with less of it where there are fewer than none."""
    none = jnp.zeros((), x.dtype)
    return lax.pad(x, none, ((0, 0, 0), (*down, 0), (*across, 0), (0, 0, 0)))


def _fits_two_steps(kernel: Any, how: _How) -> bool:
    return how.taps == (1, 1) and all(
        step > 1 and step <= size <= 2 * step
        for size, step in zip(kernel.shape[:2], how.strides, strict=True)
    )


def _patch_product(x: Any, kernel: Any, how: _How) -> Any:
    """One product of all patches: the picture is cut into blocks of a stride, and a patch is a block
    with the beginning of the next ones.
    """
    channels = x.shape[-1]
    counts, sides = [], []
    for side, size, step, (before, after) in zip(
        x.shape[1:3], kernel.shape[:2], how.strides, how.pads, strict=True
    ):
        count = (before + side + after - size) // step + 1
        counts.append(count)
        sides.append((before, (count + 1) * step - side - before))
    (high, wide), (down, across) = counts, how.strides
    x = _padded(x, *sides)
    x = x.reshape(-1, high + 1, down, wide + 1, across * channels)
    x = jnp.concatenate([x[:, :-1], x[:, 1:, : kernel.shape[0] - down]], axis=2)
    more = (kernel.shape[1] - across) * channels
    x = jnp.concatenate([x[..., :-1, :], x[..., 1:, :more]], axis=-1)
    flat = kernel.reshape(-1, kernel.shape[-1])
    return x.transpose(0, 1, 3, 2, 4).reshape(-1, high, wide, flat.shape[0]) @ flat
