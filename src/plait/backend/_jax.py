"""JAX: the step is traced, so state goes in and out as values."""

import abc
import contextlib
from collections.abc import Callable
from typing import Any

import jax
import keras


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


def no_gradient() -> contextlib.AbstractContextManager:
    """A block in which nothing is recorded for differentiation."""
    return contextlib.nullcontext()


class Trainer(abc.ABC):
    """Runs a model's `train_on_data` and `test_on_data` as this backend's Keras trainer calls them."""

    @abc.abstractmethod
    def train_on_data(self, data: Any) -> dict[str, Any]:
        """One training step that reads and assigns variables; returns logs."""

    @abc.abstractmethod
    def test_on_data(self, data: Any) -> dict[str, Any]:
        """One evaluation step that reads and assigns variables; returns logs."""

    def train_step(self: Any, state: tuple, data: Any) -> tuple[dict[str, Any], tuple]:
        """One training step as a function of state."""
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        return _as_function(self.train_on_data, groups, state, data)

    def test_step(self: Any, state: tuple, data: Any) -> tuple[dict[str, Any], tuple]:
        """One evaluation step as a function of state."""
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )
        return _as_function(self.test_on_data, groups, state, data)

    def apply_gradients(
        self: Any, gradients: list[Any], variables: list[keras.Variable]
    ) -> None:
        """Moves `variables` (those that the optimizer was built with) by one optimizer step."""
        optimizer = self.optimizer
        moved, state = optimizer.stateless_apply(
            [v.value for v in optimizer.variables], gradients, [v.value for v in variables]
        )
        for variable, value in zip([*variables, *optimizer.variables], [*moved, *state], strict=True):
            variable.assign(value)


def _as_function(
    step: Callable[[Any], dict[str, Any]], groups: tuple, state: tuple, data: Any
) -> tuple[dict[str, Any], tuple]:
    mapping = [
        pair for group, values in zip(groups, state, strict=True) for pair in zip(group, values, strict=True)
    ]
    with keras.StatelessScope(mapping) as scope:
        logs = step(data)
    return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)
