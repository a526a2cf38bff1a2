"""Steps of a balancer that remembers, each compiled as a training step has it."""

import keras
import numpy as np

from plait.balancing import Evidence, StepContext

_COMPILED = {}


def take_steps(balancer, gramians, losses=None, active=None, names=None):
    """The weights of one step after another `(steps, tasks)`, by a balancer that starts afresh.

    Args:
        balancer: not built yet.
        gramians: `(steps, tasks, tasks)`.
        losses: `(steps, tasks)`; 1 if None.
        active: `(steps, tasks)` bool; all if None.
        names: the tasks' names.
    """
    gramians = np.asarray(gramians, "float32")
    steps, count = gramians.shape[:2]
    names = names or tuple("abcdefghijklmnop"[:count])
    losses = np.ones((steps, count)) if losses is None else losses
    active = np.ones((steps, count), bool) if active is None else active
    step, state = _compiled(balancer, names)
    found = []
    for n, (gramian, loss, there) in enumerate(zip(gramians, losses, active, strict=True)):
        inside = np.outer(there, there)
        given = (np.where(there, loss, 0), np.where(inside, gramian, 0))
        given = [keras.ops.convert_to_tensor(x, "float32") for x in given]
        weights, state = step(
            state, *given, keras.ops.convert_to_tensor(there), keras.ops.full((), n, "int32")
        )
        found.append(keras.ops.convert_to_numpy(weights).astype(float))
    return np.array(found)


def _compiled(balancer, names):
    """The step as a function of the balancer's state, and the state to start from."""
    key = repr((keras.saving.serialize_keras_object(balancer), names))
    if key not in _COMPILED:
        balancer.build(names)

        def step(state, losses, gramian, active, number):
            scope = keras.StatelessScope(list(zip(balancer.variables, state, strict=True)))
            with scope:
                weights, _ = balancer.weights(
                    Evidence(losses, gramian), StepContext(names, active, number)
                )
            return weights, [scope.get_current_value(v) for v in balancer.variables]

        start = [keras.ops.convert_to_tensor(v) for v in balancer.variables]
        if keras.backend.backend() == "jax":
            import jax

            step = jax.jit(step)
        _COMPILED[key] = step, start
    return _COMPILED[key]


def gramians_of(steps, count, seed=0, agree=0.0):
    """Gramians of gradients drawn at random, of unlike lengths: `(steps, tasks, tasks)`."""
    rows = rows_of(steps, count, seed, agree)
    return rows @ rows.transpose(0, 2, 1)


def rows_of(steps, count, seed=0, agree=0.0):
    """The gradients `(steps, tasks, 3 tasks)`; the more they `agree`, the less they conflict."""
    draw = np.random.default_rng([seed, count])
    rows = draw.normal(size=(steps, count, 3 * count)) + agree * draw.normal(size=3 * count)
    return rows * 10.0 ** draw.uniform(-1, 1, size=(1, count, 1))
