"""What an argument that takes any layer may name: encoders, residual blocks, and layers of Keras."""

import plait.encoders
from plait._keras_layers import NAMES, keras_layer
from plait._names import published
from plait.sharing import HardSharing

# Every floor below is there when this is imported, as it is when a config or a saved model names a
# layer.
_OWN = {**published(plait.encoders), "HardSharing": HardSharing}

__all__ = [*_OWN, *NAMES]  # noqa: PLE0604

globals().update(_OWN)
globals().update({name: keras_layer(name) for name in NAMES})
