"""Pictures in another light: brightness, contrast and the saturation of colours."""

from typing import Any

from keras import ops

from plait._hash import name_key, uniform

_BT601 = (0.299, 0.587, 0.114)


def relit(values: Any, jitter: float, row_key: Any, name: str) -> Any:
    """Pictures `(batch, height, width, channels)` uint8 in another light.

    Args:
        values: the pictures.
        jitter: how far from 1 the factors lie at most.
        row_key: `(batch, 2)` int32; each row's light is a function of it.
        name: the feature's.
    """
    if not jitter:
        return values

    def factor(what: str) -> Any:
        drawn = uniform(row_key[:, 0], row_key[:, 1], name_key(f"{name}__{what}"))
        return 1 + jitter * (2 * drawn[:, None, None, None] - 1)

    x = ops.cast(values, "float32") * factor("brightness")
    middle = ops.mean(luminance(x), axis=(1, 2), keepdims=True)
    x = middle + (x - middle) * factor("contrast")
    grey = luminance(x)
    x = grey + (x - grey) * factor("saturation")
    return ops.cast(ops.clip(ops.round(x), 0, 255), values.dtype)


def luminance(x: Any) -> Any:
    """`(batch, height, width, 1)`, by ITU-R BT.601."""
    if x.shape[-1] != 3:
        return x
    # Not a sum along the axis, which XLA's CPU does place by place.
    red, green, blue = (share * x[..., n : n + 1] for n, share in enumerate(_BT601))
    return red + green + blue
