"""Convolutions that are quick to train."""

from typing import Any

import keras

from plait.backend import convolved


@keras.saving.register_keras_serializable(package="plait")
class Conv2D(keras.layers.Conv2D):
    """Keras' convolution, channels last, by the backend's quickest way.

    Args:
        filters, kernel_size, strides, padding, kernel_initializer, bias_initializer and the rest: as of
            `keras.layers.Conv2D`. One of several groups is Keras' own.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"data_format": "channels_last", **kwargs})

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        if self.groups > 1:
            return super().convolution_op(inputs, kernel)
        return convolved(inputs, kernel, self.strides, self.padding, self.dilation_rate)
