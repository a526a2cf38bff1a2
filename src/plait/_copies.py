"""Fresh layers of the same arguments as others."""

from typing import Any

import keras

from plait._names import parameters


class Remade:
    """A layer whose arguments may be layers of a user's own, which Keras could not read back."""

    def remade(self, **given: Any) -> Any:
        """A new layer of the same arguments, but for those given."""
        arguments = {name: getattr(self, name) for name in parameters(type(self))}
        return type(self)(**{"dtype": self.dtype_policy, **arguments, **given})  # type: ignore[attr-defined]


def take_weights(layer: keras.layers.Layer, other: keras.layers.Layer) -> None:
    """Gives a layer the weights of another one of the same arguments, both built."""
    for own, theirs in zip(layer.weights, other.weights, strict=True):
        # Of its own: who trains the other one gives its arrays away.
        own.assign(keras.ops.convert_to_numpy(theirs))


def copy_of(layer: keras.layers.Layer, name: str, policy: Any = None) -> Any:
    """A new layer of the same arguments, with another name.

    Args:
        layer: as it was declared; it stays as it is.
        name: of the new layer.
        policy: its precision; that of the declared layer if None.
    """
    # A layer that was declared has the policy that was set then.
    own = {} if policy is None else {"dtype": policy}
    if isinstance(layer, Remade):
        return layer.remade(name=name, **own)
    return type(layer).from_config({**layer.get_config(), **own, "name": name})
