"""The job with the very layers of the program by hand, from the files, through plait.

    python same.py FOLDER OUT SEED [score]

With EVERY_EPOCH=1 the pictures are decoded in every epoch, and not in the first alone. Prints the
seconds of each epoch, and if asked the test scores, as one line of JSON.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

os.environ["KERAS_BACKEND"] = "jax"

import keras
from by_hand_keras import Clock, trunk
from job import Job
from keras import ops

import plait
from plait.data import _feature_rows
from plait.encoders import Encoder
from plait.fusion import PooledFusion
from plait.heads import LinearHead

NUMBERS, CATEGORIES = ("n0", "n1", "n2"), ("shop", "grade")


def one_token(vector):
    return {"tokens": vector[:, None, :], "mask": ops.ones_like(vector[:, :1], "bool")}


@keras.saving.register_keras_serializable(package="bench")
class Seen(Encoder):
    """The trunk, and a layer."""

    modality: ClassVar[str | None] = "image"

    def __init__(self, width=64, job=(), **kwargs):
        super().__init__(width, **kwargs)
        self.job = Job(*job)

    def build(self, values_shape, lengths_shape=None):
        self.trunk = trunk(self.job)
        self.last = keras.layers.Dense(self.width, activation="relu")
        self.last.build(self.trunk.output_shape)

    def call(self, values, lengths=None, training=None):
        return one_token(self.last(self.trunk(values, training=training)))

    def get_config(self):
        return {**super().get_config(), "job": tuple(self.job)}


@keras.saving.register_keras_serializable(package="bench")
class Said(Encoder):
    """An LSTM's last state."""

    modality: ClassVar[str | None] = "text"
    reads: ClassVar[str] = "tokens"
    fitted: ClassVar[str | None] = "vocabulary"

    def __init__(self, width=64, vocabulary=None, **kwargs):
        super().__init__(width, **kwargs)
        self.vocabulary = vocabulary

    def build(self, values_shape, lengths_shape=None):
        self.words = keras.layers.Embedding(self.vocabulary, 32)
        self.words.build(values_shape)
        self.net = keras.layers.LSTM(self.width)
        self.net.build((*values_shape, 32))

    def call(self, values, lengths=None, training=None):
        steps = ops.arange(values.shape[1], dtype="int32")
        mask = steps < ops.maximum(ops.cast(lengths, "int32"), 1)[:, None]
        return one_token(self.net(self.words(values), mask=mask))

    def get_config(self):
        return {**super().get_config(), "vocabulary": self.vocabulary}


@keras.saving.register_keras_serializable(package="bench")
class AsItIs(Encoder):
    """A number."""

    modality: ClassVar[str | None] = "number"

    def call(self, values, lengths=None, training=None):
        return one_token(ops.reshape(values, (-1, 1)))


@keras.saving.register_keras_serializable(package="bench")
class Joined(PooledFusion):
    """A layer over numbers and categories, and one over all."""

    def build(self, tokens_shape, masks_shape, presence_shape):
        super().build(tokens_shape, masks_shape, presence_shape)
        widths = {name: shape[-1] for name, shape in tokens_shape.items()}
        self.known = keras.layers.Dense(32, activation="relu")
        self.known.build((None, sum(widths[n] for n in (*NUMBERS, *CATEGORIES))))
        self.both = keras.layers.Dense(self.width, activation="relu")
        self.both.build((None, widths["picture"] + widths["caption"] + 32))

    def join(self, vectors):
        known = self.known(ops.concatenate([vectors[n] for n in (*NUMBERS, *CATEGORIES)], axis=-1))
        return self.both(ops.concatenate([vectors["picture"], vectors["caption"], known], axis=-1))


class WithoutDropout:
    def head(self):
        return LinearHead.from_config({**super().head().get_config(), "dropout": 0.0})


@dataclass(frozen=True, kw_only=True)
class Multiclass(WithoutDropout, plait.Multiclass):
    pass


@dataclass(frozen=True, kw_only=True)
class Binary(WithoutDropout, plait.Binary):
    pass


@dataclass(frozen=True, kw_only=True)
class Regression(WithoutDropout, plait.Regression):
    pass


def learner(job, seed):
    return plait.Learner(
        features={
            "picture": plait.Image(size=job.side, encoder=Seen(64, job)),
            "caption": plait.Text(encoder=Said(64)),
            **{name: plait.Number(encoder=AsItIs(1)) for name in NUMBERS},
            **{
                name: plait.Category(encoder=plait.encoders.CategoryEmbedding(8))
                for name in CATEGORIES
            },
        },
        tasks={
            "shape": Multiclass(),
            "tone": Binary(),
            "match": Binary(),
            "price": Regression(),
        },
        fusion=Joined(128),
        sharing=plait.HardSharing(blocks=0),
        split=plait.Split(fractions=(1, 0, 0)),
        training=plait.Training(
            epochs=5,
            batch_size=job.batch,
            schedule="constant",
            warmup=0.0,
            weight_decay=0.0,
            clip_norm=None,
            modality_dropout=0.0,
        ),
        seed=seed,
    )


def main(folder, out, seed, score=None):
    if os.environ.get("EVERY_EPOCH"):
        _feature_rows.CACHE_BYTES = 0
    folder, clock = Path(folder), Clock()
    made = learner(Job.of(folder), seed).fit(
        folder / "train.csv", run=out, callbacks=[clock], verbose=False
    )
    told = {"epochs": clock.seconds, "ends": clock.ends}
    if score:
        found = made.evaluate(folder / "test.csv")
        told["scores"] = {t: found[t]["accuracy"] for t in ("shape", "tone", "match")}
        told["scores"]["price"] = found["price"]["mae"]
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
