"""A picture and a sentence, one class that takes both to tell.

    python examples/02_image_and_text/keras_door.py
    python examples/02_image_and_text/keras_door.py --size 224 --words 10000 --tokens 100

The rows are generated: the picture's brightness and a word of the sentence together give the class.
"""

import argparse

import numpy as np

import plait
import keras  # after plait, which chooses JAX where KERAS_BACKEND is unset

PARTS = 2


def rows_of(rows, size, words, tokens, classes, seed=0):
    """Pictures of two brightnesses; sentences of any length, the rest of which is padding (0)."""
    draw = np.random.default_rng(seed)
    label = draw.integers(0, classes, rows)
    brightness = label % PARTS
    image = draw.normal(0, 0.3, (rows, size, size, 3)) + brightness[:, None, None, None]
    text = draw.integers(classes + 1, words, (rows, tokens))
    length = draw.integers(tokens // 2, tokens + 1, (rows, 1))
    text[np.arange(rows), draw.integers(0, tokens // 2, rows)] = 1 + label // PARTS
    text[np.arange(tokens) >= length] = 0
    return {"image": image.astype("float32"), "text": text.astype("int32")}, {"label": label}


def build(size, words, tokens, classes):
    """A CNN and an LSTM, joined."""
    image = keras.Input((size, size, 3), name="image")
    z = keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(image)
    z = keras.layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(z)
    # A map (batch, height, width, 64) cannot be joined with a vector (batch, 64): pool it to one.
    seen = keras.layers.GlobalAveragePooling2D()(z)

    text = keras.Input((tokens,), dtype="int32", name="text")
    # mask_zero: token 0 is padding, and the LSTM stops at the end of the sentence instead of reading
    # it. plait carries that mask through the training step.
    read = keras.layers.Embedding(words, 128, mask_zero=True)(text)
    read = keras.layers.LSTM(64)(read)

    joined = keras.layers.Concatenate()([seen, read])
    joined = keras.layers.Dense(64, activation="relu")(joined)
    label = keras.layers.Dense(classes, activation="softmax")(joined)
    # Inputs in a dict are matched by name, so that their order cannot be confused.
    return plait.MultiTaskModel({"image": image, "text": text}, {"label": label})


def main():
    """Trains and prints the losses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="height and width of a picture")
    parser.add_argument("--words", type=int, default=200, help="size of the vocabulary")
    parser.add_argument("--tokens", type=int, default=12, help="length of the longest sentence")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    model = build(args.size, args.words, args.tokens, args.classes)
    model.compile(
        keras.optimizers.Adam(3e-3),
        loss={"label": "sparse_categorical_crossentropy"},
        weighted_metrics={"label": ["accuracy"]},
    )
    x, y = rows_of(args.rows, args.size, args.words, args.tokens, args.classes)
    history = model.fit(x, y, batch_size=args.batch, epochs=args.epochs, verbose=2).history
    first, last = history["loss"][0], history["loss"][-1]
    print(f"loss {first:.3f} -> {last:.3f}")
    return first, last


if __name__ == "__main__":
    main()
