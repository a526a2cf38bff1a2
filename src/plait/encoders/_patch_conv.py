"""A first convolution, as a product of patches."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="plait")
class PatchConv(keras.layers.Conv2D):
    """A `keras.layers.Conv2D` for pictures, on JAX computed as one product of their patches.

    A convolution of three channels is a small share of a net's sums and a large one of its time on a
    CPU: XLA's takes 2.5 times as long as this, oneDNN's of the other backends less. The picture is cut
    into blocks of a stride, and a patch is a block with the beginning of the next ones.

    Its kernel is square and of one to two strides, it pads as "same", and has a bias and no
    activation.

    Call arguments:
        x: `(batch, height, width, channels)`, height and width known.
    """

    def call(self, x: Any) -> Any:
        if keras.backend.backend() != "jax":
            return super().call(x)
        _, height, width, channels = x.shape
        stride, over = self.strides[0], self.kernel_size[0] - self.strides[0]
        high, above_below = self._blocks(height)
        wide, left_right = self._blocks(width)
        x = ops.pad(x, ((0, 0), above_below, left_right, (0, 0)))
        x = ops.reshape(x, (-1, high + 1, stride, wide + 1, stride * channels))
        x = ops.concatenate([x[:, :-1], x[:, 1:, :over]], axis=2)
        x = ops.concatenate([x[..., :-1, :], x[..., 1:, : over * channels]], axis=-1)
        kernel = ops.reshape(self.kernel, (-1, self.filters))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4)), (-1, high, wide, kernel.shape[0]))
        return ops.matmul(x, kernel) + self.bias

    def _blocks(self, side: int) -> tuple[int, tuple[int, int]]:
        """How many patches a side has, and its padding: as a convolution's, up to a block more."""
        stride, size = self.strides[0], self.kernel_size[0]
        count = -(-side // stride)
        before = max((count - 1) * stride + size - side, 0) // 2
        return count, (before, (count + 1) * stride - side - before)
