"""One picture, two answers: its class, and one mask for each of several kinds of thing.

    python examples/01_image_two_tasks/keras_door.py
    python examples/01_image_two_tasks/keras_door.py --size 224 --classes 1000 --masks 100 --batch 32

The pictures are generated: a class is a shape's colour pattern, a mask is where the shape stands.
"""

import argparse

import numpy as np

import plait
import keras  # after plait, which chooses JAX where KERAS_BACKEND is unset


def pictures(rows, size, classes, masks, seed=0):
    """Noise with one bright square a picture; its colour tells the class, its place the mask."""
    draw = np.random.default_rng(seed)
    image = draw.normal(0, 0.1, (rows, size, size, 3)).astype("float32")
    label = draw.integers(0, classes, rows)
    palette = np.random.default_rng(7).uniform(0, 1, (classes, 3))
    outline = np.zeros((rows, size, size, masks), "float32")
    side = max(2, size // 3)
    for row in range(rows):
        top, left = draw.integers(0, size - side, 2)
        place = (row, slice(top, top + side), slice(left, left + side))
        image[place] += palette[label[row]]
        outline[(*place, label[row] % masks)] = 1
    return image, {"label": label, "outline": outline}


def build(size, classes, masks):
    """Two shared convolutions and one head for each answer."""
    image = keras.Input((size, size, 3), name="image")
    # "same" keeps height and width, so that the masks can have the picture's size.
    z = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(image)
    z = keras.layers.Conv2D(128, 3, padding="same", activation="relu")(z)

    # A Dense layer on a map (batch, height, width, 128) would answer once for every pixel. One class
    # a picture needs one vector a picture first: the map's mean over height and width.
    vector = keras.layers.GlobalAveragePooling2D()(z)
    # softmax: the classes exclude each other and their probabilities add up to 1.
    label = keras.layers.Dense(classes, activation="softmax")(vector)

    # A 1 x 1 convolution is a Dense layer for each pixel, which is what a mask is. sigmoid: a pixel
    # may belong to several masks or to none, so each has a probability of its own.
    outline = keras.layers.Conv2D(masks, 1, activation="sigmoid")(z)

    # The keys of this dict are the names that losses, metrics and targets are matched by.
    return plait.MultiTaskModel(image, {"label": label, "outline": outline})


def main():
    """Trains and prints the losses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=24, help="height and width of a picture")
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--masks", type=int, default=3)
    parser.add_argument("--rows", type=int, default=192)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    model = build(args.size, args.classes, args.masks)
    model.compile(
        "adam",
        # Integer labels take the sparse loss; masks, one yes or no a pixel, the binary one.
        loss={"label": "sparse_categorical_crossentropy", "outline": "binary_crossentropy"},
        # weighted_metrics leave out rows whose label is missing, as the losses do.
        weighted_metrics={"label": ["accuracy"], "outline": ["binary_accuracy"]},
        balancing=plait.PCGrad(),
    )
    x, y = pictures(args.rows, args.size, args.classes, args.masks)
    history = model.fit(x, y, batch_size=args.batch, epochs=args.epochs, verbose=2).history
    first, last = history["loss"][0], history["loss"][-1]
    print(f"loss {first:.3f} -> {last:.3f}")
    return first, last


if __name__ == "__main__":
    main()
