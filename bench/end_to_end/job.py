"""The job: pictures, captions, numbers and categories with four things to answer, made from a seed."""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from PIL import Image, ImageDraw

ROWS = 2_000
SIDE = 64
SHAPES = ("circle", "square", "triangle", "cross", "ring")
COLOURS = {
    "red": (200, 60, 60),
    "green": (60, 170, 80),
    "blue": (70, 90, 200),
    "yellow": (210, 190, 60),
}
_FILLERS = (
    "a",
    "the",
    "one",
    "this",
    "with",
    "on",
    "of",
    "some",
    "light",
    "dark",
    "small",
    "large",
)
_SHOPS = ("north", "south", "east", "west")
_GRADES = ("A", "B", "C")


def make(folder: Path, rows: int = ROWS) -> None:
    """Writes `train.csv` and `test.csv` of so many rows each, and their pictures.

    - shape (5 classes): what the picture shows.
    - tone (2 classes): whether the caption says more cheerful words than sad ones.
    - match (2 classes): whether the colour that the caption names is the picture's; neither tells it
      alone.
    - price: of the numbers, the categories and the size of the shape, with noise.
    """
    for part, seed in (("train", 0), ("test", 1)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        table = _rows(folder, part, rows, np.random.default_rng(seed))
        pa_csv.write_csv(table, folder / f"{part}.csv")


def _rows(folder: Path, part: str, rows: int, draw: np.random.Generator) -> pa.Table:
    colours = list(COLOURS)
    columns: dict[str, list] = {name: [] for name in COLUMNS}
    for n in range(rows):
        shape, colour = int(draw.integers(5)), colours[int(draw.integers(4))]
        size = int(draw.integers(12, 26))
        match = draw.random() < 0.5
        others = [c for c in colours if c != colour]
        said = colour if match else others[int(draw.integers(3))]
        cheerful, sad = draw.permutation(4)[:2]
        words = [said, *["happy"] * cheerful, *["sad"] * sad, *draw.choice(_FILLERS, 6)]
        numbers = draw.normal(size=3)
        shop, grade = int(draw.integers(4)), int(draw.integers(3))
        path = f"{part}/{n}.png"
        _picture(SHAPES[shape], COLOURS[colour], size, draw).save(folder / path)
        columns["picture"].append(path)
        columns["caption"].append(" ".join(draw.permutation(words)))
        for i, number in enumerate(numbers):
            columns[f"n{i}"].append(float(number))
        columns["shop"].append(_SHOPS[shop])
        columns["grade"].append(_GRADES[grade])
        columns["shape"].append(SHAPES[shape])
        columns["tone"].append("up" if cheerful > sad else "down")
        columns["match"].append("yes" if match else "no")
        price = 3 * numbers[0] - numbers[1] * numbers[2] + shop + 2 * (grade == 1) + size / 5
        columns["price"].append(float(price + draw.normal() / 2))
    return pa.table(columns)


COLUMNS = (
    "picture",
    "caption",
    "n0",
    "n1",
    "n2",
    "shop",
    "grade",
    "shape",
    "tone",
    "match",
    "price",
)


def _picture(
    shape: str, colour: tuple[int, int, int], size: int, draw: np.random.Generator
) -> Image.Image:
    noise = draw.integers(100, 156, (SIDE, SIDE, 3), dtype="uint8")
    picture = Image.fromarray(noise)
    pen = ImageDraw.Draw(picture)
    x, y = (int(v) for v in draw.integers(size, SIDE - size, 2))
    box = (x - size // 2, y - size // 2, x + size // 2, y + size // 2)
    if shape == "circle":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    elif shape == "triangle":
        pen.polygon([(box[0], box[3]), (box[2], box[3]), (x, box[1])], fill=colour)
    elif shape == "cross":
        pen.line((x, box[1], x, box[3]), fill=colour, width=5)
        pen.line((box[0], y, box[2], y), fill=colour, width=5)
    else:
        pen.ellipse(box, outline=colour, width=4)
    return picture


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
