"""The same two answers from a table: a column of pictures, one of classes, one of masks.

    python examples/01_image_two_tasks/table_door.py
    python examples/01_image_two_tasks/table_door.py --size 224 --classes 1000 --masks 100 --batch 32

`masks.py` holds what plait does not ship: the two convolutions by name, and the task of the masks.
"""

import argparse
import io

import numpy as np
from PIL import Image
from keras_door import pictures
from masks import Masks, TwoConvolutions

import plait


def table_of(rows, size, classes, masks):
    """Pictures as PNG bytes, classes as numbers, masks as packed bits; every fifth mask is missing."""
    image, y = pictures(rows, size, classes, masks)
    cells = []
    for pixels in image:
        buffer = io.BytesIO()
        Image.fromarray((np.clip(pixels, 0, 1) * 255).astype("uint8")).save(buffer, "PNG")
        cells.append(buffer.getvalue())
    outline = [np.packbits(m.astype(bool)).tobytes() for m in y["outline"]]
    return {
        "image": cells,
        "label": y["label"].tolist(),
        "outline": [None if row % 5 == 0 else bits for row, bits in enumerate(outline)],
    }


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

    learner = plait.Learner(
        # size= keeps the pictures as they are, so that masks and maps agree pixel by pixel.
        features={"image": plait.Image(size=args.size, encoder=TwoConvolutions())},
        tasks={
            "label": plait.Multiclass(),
            "outline": Masks(of="image", size=args.size, masks=args.masks),
        },
        balancing=plait.PCGrad(),
        training=plait.Training(epochs=args.epochs, batch_size=args.batch),
    )
    learner.fit(table_of(args.rows, args.size, args.classes, args.masks), run=False)
    first, last = learner.history[0].loss, learner.history[-1].loss
    print(f"loss {first:.3f} -> {last:.3f}")
    return first, last


if __name__ == "__main__":
    main()
