"""JAX: a training function of two compiled steps."""

from collections.abc import Callable
from functools import partial
from typing import Any


def in_turns(model: Any, make: Callable[[], None], turns: Any) -> Callable:
    """Keras' training function of two compiled steps, of which `turns` says which comes next.

    Each is compiled in its first call: both at once take half as much memory again, for three quarters
    of the time.

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

    def run(state: tuple, iterator: Any) -> tuple[Any, tuple]:
        for number in range(model.steps_per_execution):
            try:
                data = next(iterator)
            except StopIteration:
                if not number:
                    raise
                break
            with turns.next() as looks:
                logs, state = functions[looks](state, data)
        return logs, state

    return run
