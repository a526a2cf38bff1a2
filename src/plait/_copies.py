"""Fresh layers of the same arguments as others."""

from typing import Any

import keras


def copy_of(layer: keras.layers.Layer, name: str, policy: Any = None) -> Any:
    """A new layer of the same arguments, with another name.

    Args:
        layer: as it was declared; it stays as it is.
        name: of the new layer.
        policy: its precision; that of the declared layer if None.
    """
    # A layer that was declared has the policy that was set then.
    own = {} if policy is None else {"dtype": policy}
    return type(layer).from_config({**layer.get_config(), **own, "name": name})
