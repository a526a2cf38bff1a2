"""A balancer of known weights for each way through the step, so that the step is a known one."""

import keras
import numpy as np

import plait
from plait.balancing import (
    Aggregator,
    Balancer,
    CrossGramianWeighting,
    GramianWeighting,
    Update,
)

WEIGHTS = {"a": 3.0, "b": 0.5}


class Known:
    """Of a balancer that knows its weights beforehand, and remembers the Gramian it was given."""

    def __init__(self, known=None, **how):
        super().__init__(**how)
        self.known = np.array(list((known or WEIGHTS).values()), "float32")

    def build(self, tasks):
        super().build(tasks)
        self.seen = keras.Variable(
            "zeros", shape=(len(tasks),) * 2, dtype="float32", trainable=False, name="seen"
        )

    @property
    def variables(self):
        return [self.seen] if self.tasks else []

    def weights(self, evidence, context):
        if evidence.gramian is not None:
            assert keras.backend.standardize_dtype(evidence.gramian.dtype) == "float32"
            self.seen.assign(evidence.gramian)
        return keras.ops.cast(context.active, "float32") * self.known, []


class OfLosses(Known, Balancer):
    needs = frozenset({"losses"})


class OfLossesAfter(Known, Balancer):
    needs = frozenset({"losses", "losses_after"})


class OfGramian(Known, GramianWeighting):
    pass


class OfCrossGramian(Known, CrossGramianWeighting):
    pass


class OfCrossProduct(Known, CrossGramianWeighting):
    needs = frozenset({"cross_product"})

    def weights(self, evidence, context):
        evidence.cross_product(keras.ops.convert_to_tensor(self.known))
        return super().weights(evidence, context)


class OfRows(Known, Aggregator):
    def update(self, evidence, context):
        weights, _ = self.weights(evidence, context)
        flat = [keras.ops.reshape(rows, (len(context.tasks), -1)) for rows in evidence.gradients]
        self.seen.assign(sum(rows @ keras.ops.transpose(rows) for rows in flat))
        moves = [keras.ops.tensordot(weights, rows, axes=1) for rows in evidence.gradients]
        return Update(moves, weights)


def _with(way, **how):
    return lambda known=None: way(known, weight_heads=True, **how)


COMPARING = {
    "gramian": _with(OfGramian),
    "gramian at parameters": _with(OfGramian, level="parameters"),
    "gramian now and then": _with(OfGramian, refresh_every=2),
    "gramian at parameters now and then": _with(OfGramian, level="parameters", refresh_every=2),
    "gramian of some rows": _with(OfGramian, gram_batch=6),
    "gramian at parameters of some rows": _with(OfGramian, level="parameters", gram_batch=6),
    "rows": _with(OfRows),
    "rows at representation": _with(OfRows, level="representation"),
    "cross-gramian": _with(OfCrossGramian),
}
WAYS = {
    "losses": OfLosses,
    "losses after": OfLossesAfter,
    "cross-product": lambda known=None: OfCrossProduct(known, weight_heads=True),
    **COMPARING,
}


def net(normalised=True, dropout=False):
    """Two answers of a trunk, the same weights every time.

    Args:
        normalised: with batch statistics in the trunk and in one head.
        dropout: with dropout in the trunk.
    """

    def dense(units, seed, **kwargs):
        init = keras.initializers.GlorotUniform(seed=seed)
        return keras.layers.Dense(units, kernel_initializer=init, **kwargs)

    def normal(z):
        return keras.layers.BatchNormalization()(z) if normalised else z

    x = keras.Input((4,), name="x")
    z = keras.layers.Activation("tanh")(normal(dense(6, 1)(x)))
    z = keras.layers.Dropout(0.4, seed=5)(z) if dropout else z
    return x, {"a": dense(1, 2, name="a")(z), "b": dense(2, 3, name="b")(normal(z))}


def batches(count=4, seed=0):
    """Inputs, labels and sample weights: batches of twelve rows, some of which miss a label.

    Each row is there three times in succession, so that each third of a batch that a cross-Gramian
    is made of has the gradient of the batch.
    """
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(4 * count, 4)).astype("float32")
    y = {"a": x[:, :1] - 2, "b": draw.normal(size=(4 * count, 2)).astype("float32")}
    y["a"][2::4] = np.nan
    weights = {t: draw.uniform(0.5, 2, size=4 * count).astype("float32") for t in y}
    return keras.tree.map_structure(lambda v: np.repeat(v, 3, axis=0), (x, y, weights))


def trained(way, optimizer, data, dropout=False, **compiled):
    """A model after one step a batch: in a way, or in a plain step if None."""
    model = plait.MultiTaskModel(*net(dropout=dropout))
    how = {"loss_weights": WEIGHTS} if way is None else {"balancing": WAYS[way]()}
    model.compile(optimizer, loss="mse", **how, **compiled)
    x, y, weights = data
    model.fit(x, y, sample_weight=weights, batch_size=12, shuffle=False, verbose=0)
    return model


def weights_of(model):
    """The trainable weights as NumPy."""
    return [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]


def assert_same(weights, others, atol):
    for ours, theirs in zip(weights, others, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)


def distance(weights, others):
    """The largest difference between two models' weights."""
    return max(np.abs(a - b).max() for a, b in zip(weights, others, strict=True))
