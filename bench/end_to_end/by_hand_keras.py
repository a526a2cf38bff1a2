"""The job as one writes it in plain Keras on JAX.

    python by_hand_keras.py FOLDER OUT SEED [score]

Prints the seconds of each epoch, and if asked the test scores, as one line of JSON.
"""

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import pyarrow.csv as pa_csv
from job import Job
from PIL import Image

TASKS = {"shape": 5, "tone": 2, "match": 2}
LENGTH, VOCABULARY = 24, 1000


def arrays(folder, part, made=None):
    table = pa_csv.read_csv(f"{folder}/{part}.csv").to_pydict()
    pictures = np.stack([np.asarray(Image.open(f"{folder}/{p}")) for p in table["picture"]])
    numbers = np.stack([table[f"n{i}"] for i in range(3)], 1).astype("float32")
    if made is None:
        words = sorted({w for text in table["caption"] for w in text.split()})
        made = {
            "words": {w: i + 2 for i, w in enumerate(words[: VOCABULARY - 2])},
            "mean": numbers.mean(0),
            "std": numbers.std(0),
            "price": (np.mean(table["price"]), np.std(table["price"])),
            **{c: sorted(set(table[c])) for c in ("shop", "grade", *TASKS)},
        }
    tokens = np.zeros((len(pictures), LENGTH), "int32")
    for row, text in enumerate(table["caption"]):
        ids = [made["words"].get(w, 1) for w in text.split()][:LENGTH]
        tokens[row, : len(ids)] = ids
    x = {
        "picture": pictures.astype("float32") / 255,
        "caption": tokens,
        "numbers": (numbers - made["mean"]) / made["std"],
        **{c: np.array([made[c].index(v) for v in table[c]], "int32") for c in ("shop", "grade")},
    }
    y = {c: np.array([made[c].index(v) for v in table[c]], "int32") for c in TASKS}
    mean, std = made["price"]
    y["price"] = ((np.array(table["price"]) - mean) / std).astype("float32")
    return x, y, made


def trunk(job):
    """What looks at a picture, up to a vector."""
    shape = (job.side, job.side, 3)
    if job.trunk == "resnet":
        return keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=shape, pooling="avg"
        )
    layers = [keras.Input(shape)]
    for width in (16, 32, 64):
        layers.append(keras.layers.Conv2D(width, 3, padding="same", activation="relu"))
        layers.append(keras.layers.MaxPooling2D())
    return keras.Sequential([*layers, keras.layers.Flatten()])


def network(job):
    picture = keras.Input((job.side, job.side, 3), name="picture")
    seen = keras.layers.Dense(64, activation="relu")(trunk(job)(picture))
    caption = keras.Input((LENGTH,), dtype="int32", name="caption")
    z = keras.layers.Embedding(VOCABULARY, 32, mask_zero=True)(caption)
    said = keras.layers.LSTM(64)(z)
    numbers = keras.Input((3,), name="numbers")
    shop = keras.Input((), dtype="int32", name="shop")
    grade = keras.Input((), dtype="int32", name="grade")
    z = keras.layers.Concatenate()(
        [
            numbers,
            keras.layers.Embedding(4, 8)(shop),
            keras.layers.Embedding(3, 8)(grade),
        ]
    )
    known = keras.layers.Dense(32, activation="relu")(z)
    joined = keras.layers.Concatenate()([seen, said, known])
    joined = keras.layers.Dense(128, activation="relu")(joined)
    outputs = {
        name: keras.layers.Dense(classes, name=name)(joined) for name, classes in TASKS.items()
    }
    outputs["price"] = keras.layers.Dense(1, name="price")(joined)
    inputs = {
        "picture": picture,
        "caption": caption,
        "numbers": numbers,
        "shop": shop,
        "grade": grade,
    }
    return keras.Model(inputs, outputs)


class Clock(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seconds, self.ends = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.monotonic())
        self.seconds.append(self.ends[-1] - self.began)


def main(folder, out, seed, score=None):
    keras.utils.set_random_seed(seed)
    x, y, made = arrays(folder, "train")
    job = Job.of(folder)
    model = network(job)
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss={
            **{t: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for t in TASKS},
            "price": "mse",
        },
        metrics={t: ["accuracy"] for t in TASKS} | {"price": ["mae"]},
    )
    clock = Clock()
    model.fit(x, y, batch_size=job.batch, epochs=5, verbose=0, callbacks=[clock])
    model.save(out)
    told = {"epochs": clock.seconds, "ends": clock.ends}
    if score:
        told["scores"] = scores(model, folder, made)
    print(json.dumps(told))


def scores(model, folder, made):
    x, y, _ = arrays(folder, "test", made)
    found = model.predict(x, batch_size=256, verbose=0)
    scored = {t: float((found[t].argmax(1) == y[t]).mean()) for t in TASKS}
    scored["price"] = float(np.abs(found["price"][:, 0] - y["price"]).mean() * made["price"][1])
    return scored


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
