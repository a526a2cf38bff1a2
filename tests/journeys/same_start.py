"""Trains by each way through the step from given weights on given batches: `python same_start.py OUT`.

Writes what `plait.MultiTaskModel` learns on the backend in KERAS_BACKEND: an array of the weights by
balancer and optimizer, and where all of them start.
"""

import sys

import keras
import numpy as np

import plait

STEPS, ROWS = 20, 16
# One each of: hash, losses, losses after the step, Gramians at both levels, of some rows and now and
# then, every solver in float64, rows at both levels, further batches.
BALANCERS = {
    "RLW": plait.RLW,
    "Uncertainty": plait.Uncertainty,
    "FAMO": plait.FAMO,
    "UPGrad": plait.UPGrad,
    "NashMTL": plait.NashMTL,
    "CAGrad": lambda: plait.CAGrad(refresh_every=3),
    "MGDA": lambda: plait.MGDA(level="parameters"),
    "PCGrad": lambda: plait.PCGrad(level="parameters", gram_batch=ROWS // 2),
    "GradDrop": plait.GradDrop,
    "MoCo": plait.MoCo,
    "MoDo": plait.MoDo,
}
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.05),
    "Adam": lambda: keras.optimizers.Adam(1e-3),
}


def model_of(balancing, optimizer):
    # Smooth all over: where a unit is switched off, or switches, a gradient is zero or jumps, and
    # Adam makes a full step of what rounding leaves of zero.
    x = keras.Input((6,))
    z = keras.layers.Dense(8, activation="tanh")(keras.layers.Dense(12, activation="tanh")(x))
    model = plait.MultiTaskModel(
        x,
        {
            "kind": keras.layers.Dense(3, activation="softmax")(z),
            "price": keras.layers.Dense(1)(z),
            "sold": keras.layers.Dense(1, activation="sigmoid")(z),
        },
    )
    losses = {"kind": "crossentropy", "price": "mse", "sold": "binary_crossentropy"}
    model.compile(optimizer, loss=losses, balancing=balancing)
    return model


def batches():
    """Inputs and labels, of which each task misses some and one task a whole batch."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(STEPS * ROWS, 6)).astype("float32")
    kind = np.argmax(x[:, :3] + draw.normal(size=(len(x), 3)), axis=1)
    price = x @ draw.normal(size=(6, 1)).astype("float32")
    sold = (x[:, 3:4] > x[:, 4:5]).astype("float32")
    kind[draw.random(len(x)) < 0.3] = -1
    price[draw.random(len(x)) < 0.3] = np.nan
    sold[4 * ROWS : 5 * ROWS] = np.nan
    return x, {"kind": kind, "price": price, "sold": sold}


def start_of(model):
    draw = np.random.default_rng(1)
    return [
        draw.normal(size=w.shape).astype("float32") / np.sqrt(w.shape[0]) for w in model.weights
    ]


def flat(weights):
    return np.concatenate([np.ravel(w) for w in weights])


def main(out):
    found = {}
    x, y = batches()
    for name, balancer in BALANCERS.items():
        for optimizer, make in OPTIMIZERS.items():
            model = model_of(balancer(), make())
            start = start_of(model)
            model.set_weights(start)
            model.fit(x, y, batch_size=ROWS, shuffle=False, verbose=0)
            found[f"{name} {optimizer}"] = flat(model.get_weights())
    np.savez(out, start=flat(start), **found)


if __name__ == "__main__":
    main(sys.argv[1])
