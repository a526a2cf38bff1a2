"""What differs between JAX, torch and TensorFlow: three files with the same names."""

import keras

from plait.backend._masks import mask_of, set_mask

if keras.backend.backend() == "jax":
    from plait.backend._jax import (
        NO_SECOND_DERIVATIVE,
        answering,
        apply_gradients,
        cholesky,
        device_count,
        device_memory,
        draws,
        forget_peak,
        in_float64,
        keep_compiled,
        lightly_compiled,
        no_gradient,
        placed,
        read,
        seeded,
        set_draws,
        spread,
        test_step,
        train_step,
        uniform,
        until,
        vjp,
    )
    from plait.backend._jax_convolution import convolved
    from plait.backend._jax_depthwise import depthwise
    from plait.backend._jax_turns import in_turns
elif keras.backend.backend() == "torch":
    from plait.backend._convolution import convolved
    from plait.backend._depthwise import depthwise
    from plait.backend._torch import (
        NO_SECOND_DERIVATIVE,
        answering,
        apply_gradients,
        cholesky,
        device_count,
        device_memory,
        draws,
        forget_peak,
        in_float64,
        in_turns,
        keep_compiled,
        lightly_compiled,
        no_gradient,
        placed,
        read,
        seeded,
        set_draws,
        spread,
        test_step,
        train_step,
        uniform,
        until,
        vjp,
    )
elif keras.backend.backend() == "tensorflow":
    from plait.backend._convolution import convolved
    from plait.backend._depthwise import depthwise
    from plait.backend._tensorflow import (
        NO_SECOND_DERIVATIVE,
        answering,
        apply_gradients,
        cholesky,
        device_count,
        device_memory,
        draws,
        forget_peak,
        in_float64,
        in_turns,
        keep_compiled,
        lightly_compiled,
        no_gradient,
        placed,
        read,
        seeded,
        set_draws,
        spread,
        test_step,
        train_step,
        uniform,
        until,
        vjp,
    )
else:
    raise ImportError(
        f"plait runs on the Keras backends jax, torch and tensorflow. "
        f"Received: {keras.backend.backend()!r}. Set KERAS_BACKEND."
    )

__all__ = [
    "NO_SECOND_DERIVATIVE",
    "answering",
    "apply_gradients",
    "cholesky",
    "convolved",
    "depthwise",
    "device_count",
    "device_memory",
    "draws",
    "forget_peak",
    "in_float64",
    "in_turns",
    "keep_compiled",
    "lightly_compiled",
    "mask_of",
    "no_gradient",
    "placed",
    "read",
    "seeded",
    "set_draws",
    "set_mask",
    "spread",
    "test_step",
    "train_step",
    "uniform",
    "until",
    "vjp",
]
