"""The same answer from a table: a column of pictures, one of sentences, one of classes.

python examples/02_image_and_text/table_door.py
python examples/02_image_and_text/table_door.py --size 224 --words 10000 --tokens 100
"""

import argparse
import io

import numpy as np
from PIL import Image
from keras_door import rows_of

import plait


def table_of(rows, size, words, tokens, classes):
    """Pictures as PNG bytes, sentences as text, classes as numbers; some cells are empty."""
    x, y = rows_of(rows, size, words, tokens, classes)
    cells = []
    for row, pixels in enumerate(x["image"]):
        buffer = io.BytesIO()
        grey = np.clip(pixels * 80 + 80, 0, 255).astype("uint8")
        Image.fromarray(grey).save(buffer, "PNG")
        cells.append(None if row % 20 == 0 else buffer.getvalue())
    # Padding is the business of the feature: a cell holds the words that there are.
    sentences = [" ".join(f"w{word}" for word in row if word) for row in x["text"]]
    return {"image": cells, "text": sentences, "label": y["label"].tolist()}


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

    learner = plait.Learner(
        features={
            "image": plait.Image(size=args.size),
            # Embedding(128) and LSTM(64), as in keras_door.py.
            "text": plait.Text(encoder=plait.TextRNN(width=64, embedding_width=128)),
        },
        tasks={"label": plait.Multiclass()},
        training=plait.Training(epochs=args.epochs, batch_size=args.batch, learning_rate=3e-3),
    )
    learner.fit(table_of(args.rows, args.size, args.words, args.tokens, args.classes), run=False)
    first, last = learner.history[0].loss, learner.history[-1].loss
    print(f"loss {first:.3f} -> {last:.3f}")
    return first, last


if __name__ == "__main__":
    main()
