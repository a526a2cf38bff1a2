"""Layers and functions called as one program.

Called eagerly on JAX, each operation is compiled by itself, once for each shape: some forty programs
for one call of a small encoder, which is most of what a test of it takes.
"""

import keras


def program(function):
    """The same function, compiled whole where the backend would compile each operation."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def built(layer, *given, **named):
    """The layer with weights for such arrays, without a value of it being computed."""
    layer(*_symbols(given), **_symbols(named))
    return layer


def called(layer, *given, **named):
    """What a built layer answers; draws and statistics are not carried on to the next call."""
    told = {name: value for name, value in named.items() if isinstance(value, bool)}
    named = {name: value for name, value in named.items() if name not in told}
    asked = lambda given, named: layer(*given, **named, **told)  # noqa: E731
    return through(layer, asked, given, named, key=tuple(told.items()))


def through(layer, function, *given, key):
    """What a function answers that reads a built layer's variables; `key` tells it from others."""
    if keras.backend.backend() != "jax":
        return function(*given)

    variables = layer.variables

    def answer(values, given):
        # Not `stateless_call`, which casts nothing under mixed precision.
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*given)

    # Past Keras, which would track it; with the layer it goes.
    programs = vars(layer).setdefault("_programs", {})
    run = programs.setdefault(key, program(answer))
    return run([variable.value for variable in variables], given)


def _symbols(given):
    return keras.tree.map_structure(_symbol, given)


def _symbol(array):
    if array is None:
        return None
    return keras.KerasTensor(array.shape, keras.backend.standardize_dtype(array.dtype))
