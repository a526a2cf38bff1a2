"""What a balanced training step costs, as a ratio to the plain one.

    python bench/balancing.py            # every size, about 10 minutes on two cores
    python bench/balancing.py --quick    # two sizes, under a minute

Trunks and heads of a fixed size (batch 128): an MLP 256-512-512-512 with heads 512-64-10, and a CNN
conv16-conv32-dense128 on 32 x 32 x 3 with heads 128-64-10. The compiled step is timed as Keras
compiles it; two plain and two balanced steps run in turn in one process, 101 times, and the ratio is
taken pair by pair.
The last line is JSON: the median ratio and its 95 % bootstrap interval for each row.
"""

import argparse
import json
import os
import time

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

import plait

BATCH = 128
WARM_UP = 3
ROUNDS = 101
METHODS = {
    "PCGrad, representation": plait.PCGrad,
    "PCGrad, parameters": lambda: plait.PCGrad(level="parameters"),
    "Uncertainty": plait.Uncertainty,
    "FAMO": plait.FAMO,
    "MoDo": plait.MoDo,
}


def mlp(tasks):
    x = z = keras.Input((256,))
    for _ in range(3):
        z = keras.layers.Dense(512, activation="relu")(z)
    return x, {f"t{n}": _head(z, f"t{n}") for n in range(tasks)}


def cnn(tasks):
    x = keras.Input((32, 32, 3))
    z = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    z = keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(z)
    z = keras.layers.Dense(128, activation="relu")(keras.layers.Flatten()(z))
    return x, {f"t{n}": _head(z, f"t{n}") for n in range(tasks)}


def _head(z, name):
    hidden = keras.layers.Dense(64, activation="relu")(z)
    return keras.layers.Dense(10, name=name)(hidden)


class Step:
    """A model's compiled training step with its state, as Keras' own loop runs it."""

    def __init__(self, build, tasks, balancing):
        keras.utils.set_random_seed(0)
        inputs, outputs = build(tasks)
        model = plait.MultiTaskModel(inputs, outputs)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss=dict.fromkeys(outputs, loss), balancing=balancing)
        draw = np.random.default_rng(0)
        x = draw.normal(size=(BATCH, *inputs.shape[1:])).astype("float32")
        y = {t: draw.integers(0, 10, BATCH) for t in outputs}
        started = time.perf_counter()
        model.train_on_batch(x, y)
        self.compile_seconds = time.perf_counter() - started
        self.data = jax.device_put((x, y, None))
        self.state = model._get_jax_state(
            trainable_variables=True,
            non_trainable_variables=True,
            optimizer_variables=True,
            metrics_variables=True,
        )
        self.run = jax.jit(model.train_step, donate_argnums=0)

    def seconds(self, steps):
        started = time.perf_counter()
        for _ in range(steps):
            _, self.state = self.run(self.state, self.data)
        jax.block_until_ready(self.state)
        return (time.perf_counter() - started) / steps


def interval(ratios, draws=2000):
    """The median of the ratios and its 95 % bootstrap interval."""
    draw = np.random.default_rng(0)
    medians = np.median(draw.choice(ratios, (draws, len(ratios))), axis=1)
    return float(np.median(ratios)), *map(float, np.quantile(medians, [0.025, 0.975]))


def measure(build, tasks, methods, rounds):
    plain = Step(build, tasks, None)
    others = {name: Step(build, tasks, make()) for name, make in methods.items()}
    for step in (plain, *others.values()):
        step.seconds(WARM_UP)
    for name, step in others.items():
        # Two steps of each in turn: one that finds the caches full of the other's data, and one that
        # finds its own.
        pairs = np.array([(plain.seconds(2), step.seconds(2)) for _ in range(rounds)])
        median, low, high = interval(pairs[:, 1] / pairs[:, 0])
        yield {
            "trunk": build.__name__,
            "tasks": tasks,
            "method": name,
            "plain_ms": round(1e3 * float(np.median(pairs[:, 0])), 2),
            "ratio": round(median, 3),
            "low": round(low, 3),
            "high": round(high, 3),
            "compile_s": round(others[name].compile_seconds, 1),
            "plain_compile_s": round(plain.compile_seconds, 1),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    builds = [mlp] if quick else [mlp, cnn]
    tasks = [2, 8] if quick else [2, 4, 8, 16]
    methods = {"PCGrad, representation": plait.PCGrad} if quick else METHODS
    rows = []
    print(f"{'trunk':6}{'tasks':>6}  {'method':24}{'plain ms':>9}{'ratio':>8}   95 % interval")
    for build in builds:
        for count in tasks:
            for row in measure(build, count, methods, ROUNDS):
                rows.append(row)
                print(
                    f"{row['trunk']:6}{row['tasks']:6}  {row['method']:24}{row['plain_ms']:9.1f}"
                    f"{row['ratio']:8.3f}   {row['low']:.3f} - {row['high']:.3f}",
                    flush=True,
                )
    print(json.dumps({"bench": "balancing", "batch": BATCH, "rows": rows}))


if __name__ == "__main__":
    main()
