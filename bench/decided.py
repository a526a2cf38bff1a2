"""Have the selectors of `DSelectK` decided when a training ends, by the width of its smooth step?

    python bench/decided.py            # two widths, two seeds, 15 epochs of 4,000 made rows
    python bench/decided.py --quick    # one seed, two epochs

Four regressions of ten numbers, two and two alike. For each task it says how many experts still have a
share of it; two have, where both of its selectors have decided. The last line is JSON.
"""

import argparse
import json
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

import plait

ROWS = 5000
TASKS = ("a", "b", "c", "d")


def table():
    """Numbers, and four targets that are made of some of the same products."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, 10))
    h = np.tanh(x @ draw.normal(size=(10, 6)))
    one, other = h[:, 0] * h[:, 1], h[:, 3] * h[:, 4]
    targets = {"a": one, "b": one + 0.3 * h[:, 2], "c": other, "d": np.abs(h[:, 5]) + other}
    noisy = {name: values + 0.05 * draw.normal(size=ROWS) for name, values in targets.items()}
    return plait.Table.read({f"x{n}": x[:, n] for n in range(10)} | noisy)


def experts(gamma, seed, rows, epochs):
    """How many experts have a share of each task, after a training."""
    learner = plait.Learner(
        {f"x{n}": plait.Number() for n in range(10)},
        {name: plait.Regression() for name in TASKS},
        sharing=plait.DSelectK(gamma=gamma),
        width=32,
        training=plait.Training(epochs=epochs, batch_size=64, patience=epochs),
        seed=seed,
    )
    parts = {"train": rows.take(np.arange(4000)), "validation": rows.take(np.arange(4000, ROWS))}
    learner.fit(parts, run=False, verbose=False)
    shares = keras.ops.convert_to_numpy(learner.predictor.model.get_layer("sharing").shares())
    return (shares > 0).sum(axis=1).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rows, found = table(), []
    for gamma in (1.0, 0.2):
        for seed in range(1 if quick else 2):
            left = experts(gamma, seed, rows, 2 if quick else 15)
            found.append({"gamma": gamma, "seed": seed, "experts": left})
            print(f"gamma {gamma}, seed {seed}: {left} experts a task")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
