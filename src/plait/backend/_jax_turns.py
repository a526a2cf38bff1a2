"""JAX: a training function of two compiled steps."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any


def in_turns(model: Any, make: Callable[[], None], turns: Any) -> Callable:
    """Keras' training function of two compiled steps, of which `turns` says which comes next.

    Args:
        model: has Keras' `make_train_function`.
        make: has Keras build `model.train_function` anew.
        turns: see `plait.model._turns.Turns`.
    """

    def function() -> Callable:
        # A function of its own: JAX keeps one trace for all bound methods that are equal.
        step = model.train_step
        object.__setattr__(model, "train_step", partial(step))
        # Without Keras' loop over the batches: it is below.
        object.__setattr__(model, "_make_function", lambda step, **_: step)
        try:
            make()
        finally:
            object.__delattr__(model, "_make_function")
            object.__delattr__(model, "train_step")
        return model.train_function

    functions = {looks: function() for looks in (True, False)}
    compiled = model.run_eagerly or not model.jit_compile

    def run(state: tuple, iterator: Any) -> tuple[Any, tuple]:
        nonlocal compiled
        for number in range(model.steps_per_execution):
            try:
                data = next(iterator)
            except StopIteration:
                if not number:
                    raise
                break
            if not compiled:
                _compile(functions, turns, state, data)
                compiled = True
            with turns.next() as looks:
                logs, state = functions[looks](state, data)
        return logs, state

    return run


def _compile(functions: Mapping[bool, Any], turns: Any, *args: Any) -> None:
    """Compiles both steps of `in_turns` at once, each on a core of its own."""

    def lowered(looks: bool) -> Any:
        with turns.as_if(looks):
            return functions[looks].lower(*args)

    # Tracing is Python, one after the other. JAX keeps what is compiled for the call.
    programs = [lowered(looks) for looks in functions]
    with ThreadPoolExecutor(len(programs)) as threads:
        for done in [threads.submit(program.compile) for program in programs]:
            done.result()
