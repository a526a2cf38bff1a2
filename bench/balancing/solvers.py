"""A balancer's `weights` alone, compiled, away from the step that asks for them."""

from typing import Any

import jax
import keras
import numpy as np

from plait.balancing import Balancer, Evidence, StepContext

PROBLEMS = 8
_WIDTH = 512


class Solver:
    """What a balancer does with a Gramian, on several in turn; its state goes on from call to call.

    The Gramians are those of rows as training meets them: random, some ten times as long as others,
    with a mild common direction.
    """

    def __init__(self, balancer: Balancer, tasks: list[str]) -> None:
        balancer.build(tuple(tasks))
        self._variables = balancer.variables
        across = bool(balancer.needs & {"cross_gramian", "cross_product"})
        self._problems = [_gramian(len(tasks), seed, across) for seed in range(PROBLEMS)]
        self._state = [jax.numpy.copy(v.value) for v in self._variables]
        self._calls = 0
        active = np.ones(len(tasks), bool)
        auxiliary = tuple(n == 1 for n in range(len(tasks)))

        def weigh(state: list[Any], gramian: Any, step: Any) -> tuple[Any, list[Any]]:
            mapping = list(zip(self._variables, state, strict=True))
            context = StepContext(tuple(tasks), keras.ops.array(active), step, step, auxiliary)
            losses = 1.0 + 0.1 * keras.ops.cast(keras.ops.arange(len(tasks)), "float32")
            evidence = Evidence(
                losses, gramian, cross_product=lambda w: (gramian @ w[:, None])[:, 0]
            )
            with keras.StatelessScope(mapping) as scope:
                weights, _ = balancer.weights(evidence, context)
            return weights, [scope.get_current_value(v) for v in self._variables]

        self._weigh = jax.jit(weigh)

    def run(self, calls: int) -> None:
        """Runs so many, each on the next Gramian, and waits for them."""
        for _ in range(calls):
            gramian = self._problems[self._calls % PROBLEMS]
            weights, self._state = self._weigh(self._state, gramian, jax.numpy.int32(self._calls))
            self._calls += 1
        jax.block_until_ready((weights, self._state))


def _gramian(tasks: int, seed: int, across: bool) -> Any:
    """Of two independent samples of the rows, if across."""
    draw = np.random.default_rng(seed)
    lengths = 10 ** draw.uniform(-1, 0, (tasks, 1))
    common = 0.3 * draw.normal(size=_WIDTH)
    one, other = (lengths * (draw.normal(size=(tasks, _WIDTH)) + common) for _ in range(2))
    product = one @ (other if across else one).T / _WIDTH
    return jax.device_put(product.astype("float32"))
