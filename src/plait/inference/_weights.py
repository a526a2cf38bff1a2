"""Names for a model's weights that depend on its declaration alone."""

import keras

from plait.inference._archive import ArrayForm


def weights_of(model: keras.Model) -> dict[str, keras.Variable]:
    """Each weight once, as `layer/number_variable`, in the order of the layers.

    The number is what tells apart the weights of a layer's inner layers, whose own names Keras
    counts up over a process.
    """
    named: dict[str, keras.Variable] = {}
    seen: set[int] = set()
    for layer in model.layers:
        own = [v for v in layer.weights if id(v) not in seen]
        seen |= {id(v) for v in own}
        for number, variable in enumerate(own):
            named[f"{layer.name}/{number:03d}_{variable.name}"] = variable
    return named


def forms_of(model: keras.Model) -> dict[str, ArrayForm]:
    """The shape and dtype in which each weight is stored: every float as float32."""
    return {
        name: ArrayForm(tuple(variable.shape), _stored_dtype(variable.dtype))
        for name, variable in weights_of(model).items()
    }


def _stored_dtype(dtype: str) -> str:
    return (
        "float32" if keras.backend.is_float_dtype(dtype) else keras.backend.standardize_dtype(dtype)
    )
