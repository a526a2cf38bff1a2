"""What plait does not ship, as a user would add it: an encoder, a task and its head."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pyarrow as pa

import plait


class TwoConvolutions(plait.Encoder):
    """Conv2D 64 and Conv2D 128 at the picture's own size; one token, the mean over all places."""

    def build(self, values_shape, lengths_shape=None):
        self.first = keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="first")
        self.second = keras.layers.Conv2D(128, 3, padding="same", activation="relu", name="second")
        self.project = keras.layers.Dense(self.width, name="project")
        self.first.build(values_shape)
        self.second.build((*values_shape[:-1], 64))
        self.project.build((None, 128))

    def call(self, values, lengths=None, training=None):
        z = self.second(self.first(values))
        token = keras.ops.expand_dims(self.project(keras.ops.mean(z, axis=(1, 2))), 1)
        valid = keras.ops.ones_like(token[..., 0], dtype="bool")
        return {"tokens": token, "mask": valid, "maps": [z]}


class PixelHead(plait.Head):
    """A linear answer for each pixel of the finest map: a 1 x 1 convolution."""

    def __init__(self, masks, **kwargs):
        super().__init__(**kwargs)
        self.masks = masks
        self.logits = keras.layers.Conv2D(masks, 1, name="logits")

    def build(self, tokens_shape, mask_shape=None, of_shape=None):
        self.logits.build(of_shape[-1])

    def call(self, tokens, mask=None, training=None, of=None):
        return self.logits(of[-1])

    def get_config(self):
        return {**super().get_config(), "masks": self.masks}


@dataclass(frozen=True, kw_only=True)
class Masks(plait.DenseTask):
    """One yes-or-no mask for each of several kinds of thing, at the picture's size.

    A cell holds the mask's bits, `numpy.packbits` of `(size, size, masks)`.

    Args:
        of: the picture.
        size: its height and width.
        masks: how many kinds.
    """

    main_score = "pixel_accuracy"
    parts = "maps"
    modalities = ("image",)

    size: int
    masks: int

    def fit(self, column, weights=None):
        share = float(np.mean(self.targets(column).values))
        return replace(self, state={"share": share, "trivial": max(share, 1 - share)})

    def targets(self, column):
        shape = (self.size, self.size, self.masks)
        labelled = ~column.is_missing()
        values = np.zeros((len(column), *shape), "float32")
        for row in np.flatnonzero(labelled):
            bits = np.unpackbits(np.frombuffer(column.values[int(row)].as_py(), "uint8"))
            values[row] = bits[: np.prod(shape)].reshape(shape)
        return plait.Targets(values, labelled)

    def head(self):
        return PixelHead(self.masks)

    def trivial_logits(self):
        likely = 1.0 if self.learnt["share"] > 0.5 else -1.0
        return np.full((1, self.size, self.size, self.masks), likely, "float32")

    def loss(self):
        # One loss a pixel; the step takes the mean over a row's pixels, then over labelled rows.
        return keras.losses.BinaryCrossentropy(from_logits=True)

    def decode(self, logits):
        return {"": pa.array([np.packbits(row > 0).tobytes() for row in logits])}

    def scores(self, logits, column, weights=None):
        known = self.targets(column)
        if not known.labelled.any():
            return {}
        right = ((logits > 0) == (known.values > 0)).mean(axis=(1, 2, 3))
        weights = np.ones(len(right)) if weights is None else weights
        return {"pixel_accuracy": float(np.average(right, weights=weights * known.labelled))}

    def gain(self, scores):
        trivial = self.learnt["trivial"]
        return float(np.clip((scores["pixel_accuracy"] - trivial) / (1 - trivial), -1, 1))
