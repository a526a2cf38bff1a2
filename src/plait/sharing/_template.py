"""Layers that an argument gives as a pattern, of which a sharing makes as many as it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from plait._copies import Remade, copy_of
from plait.errors import ConfigError

MOST_LAYERS = 10_000

Pattern = keras.layers.Layer | Sequence[keras.layers.Layer]


def layers_of(owner: str, name: str, given: Any) -> tuple[keras.layers.Layer, ...]:
    """The layers of a pattern, from first to last; a pattern out of a saved model is read first.

    Raises:
        ConfigError: something that is no layer, or none at all.
    """
    many = given if isinstance(given, list | tuple) else (given,)
    layers = tuple(
        keras.saving.deserialize_keras_object(item) if isinstance(item, Mapping) else item
        for item in many
    )
    if not layers or not all(isinstance(layer, keras.layers.Layer) for layer in layers):
        raise ConfigError(
            f"{owner}: {name} is a Keras layer, or a list of them, which follow each other. "
            f"Received: {given!r}.",
            (name,),
        )
    return layers


def least_weights_of(layers: Sequence[keras.layers.Layer]) -> int:
    """How many weights layers have for sure once built: those of Keras may have none."""
    return sum(getattr(layer, "least_weights", 0) for layer in layers)


def demand_few(owner: str, times: int, layers: Sequence[keras.layers.Layer]) -> None:
    """Refuses more layers than anybody could mean, before they are made.

    Args:
        owner: the class that makes them.
        times: how often the pattern is made.
        layers: the pattern.

    Raises:
        ConfigError: more than 10,000.
    """
    count = times * sum(max(1, getattr(layer, "least_weights", 1)) for layer in layers)
    if count > MOST_LAYERS:
        raise ConfigError(f"{owner}: that would be {count} layers; at most {MOST_LAYERS} are made.")


def written(layers: Sequence[keras.layers.Layer] | None) -> Any:
    """A pattern as Keras writes it into a model's config."""
    return layers and [keras.saving.serialize_keras_object(layer) for layer in layers]


@keras.saving.register_keras_serializable(package="plait")
class Follow(Remade, keras.layers.Layer):
    """Copies of some layers, one after the other, each found its sizes by `build`.

    Args:
        layers: the pattern; it stays as it is.

    Call arguments:
        tokens: `(batch, tokens, width)`, or any other shape that the first layer reads.
        valid: `(batch, tokens)` bool, or None. What is not valid is zero to the first layer.
        training: whether dropout is on.

    Returns:
        What the last layer gives; of an `Encoder`, its tokens.
    """

    def __init__(self, layers: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pattern = layers_of("Follow", "layers", layers)
        self.steps = [
            copy_of(layer, f"step_{number}", self.dtype_policy)
            for number, layer in enumerate(pattern)
        ]

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """The copies, from first to last."""
        return list(self.steps)

    def build(self, shape: Any, valid_shape: Any = None) -> None:
        for step in self.steps:
            if not step.built:
                step.build(shape)
            found = step.compute_output_spec(keras.KerasTensor(shape, self.compute_dtype))
            shape = _tokens(found).shape
        self.given = tuple(shape)

    def compute_output_shape(self, shape: Any, valid_shape: Any = None) -> Any:
        return (*shape[:1], *self.given[1:])

    def demand_tokens(self, owner: str, shape: Any) -> None:
        """Refuses layers that answer `(batch, tokens, width)` with another number of tokens.

        Raises:
            ConfigError: says so.
        """
        if len(self.given) != 3 or self.given[1] != shape[1]:
            names = ", ".join(type(step).__name__ for step in self.steps)
            raise ConfigError(
                f"{owner}: {names} makes {self.given[1:]} of {tuple(shape)[1:]}, and what tasks share "
                "keeps the number of tokens. Take layers that answer each token."
            )

    def call(self, tokens: Any, valid: Any = None, training: bool | None = None) -> Any:
        if valid is not None:
            # A padded token's zeros are nothing to a convolution, too.
            tokens = ops.where(ops.expand_dims(valid, -1), tokens, ops.zeros_like(tokens))
        for step in self.steps:
            tokens = _tokens(step(tokens))
        return tokens

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layers": written(self.steps)}


def _tokens(found: Any) -> Any:
    return found["tokens"] if isinstance(found, Mapping) else found
