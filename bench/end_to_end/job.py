"""The job: pictures, captions, numbers and categories with four things to answer, made from a seed."""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from PIL import Image, ImageDraw


class Job(NamedTuple):
    """How large it is.

    Attributes:
        rows: to train on; there are as many to test on.
        side: of a picture, in pixels.
        batch: rows of a batch.
        trunk: what looks at a picture: "cnn", three convolutions with max pooling, or "resnet", the 50
            layers of He et al.
        ending: of the pictures' files.
    """

    rows: int = 2_000
    side: int = 64
    batch: int = 32
    trunk: str = "cnn"
    ending: str = "png"

    @classmethod
    def of(cls, folder) -> "Job":
        """The job that was made in a folder."""
        return cls(**json.loads((Path(folder) / "job.json").read_text()))


SMALL = Job()
LARGE = Job(rows=8_000, side=224, batch=64, trunk="resnet", ending="jpg")
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


def make(folder: Path, job: Job = SMALL) -> None:
    """Writes `job.json`, `train.csv` and `test.csv`, and their pictures.

    - shape (5 classes): what the picture shows.
    - tone (2 classes): whether the caption says more cheerful words than sad ones.
    - match (2 classes): whether the colour that the caption names is the picture's; neither tells it
      alone.
    - price: of the numbers, the categories and the size of the shape, with noise.
    """
    for part, seed in (("train", 0), ("test", 1)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        table = _rows(folder, part, job, np.random.default_rng(seed))
        pa_csv.write_csv(table, folder / f"{part}.csv")
    (folder / "job.json").write_text(json.dumps(job._asdict()))


def _rows(folder: Path, part: str, job: Job, draw: np.random.Generator) -> pa.Table:
    colours = list(COLOURS)
    columns: dict[str, list] = {name: [] for name in COLUMNS}
    pool, saved = ThreadPoolExecutor(), []
    for n in range(job.rows):
        shape, colour = int(draw.integers(5)), colours[int(draw.integers(4))]
        size = int(draw.integers(12, 26))
        match = draw.random() < 0.5
        others = [c for c in colours if c != colour]
        said = colour if match else others[int(draw.integers(3))]
        cheerful, sad = draw.permutation(4)[:2]
        words = [said, *["happy"] * cheerful, *["sad"] * sad, *draw.choice(_FILLERS, 6)]
        numbers = draw.normal(size=3)
        shop, grade = int(draw.integers(4)), int(draw.integers(3))
        path = f"{part}/{n}.{job.ending}"
        picture = _picture(SHAPES[shape], COLOURS[colour], size * job.side // 64, job.side, draw)
        saved.append(pool.submit(picture.save, folder / path))
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
    for one in saved:
        one.result()
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
    shape: str, colour: tuple[int, int, int], size: int, side: int, draw: np.random.Generator
) -> Image.Image:
    noise = draw.integers(100, 156, (side, side, 3), dtype="uint8")
    picture = Image.fromarray(noise)
    pen = ImageDraw.Draw(picture)
    x, y = (int(v) for v in draw.integers(size, side - size, 2))
    box = (x - size // 2, y - size // 2, x + size // 2, y + size // 2)
    if shape == "circle":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    elif shape == "triangle":
        pen.polygon([(box[0], box[3]), (box[2], box[3]), (x, box[1])], fill=colour)
    elif shape == "cross":
        pen.line((x, box[1], x, box[3]), fill=colour, width=5 * side // 64)
        pen.line((box[0], y, box[2], y), fill=colour, width=5 * side // 64)
    else:
        pen.ellipse(box, outline=colour, width=4 * side // 64)
    return picture


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--large", action="store_true", help="for a GPU")
    given = parser.parse_args()
    make(given.folder, LARGE if given.large else SMALL)
