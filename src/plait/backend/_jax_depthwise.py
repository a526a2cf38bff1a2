"""A convolution of each channel by itself that XLA's CPU is quick at."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from plait.backend import _depthwise


def depthwise(x: Any, kernel: Any) -> Any:
    """Each channel by its own kernel, padded so that the map keeps its size.

    On a CPU it is one product of matrices a channel: the rows that a row of the map sees, beside each
    other, times a band of the kernel's rows. It does some times the work, and with its gradient takes
    a tenth of the time of XLA's own.

    Args: see `plait.backend._depthwise.depthwise`; all sizes but the batch's known.
    """
    if jax.default_backend() != "cpu":
        return _depthwise.depthwise(x, kernel)
    kernel = jnp.asarray(kernel)
    x = x.astype(kernel.dtype)
    _, height, width, channels = x.shape
    rows, columns, _ = kernel.shape
    # Which column of the kernel a column of the map sees another by.
    sees = np.stack([np.eye(width, k=columns // 2 - column) for column in range(columns)])
    band = jnp.einsum("jvw,ijc->civw", jnp.asarray(sees, kernel.dtype), kernel)
    above = rows // 2
    x = jnp.pad(x.transpose(3, 0, 1, 2), ((0, 0), (0, 0), (above, above), (0, 0)))
    seen = jnp.concatenate([x[:, :, row : row + height] for row in range(rows)], axis=-1)
    found = lax.dot_general(
        seen.reshape(channels, -1, rows * width),
        band.reshape(channels, rows * width, width),
        (((2,), (1,)), ((0,), (0,))),
        preferred_element_type="float32",
    )
    found = found.astype(kernel.dtype).reshape(channels, -1, height, width)
    return found.transpose(1, 2, 3, 0)
