"""A tensor's Keras mask, which Keras keeps on the tensor or, for JAX's tracers, beside it."""

# Keras has no public name for these two, and a bare attribute misses what is traced.
from keras.src.backend.common.masking import get_keras_mask as mask_of
from keras.src.backend.common.masking import set_keras_mask as set_mask

__all__ = ["mask_of", "set_mask"]
