"""The two-dimensional problem of CAGrad, Nash-MTL and FAMO, by plait's own balancers.

    python bench/toy.py                   # every method, 50,000 steps from six starts at two scales
    python bench/toy.py --quick           # the cheap methods alone, under a minute

Each run is one compiled loop: the two losses' gradients, their Gramian, the balancer's weights, Adam.
Beside it runs `toy_numpy.py`, NumPy in float64 with the closed forms for two tasks. The last line is
JSON: for each method and scale where each start ended, and how many reached the front.
"""

import argparse
import json
import os
import time

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import toy_numpy

import plait
from plait.balancing import Evidence, StepContext

TASKS = ("one", "two")
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0), (-8.5, -5.0))
SCALES = (0.1, 1.0)
EVERY = 500
STEPS = (35_000, 50_000)
LEARNING_RATE = 1e-3


def famo(decay):
    return lambda scale: plait.FAMO(decay=decay, minimum_losses=(-21 * scale, -21.0))


METHODS = {
    "LS": lambda _: plait.Equal(),
    "MGDA": lambda _: plait.MGDA(),
    "PCGrad": lambda _: plait.PCGrad(),
    "UPGrad": lambda _: plait.UPGrad(),
    "UPGrad 1e-12": lambda _: plait.UPGrad(reg_eps=1e-12),
    "CAGrad": lambda _: plait.CAGrad(c=0.4),
    "NashMTL": lambda _: plait.NashMTL(),
    "FairGrad": lambda _: plait.FairGrad(alpha=1.0),
    "IMTLG": lambda _: plait.IMTLG(),
    "AlignedMTL": lambda _: plait.AlignedMTL(),
    "FAMO 1e-3": famo(1e-3),
    "FAMO 1e-2": famo(1e-2),
    "FAMO 1e-4": famo(1e-4),
    "FAMO 0": famo(0.0),
}
QUICK = ("LS", "MGDA", "PCGrad", "NashMTL", "FAMO 0")


def clamped(x, least):
    """torch.clamp: at the tie the gradient passes. With jnp.maximum (0, 0) would be another start."""
    return jnp.where(x >= least, x, least)


def losses_at(x, scale):
    x1, x2 = x
    log1 = jnp.log(clamped(jnp.abs(0.5 * (-x1 - 7) - jnp.tanh(-x2)), 5e-6)) + 6
    log2 = jnp.log(clamped(jnp.abs(0.5 * (-x1 + 3) + jnp.tanh(-x2) + 2), 5e-6)) + 6
    above, below = clamped(jnp.tanh(x2 / 2), 0.0), clamped(jnp.tanh(-x2 / 2), 0.0)
    bowl1 = ((-x1 + 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
    bowl2 = ((-x1 - 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
    return jnp.stack([scale * (log1 * above + bowl1 * below), log2 * above + bowl2 * below])


def weigh(balancer, state, evidence, context):
    """The balancer's weights and its variables' new values, as a training step calls it."""
    with keras.StatelessScope(zip(balancer.variables, state, strict=True)) as scope:
        weights, _ = balancer.weights(evidence, context)
        return weights, [scope.get_current_value(v) for v in balancer.variables]


def look_after(balancer, state, before, after, context):
    if "losses_after" not in balancer.needs:
        return state
    with keras.StatelessScope(zip(balancer.variables, state, strict=True)) as scope:
        balancer.after_step(before, after, context)
        return [scope.get_current_value(v) for v in balancer.variables]


def paths(make, scales, steps):
    """`(scales, starts, steps / 500, 2)`: where Adam stands every 500 steps, in one compiled loop."""
    balancer = make(scales[0])
    balancer.build(TASKS)

    def step(number, x, mean, square, state, scale):
        before, jacobian = losses_at(x, scale), jax.jacrev(losses_at)(x, scale)
        context = StepContext(TASKS, jnp.ones(2, bool), jnp.int32(number))
        evidence = Evidence(before, jacobian @ jacobian.T)
        weights, state = weigh(balancer, state, evidence, context)
        gradient = weights @ jacobian
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        count = number + 1.0
        by = (mean / (1 - 0.9**count)) / (jnp.sqrt(square / (1 - 0.999**count)) + 1e-8)
        x = x - LEARNING_RATE * by
        return x, mean, square, look_after(balancer, state, before, losses_at(x, scale), context)

    def stretch(held, first):
        held = jax.lax.fori_loop(first, first + EVERY, every_run, held)
        return held, held[0]

    starts, scales = np.tile(STARTS, (len(scales), 1)), np.repeat(scales, len(STARTS))

    def every_run(number, held):
        # The runs are batched inside the loop: JAX cannot batch the solvers' float64 from outside.
        return jax.vmap(step, (None, 0, 0, 0, 0, 0))(number, *held, jnp.asarray(scales, "float32"))

    x = jnp.asarray(starts, "float32")
    state = [jnp.tile(v.value, (len(x), *(1 for _ in v.shape))) for v in balancer.variables]
    firsts = jnp.arange(0, steps, EVERY, dtype="int32")
    run = jax.jit(lambda *held: jax.lax.scan(stretch, held, firsts)[1])
    found = np.asarray(run(x, jnp.zeros_like(x), jnp.zeros_like(x), state))
    return np.moveaxis(found, 0, 1).reshape(-1, len(STARTS), len(firsts), 2)


def reached(x):
    """Near the Pareto front, which bends from x2 = -8.355 at x1 = 0 to -8.434 at its ends."""
    return (np.abs(x[..., 1] + 8.3552) < 0.12) & (np.abs(x[..., 0]) <= 7.05)


def shown(x):
    return " / ".join(
        f"{a:.1f}" if there else f"({a:.1f}, {b:.1f})"
        for (a, b), there in zip(x, reached(x), strict=True)
    )


def against(x, other):
    """The largest difference of x1 where both reached the front, and where only one of them did."""
    there, too = reached(x), reached(other)
    largest = np.max(np.abs(x[:, 0] - other[:, 0]), where=there & too, initial=0.0)
    differ = np.flatnonzero(there != too) + 1
    return f"{largest:.2f}" + (
        f"; only one of the two gets there from start {differ}" * bool(len(differ))
    )


def measure(name, steps):
    make = METHODS[name]
    started = time.perf_counter()
    if name.startswith("FAMO"):
        # Its least losses are the scale's.
        found = np.concatenate([paths(make, (scale,), steps) for scale in SCALES])
    else:
        found = paths(make, SCALES, steps)
    return found, time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--methods", nargs="+", choices=METHODS)
    args = parser.parse_args()
    names = args.methods or (QUICK if args.quick else METHODS)
    marks = STEPS[:1] if args.quick else STEPS
    rows = []
    print("starts: " + " / ".join(map(str, STARTS)))
    for name in names:
        found, seconds = measure(name, marks[-1])
        numpys = toy_numpy.paths(name, STARTS, SCALES, marks[-1], EVERY)
        print(f"\n{name}  ({seconds:.0f} s)")
        for scale, ours, theirs in zip(SCALES, found, numpys, strict=True):
            counts, known = (
                [int(reached(p[:, m // EVERY - 1]).sum()) for m in marks] for p in (ours, theirs)
            )
            last, there = ours[:, -1], theirs[:, -1]
            print(f"  scale {scale}: reached {counts}, NumPy {known}")
            print(f"    {shown(last)}\n    {shown(there)} in NumPy")
            print(f"    x1 differs by {against(last, there)}", flush=True)
            rows.append(
                {
                    "method": name,
                    "scale": scale,
                    "ends": np.round(last.astype(float), 3).tolist(),
                    "reached": counts,
                    "numpy_ends": np.round(there, 3).tolist(),
                    "numpy_reached": known,
                    "seconds": round(seconds, 1),
                }
            )
    print(json.dumps({"bench": "toy", "steps": marks, "starts": STARTS, "rows": rows}))


if __name__ == "__main__":
    main()
