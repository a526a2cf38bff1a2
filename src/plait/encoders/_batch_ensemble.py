"""A dense layer of several networks that share its weights."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole


@keras.saving.register_keras_serializable(package="plait")
class BatchEnsemble(keras.layers.Layer):
    """y_k = activation(((x_k * r_k) W) * s_k + b_k), a row k for each member.

    One kernel W serves all members; each has a factor on the inputs, a factor on the outputs and a
    bias of its own. With one member it is a dense layer.

    Args:
        units: of the output.
        members: how many networks.
        signs: whether the factors on the inputs begin as random signs, so that the members differ,
            and not as ones.
        activation: of Keras.

    Call arguments:
        x: `(batch, members, inputs)`.

    Returns:
        `(batch, members, units)`.

    Raises:
        ConfigError: an argument out of its range.

    References:
        Y. Wen, D. Tran, J. Ba, "BatchEnsemble: An Alternative Approach to Efficient Ensemble and
        Lifelong Learning", 2020. Signs in the first layer alone as TabM has them (Y. Gorishniy and
        others, 2025).
    """

    def __init__(
        self,
        units: int,
        members: int = 1,
        signs: bool = False,
        activation: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("BatchEnsemble", units=units, members=members)
        self.units = units
        self.members = members
        self.signs = signs
        self.activation = activation

    def build(self, x_shape: Any) -> None:
        bound = x_shape[-1] ** -0.5
        spread = keras.initializers.RandomUniform(-bound, bound)
        self._act = keras.activations.get(self.activation)
        self.kernel = self.add_weight(
            shape=(x_shape[-1], self.units),
            initializer=keras.initializers.HeUniform() if self.activation == "relu" else spread,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.members, self.units), initializer=spread, name="bias"
        )
        if self.members > 1:
            self.inner = self.add_weight(
                shape=(self.members, x_shape[-1]),
                initializer=_random_signs if self.signs else "ones",
                name="inner",
            )
            self.outer = self.add_weight(
                shape=(self.members, self.units), initializer="ones", name="outer"
            )

    def call(self, x: Any) -> Any:
        if self.members == 1:
            return self._act(ops.matmul(x, self.kernel) + self.bias)
        return self._act(ops.matmul(x * self.inner, self.kernel) * self.outer + self.bias)

    def get_config(self) -> dict[str, Any]:
        own = ("units", "members", "signs", "activation")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def _random_signs(shape: Any, dtype: Any = None) -> Any:
    """1 or -1, each with one half."""
    drawn = keras.initializers.RandomUniform(-1.0, 1.0)(shape, dtype="float32")
    return ops.cast(ops.where(drawn < 0, -1.0, 1.0), dtype or keras.config.floatx())
