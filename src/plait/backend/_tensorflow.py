"""TensorFlow: the step runs in a graph on the variables themselves."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from plait.backend._device_memory import DeviceMemory

NO_SECOND_DERIVATIVE: type[Exception] = LookupError
"""What differentiating a pullback raises where an operation's gradient has none of its own."""


def vjp(fn: Callable[..., tuple[Any, Any]], *primals: Any) -> tuple[Any, Callable, Any]:
    """Runs `fn(*primals) -> (outputs, aux)`.

    Args:
        fn: free of side effects on variables.
        primals: nested float tensors.

    Returns:
        `outputs`, the pullback (cotangents in the structure of `outputs` -> a tuple of gradients in
        the structure of `primals`; may be called several times), and `aux`.
    """
    # Copies: the tape tells tensors apart by identity, and two primals may be one tensor.
    primals = keras.tree.map_structure(tf.identity, primals)
    leaves = keras.tree.flatten(primals)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(leaves)
        outputs, aux = fn(*primals)
    flat = keras.tree.flatten(outputs)

    def pullback(cotangents: Any) -> tuple:
        seeds = [
            tf.cast(seed, output.dtype)
            for output, seed in zip(flat, keras.tree.flatten(cotangents), strict=True)
        ]
        gradients = tape.gradient(
            flat, leaves, output_gradients=seeds, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # A gather's gradient comes as indexed slices.
        return keras.tree.pack_sequence_as(primals, [tf.convert_to_tensor(g) for g in gradients])

    return outputs, pullback, aux


def read(variables: Iterable[keras.Variable]) -> list[Any]:
    """The variables' values, read once for all that a step does with them.

    A `tf.Variable` would be read again by each use. TensorFlow's graph optimizer forgets that such a
    read comes before the optimizer's assignment, unless the gradient assigned is made of it.
    """
    return [tf.convert_to_tensor(v.value) for v in variables]


def in_float64(fn: Callable[..., Any], *arrays: Any) -> Any:
    """`fn` on float64 copies of float tensors; what it gives comes back as float32.

    For problems of a few tasks by a few tasks, whose cost is in their number of operations.
    """
    found = fn(*(tf.cast(array, "float64") for array in arrays))
    return keras.tree.map_structure(lambda a: tf.cast(a, "float32"), found)


def cholesky(matrices: Any) -> Any:
    """The lower triangular factors of symmetric matrices; not finite where one is not positive."""
    # Keras' own raises an error where TensorFlow's gives NaN.
    return tf.linalg.cholesky(matrices)


def until(
    done: Callable[..., Any], body: Callable[..., tuple], state: tuple, at_most: int
) -> tuple:
    """Repeats `state = body(*state)` until `done(*state)`, a scalar bool, or `at_most` times.

    The loop is part of the graph: it stops by itself, with no word to the host.
    """
    return tf.while_loop(
        lambda *held: tf.logical_not(done(*held)), body, state, maximum_iterations=at_most
    )


def keep_compiled(folder: Callable[[], Path]) -> None:
    """Nothing: no compiled program outlives its process here."""


def lightly_compiled() -> contextlib.AbstractContextManager:
    """A block whose programs run once or twice each; nothing is compiled before its first run here."""
    return contextlib.nullcontext()


def no_gradient() -> contextlib.AbstractContextManager:
    """A block in which nothing is recorded for differentiation."""
    return contextlib.nullcontext()


def uniform(shape: Sequence[int], generator: keras.random.SeedGenerator) -> Any:
    """The next draw of a layer, float32 in [0, 1)."""
    return keras.random.uniform(shape, seed=generator)


def seeded(seed: int) -> contextlib.AbstractContextManager:
    """A block whose draws from the backend's own generator start from `seed`.

    After it the caller's draws go on as if nothing had been drawn. Keras draws from none in TensorFlow.
    """
    return contextlib.nullcontext()


def draws() -> dict[str, np.ndarray]:
    """The state of the backend's own generators: Keras draws from none in TensorFlow."""
    return {}


def set_draws(states: Mapping[str, np.ndarray]) -> None:
    """Goes on drawing from what `draws` gave: nothing."""


def device_count() -> int | None:
    """How many devices of this machine a step can be spread over; None where it cannot be."""
    return None


def device_memory() -> DeviceMemory | None:
    """Of the device that trains; None, since TensorFlow does not tell how much there is."""
    return None


def placed(batch: Any) -> Any:
    """Nested NumPy arrays as they are: they go through a dataset of TensorFlow's."""
    return batch


def forget_peak() -> None:
    """Nothing: none is told of."""


def spread(devices: int) -> contextlib.AbstractContextManager:
    """A block for models on one device: Keras spreads a step on JAX alone."""
    return contextlib.nullcontext()


def answering(model: keras.Model) -> Callable[[Mapping[str, Any]], Any]:
    """What gives a model's answers to a batch of NumPy arrays, with its weights as they are then."""
    return model.predict_on_batch


def train_step(model: Any, *args: Any) -> Any:
    """Keras' `data -> logs`, by `model.train_on_data(data)`."""
    (data,) = args
    turns = model.turns
    if turns is None or model.steps_per_execution == 1:
        return model.train_on_data(data)

    def step(looks: bool) -> Any:
        with turns.as_if(looks):
            return model.train_on_data(data)

    # Keras' loop over several steps is in the graph: there the choice is, too.
    return tf.cond(turns.due(), lambda: step(True), lambda: step(False))


def in_turns(model: Any, make: Callable[[], None], turns: Any) -> Callable:
    """Keras' training function of two compiled steps, of which `turns` says which comes next.

    Args:
        model: has Keras' `make_train_function`.
        make: has Keras build `model.train_function` anew.
        turns: see `plait.model._turns.Turns`.
    """

    def compiled() -> Callable:
        make()
        return model.train_function

    if model.steps_per_execution > 1:
        return compiled()
    functions = {looks: compiled() for looks in (True, False)}

    def run(iterator: Any) -> Any:
        # Each is traced in its first call, with what `turns.looks` is then.
        with turns.next() as looks:
            return functions[looks](iterator)

    return run


def test_step(model: Any, *args: Any) -> Any:
    """Keras' `data -> logs`, by `model.test_on_data(data)`."""
    (data,) = args
    return model.test_on_data(data)


def apply_gradients(optimizer: Any, gradients: list[Any], variables: list[keras.Variable]) -> None:
    """Moves `variables`, some or all of those that the optimizer was built with, by one step."""
    optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))
