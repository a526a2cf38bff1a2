"""Functional models whose trunks end in different ways: what a user may well build."""

import keras
import numpy as np

ROWS = 10


def init(seed):
    return keras.initializers.GlorotUniform(seed=seed)


def dense(units, seed, **kwargs):
    return keras.layers.Dense(units, kernel_initializer=init(seed), **kwargs)


def plain_trunk():
    x = keras.Input((5,), name="x")
    z = dense(6, 1, activation="tanh", name="z", kernel_regularizer="l2")(x)
    z = keras.layers.Dropout(0.3, seed=3, name="drop")(z)
    outputs = {"a": dense(1, 2, name="a", bias_regularizer="l1")(z), "b": dense(1, 3, name="b")(z)}
    return x, outputs, {"drop"}


def u_net_with_skips():
    x = keras.Input((8, 8, 2), name="x")
    conv = lambda n, seed, **k: keras.layers.Conv2D(  # noqa: E731
        n, 3, padding="same", activation="relu", kernel_initializer=init(seed), **k
    )
    fine = conv(3, 1, name="fine")(x)
    coarse = conv(4, 2, strides=2, name="coarse")(fine)
    up = keras.layers.UpSampling2D()(coarse)
    mask = conv(1, 3, name="b")(keras.layers.Concatenate()([up, fine]))
    vector = keras.layers.GlobalAveragePooling2D()(coarse)
    return x, {"a": dense(1, 4, name="a")(vector), "b": mask}, {"coarse", "fine"}


def masked_text():
    x = keras.Input((6,), dtype="int32", name="x")
    tokens = keras.layers.Embedding(9, 4, mask_zero=True, embeddings_initializer=init(1), name="e")(
        x
    )
    seen = keras.layers.LSTM(
        4,
        return_sequences=True,
        kernel_initializer=init(2),
        recurrent_initializer=init(3),
        name="l",
    )(tokens)
    pooled = keras.layers.GlobalAveragePooling1D(name="pool")(seen)
    last = keras.layers.GRU(
        3, name="last", kernel_initializer=init(4), recurrent_initializer=init(5)
    )(seen)
    return x, {"a": dense(1, 6, name="a")(pooled), "b": dense(1, 7, name="b")(last)}, {"l"}


def two_inputs_with_two_trunks():
    x, w = keras.Input((5,), name="x"), keras.Input((3,), name="w")
    one = dense(4, 1, activation="relu", name="one")(x)
    two = dense(4, 2, activation="relu", name="two")(w)
    a = dense(1, 3, name="a")(keras.layers.Concatenate(name="for_a")([one, two]))
    b = dense(1, 4, name="b")(keras.layers.Multiply(name="for_b")([one, two]))
    return {"x": x, "w": w}, {"a": a, "b": b}, {"one", "two"}


def one_input_of_two():
    x, w = keras.Input((5,), name="x"), keras.Input((3,), name="w")
    one = dense(4, 1, activation="relu", name="one")(x)
    private = dense(4, 2, activation="relu", name="private")(w)
    a = dense(1, 3, name="a")(keras.layers.Concatenate()([one, private]))
    return {"x": x, "w": w}, {"a": a, "b": dense(1, 4, name="b")(one)}, {"one"}


def mmoe():
    x = keras.Input((5,), name="x")
    z = dense(4, 1, activation="relu", name="bottom")(x)
    experts = [dense(4, 10 + k, activation="relu", name=f"expert_{k}")(z) for k in range(3)]
    stacked = keras.layers.Lambda(lambda e: keras.ops.stack(e, axis=1), name="stack")(experts)
    outputs = {}
    for n, task in enumerate(("a", "b", "c")):
        gate = dense(3, 20 + n, activation="softmax", name=f"gate_{task}")(z)
        mixed = keras.layers.Dot(axes=(1, 1), name=f"mix_{task}")([stacked, gate])
        outputs[task] = dense(1, 30 + n, name=task)(mixed)
    return x, outputs, {"bottom", "stack"}


def normalised_by_batch_with_a_tied_head():
    x = keras.Input((5,), name="x")
    z = keras.layers.BatchNormalization(name="norm")(dense(6, 1, name="z")(x))
    z = keras.layers.ActivityRegularization(l2=0.1, name="quiet")(z)
    tied = dense(3, 2, activation="tanh", name="tied")
    one = dense(6, 3, name="one")(z)
    a, b = dense(1, 4, name="a")(tied(one)), dense(1, 5, name="b")(tied(z))
    return x, {"a": a, "b": b}, {"quiet"}


def an_answer_that_another_one_reads():
    x = keras.Input((5,), name="x")
    z = dense(6, 1, activation="tanh", name="z")(x)
    a, rest = dense(1, 2, name="a")(z), dense(1, 3, name="rest")(z)
    return x, {"a": a, "b": keras.layers.Multiply(name="b")([a, rest])}, {"z", "a"}


def an_answer_that_another_head_reads_stopped():
    x = keras.Input((5,), name="x")
    z = dense(6, 1, activation="tanh", name="z")(x)
    a, own = dense(3, 2, name="a")(z), dense(2, 3, name="own")(z)
    read = keras.layers.Softmax(name="read")(keras.ops.stop_gradient(a))
    b = dense(1, 4, name="b")(keras.layers.Concatenate(name="both")([own, read]))
    # The order of the outputs is not the order in which the heads can run.
    return x, {"b": b, "a": a}, {"z"}


GRAPHS = {
    f.__name__: f
    for f in (
        an_answer_that_another_one_reads,
        an_answer_that_another_head_reads_stopped,
        plain_trunk,
        u_net_with_skips,
        masked_text,
        two_inputs_with_two_trunks,
        one_input_of_two,
        mmoe,
        normalised_by_batch_with_a_tied_head,
    )
}


def data_for(inputs, outputs, rows=ROWS, seed=0):
    """Random inputs (token ids with padding where integers go) and targets of the right shapes."""
    draw = np.random.default_rng(seed)

    def value(tensor):
        shape = (rows, *tensor.shape[1:])
        if tensor.dtype == "int32":
            ids = draw.integers(1, 9, shape)
            return np.where(np.arange(shape[1]) < draw.integers(2, 7, (rows, 1)), ids, 0)
        return draw.normal(size=shape).astype("float32")

    x = {k: value(t) for k, t in inputs.items()} if isinstance(inputs, dict) else value(inputs)
    y = {k: draw.normal(size=(rows, *t.shape[1:])).astype("float32") for k, t in outputs.items()}
    return x, y
