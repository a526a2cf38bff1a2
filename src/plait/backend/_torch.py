"""torch: the step runs eagerly on the variables themselves, and does not wait for the device."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch

from plait.backend._device_memory import DeviceMemory

NO_SECOND_DERIVATIVE: type[Exception] = RuntimeError
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
    leaves = keras.tree.map_structure(lambda x: x.detach().requires_grad_(True), primals)
    with torch.enable_grad():
        recorded, aux = fn(*leaves)

    def pullback(cotangents: Any) -> tuple:
        inputs = keras.tree.flatten(leaves)
        pairs = [
            (output, cotangent)
            for output, cotangent in zip(
                keras.tree.flatten(recorded), keras.tree.flatten(cotangents), strict=True
            )
            if output.requires_grad
        ]
        if not pairs or not inputs:
            gradients = [torch.zeros_like(x) for x in inputs]
        else:
            gradients = torch.autograd.grad(
                [output for output, _ in pairs],
                inputs,
                [torch.as_tensor(seed, dtype=output.dtype) for output, seed in pairs],
                retain_graph=True,
                # Only to differentiate a pullback itself; a step runs without.
                create_graph=torch.is_grad_enabled(),
                allow_unused=True,
                materialize_grads=True,
            )
        return keras.tree.pack_sequence_as(leaves, list(gradients))

    detach = lambda x: x.detach() if torch.is_tensor(x) else x  # noqa: E731
    return (
        keras.tree.map_structure(detach, recorded),
        pullback,
        keras.tree.map_structure(detach, aux),
    )


def read(variables: Iterable[keras.Variable]) -> list[Any]:
    """The variables' values, read once for all that a step does with them."""
    return [v.value for v in variables]


def in_float64(fn: Callable[..., Any], *arrays: Any) -> Any:
    """`fn` on float64 copies of float tensors; what it gives comes back as float32.

    For problems of a few tasks by a few tasks, whose cost is in their number of operations.
    """
    with torch.no_grad():
        found = fn(*(array.double() for array in arrays))
        return keras.tree.map_structure(lambda a: a.float(), found)


def cholesky(matrices: Any) -> Any:
    """The lower triangular factors of symmetric matrices; not finite where one is not positive."""
    # `torch.linalg.cholesky` would wait for the device in order to raise an error.
    factors, failed = torch.linalg.cholesky_ex(matrices)
    return torch.where((failed > 0)[..., None, None], torch.nan, factors)


def until(
    done: Callable[..., Any], body: Callable[..., tuple], state: tuple, at_most: int
) -> tuple:
    """Repeats `state = body(*state)` until `done(*state)`, a scalar bool, or `at_most` times.

    To ask `done` would wait for the device, so all rounds run here: `body` has to bear that.
    """
    del done
    for _ in range(at_most):
        state = body(*state)
    return state


def keep_compiled(folder: Callable[[], Path]) -> None:
    """Nothing: no compiled program outlives its process here."""


def lightly_compiled() -> contextlib.AbstractContextManager:
    """A block whose programs run once or twice each; nothing is compiled before its first run here."""
    return contextlib.nullcontext()


def no_gradient() -> contextlib.AbstractContextManager:
    """A block in which nothing is recorded for differentiation."""
    return torch.no_grad()


def uniform(shape: Sequence[int], generator: keras.random.SeedGenerator) -> Any:
    """The next draw of a layer, float32 in [0, 1)."""
    return keras.random.uniform(shape, seed=generator)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A block whose draws from the backend's own generator start from `seed`.

    After it the caller's draws go on as if nothing had been drawn. Keras' Dropout
    without a seed draws there.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def draws() -> dict[str, np.ndarray]:
    """The state of the backend's own generators, one for each device."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda-{n}": state for n, state in enumerate(torch.cuda.get_rng_state_all())}
    return {name: state.numpy() for name, state in states.items()}


def set_draws(states: Mapping[str, np.ndarray]) -> None:
    """Goes on drawing from what `draws` gave; of devices that are not here, nothing is drawn."""
    for name, state in states.items():
        held = torch.from_numpy(np.array(state))
        if name == "cpu":
            torch.set_rng_state(held)
        elif (device := int(name.removeprefix("cuda-"))) < torch.cuda.device_count():
            torch.cuda.set_rng_state(held, device)


def device_count() -> int | None:
    """How many devices of this machine a step can be spread over; None where it cannot be."""
    return None


def device_memory() -> DeviceMemory | None:
    """Of the device that trains; None where that is the machine's own."""
    if not torch.cuda.is_available():
        return None
    _, limit = torch.cuda.mem_get_info()
    return DeviceMemory(torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated(), limit)


def placed(batch: Any) -> Any:
    """Nested NumPy arrays on the device that trains."""
    return keras.tree.map_structure(keras.ops.convert_to_tensor, batch)


def forget_peak() -> None:
    """From here on `DeviceMemory.peak` is of what comes after."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def spread(devices: int) -> contextlib.AbstractContextManager:
    """A block for models on one device: Keras spreads a step on JAX alone."""
    return contextlib.nullcontext()


def answering(model: keras.Model) -> Callable[[Mapping[str, Any]], Any]:
    """What gives a model's answers to a batch of NumPy arrays, with its weights as they are then."""
    return model.predict_on_batch


# Keras' `jit_compile=True` has Dynamo compile what calls this. Dynamo fails at a balanced step, and
# cuts a plain one into dozens of graphs, which run no faster.
@torch.compiler.disable
def train_step(model: Any, *args: Any) -> Any:
    """Keras' `data -> logs`, by `model.train_on_data(data)`."""
    (data,) = args
    with torch.no_grad():
        return model.train_on_data(data)


def test_step(model: Any, *args: Any) -> Any:
    """Keras' `data -> logs`, by `model.test_on_data(data)`."""
    (data,) = args
    with torch.no_grad():
        return model.test_on_data(data)


def in_turns(model: Any, make: Callable[[], None], turns: Any) -> Callable:
    """Keras' training function, whose steps look at the gradients when `turns` says so.

    Args:
        model: has Keras' `make_train_function`.
        make: has Keras build `model.train_function` anew.
        turns: see `plait.model._turns.Turns`.
    """
    make()
    function = model.train_function

    def run(data: Any) -> Any:
        with turns.next():
            return function(data)

    return run


def apply_gradients(optimizer: Any, gradients: list[Any], variables: list[keras.Variable]) -> None:
    """Moves `variables`, some or all of those that the optimizer was built with, by one step."""
    optimizer.apply(gradients, variables)
