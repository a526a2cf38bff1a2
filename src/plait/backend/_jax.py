"""JAX: the step is traced, so state goes in and out as values."""

import contextlib
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

from plait import _hash
from plait.backend._device_memory import DeviceMemory

_KEPT_BYTES = 1 << 30
_WORTH_KEEPING = 0.1
"""Seconds that compiling took."""

NO_SECOND_DERIVATIVE: type[Exception] = NotImplementedError
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
    return jax.vjp(fn, *primals, has_aux=True)


def read(variables: Iterable[keras.Variable]) -> list[Any]:
    """The variables' values, read once for all that a step does with them."""
    return [v.value for v in variables]


def in_float64(fn: Callable[..., Any], *arrays: Any) -> Any:
    """`fn` on float64 copies of float tensors; what it gives comes back as float32.

    For problems of a few tasks by a few tasks, whose cost is in their number of operations.
    """
    with jax.enable_x64(True):
        found = fn(*(array.astype("float64") for array in arrays))
        return keras.tree.map_structure(lambda a: a.astype("float32"), found)


def cholesky(matrices: Any) -> Any:
    """The lower triangular factors of symmetric matrices; not finite where one is not positive."""
    return jax.numpy.linalg.cholesky(matrices)


def until(
    done: Callable[..., Any], body: Callable[..., tuple], state: tuple, at_most: int
) -> tuple:
    """Repeats `state = body(*state)` until `done(*state)`, a scalar bool, or `at_most` times.

    The loop is part of the compiled step: it stops by itself, with no word to the host.
    """

    def inner(round_: Any, *held: Any) -> tuple:
        return round_ + 1, *body(*held)

    def going_on(round_: Any, *held: Any) -> Any:
        return jax.numpy.logical_and(round_ < at_most, jax.numpy.logical_not(done(*held)))

    loop = jax.lax.while_loop(
        lambda c: going_on(*c), lambda c: inner(*c), (jax.numpy.int32(0), *state)
    )
    return loop[1:]


def keep_compiled(folder: Callable[[], Path]) -> None:
    """Keeps compiled programs in a folder, for the next process that needs the same.

    Where the user has named a folder by JAX's own settings, that one stays. It is bounded: what was
    not used for the longest time goes first.

    Args:
        folder: gives it; raises OSError where there is none.
    """
    if getattr(jax.config, "jax_compilation_cache_dir") is not None:  # noqa: B009 (jax types no option)
        return
    with contextlib.suppress(OSError):
        jax.config.update("jax_compilation_cache_max_size", _KEPT_BYTES)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _WORTH_KEEPING)
        jax.config.update("jax_compilation_cache_dir", str(folder()))


def lightly_compiled() -> contextlib.AbstractContextManager:
    """A block whose programs run once or twice each, so that optimizing them costs more than it spares.

    Making a model is such a block: what layers draw by themselves is a program for each shape.
    """
    option, block = "jax_disable_most_optimizations", contextlib.ExitStack()
    block.callback(jax.config.update, option, jax.config.read(option))
    jax.config.update(option, True)
    return block


def no_gradient() -> contextlib.AbstractContextManager:
    """A block in which nothing is recorded for differentiation."""
    return contextlib.nullcontext()


def uniform(shape: Sequence[int], generator: keras.random.SeedGenerator) -> Any:
    """The next draw of a layer, float32 in [0, 1).

    By plait's hash: `jax.random` loops through its rounds, which a CPU compiles seven times and runs
    four to six times as long.
    """
    words = generator.next().astype("int32")
    places = jax.numpy.arange(math.prod(shape), dtype="int32").reshape(shape)
    return _hash.uniform(words[0], words[1], places)


def seeded(seed: int) -> contextlib.AbstractContextManager:
    """A block whose draws from the backend's own generator start from `seed`.

    After it the caller's draws go on as if nothing had been drawn. JAX has no such generator.
    """
    return contextlib.nullcontext()


def draws() -> dict[str, np.ndarray]:
    """The state of the backend's own generators: JAX has none."""
    return {}


def set_draws(states: Mapping[str, np.ndarray]) -> None:
    """Goes on drawing from what `draws` gave: nothing."""


def device_count() -> int | None:
    """How many devices of this machine a step can be spread over; None where it cannot be."""
    return jax.local_device_count()


def device_memory() -> DeviceMemory | None:
    """Of the device that trains; None where that is the machine's own."""
    told = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" not in told:
        return None
    return DeviceMemory(told["bytes_in_use"], told["peak_bytes_in_use"], told["bytes_limit"])


def placed(batch: Any) -> Any:
    """Nested NumPy arrays on the device that trains.

    In one transfer: Keras makes one an array, between two steps.
    """
    return jax.device_put(batch)


def forget_peak() -> None:
    """Nothing: JAX has no way to forget it."""


def spread(devices: int) -> contextlib.AbstractContextManager:
    """A block whose models have their weights on each of so many devices, and share a batch's rows."""
    if devices == 1:
        return contextlib.nullcontext()
    names = keras.distribution.list_devices()[:devices]
    return keras.distribution.DataParallel(devices=names).scope()


def answering(model: keras.Model) -> Callable[[Mapping[str, Any]], Any]:
    """What gives a model's answers to a batch of NumPy arrays, with its weights as they are then.

    Keras' `predict_on_batch` has the compiled function return a copy of each weight.
    """
    variables = model.variables

    @jax.jit
    def answers(values: list, x: Mapping[str, Any]) -> Any:
        with keras.StatelessScope(zip(variables, values, strict=True)):
            return model(x, training=False)

    return lambda x: answers(read(variables), x)


def train_step(model: Any, *args: Any) -> Any:
    """Keras' `(state, data) -> (logs, state)`, by `model.train_on_data(data)`."""
    state, data = args
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return _as_function(model.train_on_data, groups, state, data)


def test_step(model: Any, *args: Any) -> Any:
    """Keras' `(state, data) -> (logs, state)`, by `model.test_on_data(data)`."""
    state, data = args
    groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
    return _as_function(model.test_on_data, groups, state, data)


def apply_gradients(optimizer: Any, gradients: list[Any], variables: list[keras.Variable]) -> None:
    """Moves `variables`, some or all of those that the optimizer was built with, by one step."""
    optimizer._check_variables_are_known(variables)
    known = optimizer._trainable_variables
    given = {id(v): gradient for v, gradient in zip(variables, gradients, strict=True)}
    with warnings.catch_warnings():
        # Of the others, which are frozen.
        warnings.filterwarnings("ignore", "Gradients do not exist for variables")
        moved, state = optimizer.stateless_apply(
            [v.value for v in optimizer.variables],
            [given.get(id(v)) for v in known],
            [v.value for v in known],
        )
    for variable, value in zip([*known, *optimizer.variables], [*moved, *state], strict=True):
        variable.assign(value)


def _as_function(
    step: Callable[[Any], dict[str, Any]], groups: tuple, state: tuple, data: Any
) -> tuple[dict[str, Any], tuple]:
    mapping = [
        pair
        for group, values in zip(groups, state, strict=True)
        for pair in zip(group, values, strict=True)
    ]
    with keras.StatelessScope(mapping) as scope:
        logs = step(data)
    return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)
