"""Layers of Keras as plain data: those that work on what they are given, and run no code of a file."""

import inspect
from collections.abc import Mapping
from typing import Any

from plait.errors import ConfigError

NAMES = (
    "Activation",
    "AveragePooling2D",
    "Conv1D",
    "Conv2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "ELU",
    "GRU",
    "GroupNormalization",
    "LSTM",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling2D",
    "PReLU",
    "RMSNormalization",
    "ReLU",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "UnitNormalization",
)
"""Whoever wants another makes a class of their own of it: `my_module.MyLayer`."""

_SET_BY_PLAIT = ("name", "trainable", "dtype")


def keras_layer(name: str) -> Any:
    """The class of a name."""
    import keras

    return getattr(keras.layers, name)


def is_keras_layer(value: Any) -> bool:
    """Whether an object is one of Keras' own layers."""
    return type(value).__module__.startswith("keras.") and hasattr(value, "get_config")


def arguments_of(layer: Any) -> dict[str, Any]:
    """The constructor's arguments that are not at their defaults, as plain data.

    Raises:
        ConfigError: one that is an object with arguments of its own.
    """
    cls, config = type(layer), layer.get_config()
    if cls.__name__ not in NAMES:
        raise ConfigError(
            f"{cls.__name__} is none of the layers of Keras that a saved model may name. Make a layer "
            f"class of your own of it, or take one of: {', '.join(NAMES)}."
        )
    if not layer.trainable:
        raise ConfigError(f"{cls.__name__}: a pattern is trainable; freeze parts in training.")
    known = inspect.signature(cls).parameters.items()
    needed = {n: config[n] for n, p in known if p.default is p.empty and n in config}
    usual = cls(**needed).get_config()
    found = {}
    for name, value in config.items():
        if name in needed or (name not in _SET_BY_PLAIT and value != usual.get(name)):
            if name not in inspect.signature(cls).parameters:
                raise ConfigError(f"{cls.__name__}: '{name}' cannot be kept in a saved model.")
            found[name] = _plain(cls.__name__, name, value)
    return found


def check_plain(cls: type, arguments: Mapping[str, Any]) -> None:
    """Refuses arguments of a saved layer that would be objects.

    Raises:
        ConfigError: names the argument.
    """
    for name, value in arguments.items():
        _demand_plain(cls.__name__, name, value)


def _plain(layer: str, name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" in value:
        import keras

        made = keras.saving.deserialize_keras_object(dict(value))
        if keras.saving.serialize_keras_object(type(made)()) == value:
            value = value["class_name"]
    _demand_plain(layer, name, value)
    return list(value) if isinstance(value, tuple) else value


def _demand_plain(layer: str, name: str, value: Any) -> None:
    many = value if isinstance(value, list | tuple) else [value]
    if not all(item is None or isinstance(item, str | int | float | bool) for item in many):
        raise ConfigError(
            f"{layer}: {name} is an object, which a saved model does not hold. Received: {value!r}. "
            "Name one that has no arguments, such as 'HeNormal', or make a layer class of your own.",
            (name,),
        )
