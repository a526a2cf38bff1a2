"""The table of a lost-property office, with gaps in what is known and in what was answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import soundfile
from PIL import Image

from plait.demo._factors import Factors, draw_factors
from plait.demo._notes import write_notes
from plait.demo._pictures import draw_picture
from plait.demo._sounds import RATE, ring_bell

TABLE_FILE = "records.csv"
CONFIG_FILE = "plait.yaml"

_EMPTY_INPUTS = {"picture": 0.04, "note": 0.03, "sound": 0.05, "weight": 0.05, "material": 0.05}
_UNLABELLED = {"item": 0.1, "genuine": 0.1, "bell": 0.1, "district": 0.05, "price": 0.15}
_DESK_UNLABELLED = 0.95
"""So few records of the training part have a desk that most streets never occur among them."""


def make_table(folder: str | Path, rows: int = 1500, seed: int = 0) -> Path:
    """Writes a table with its pictures and sounds; the same seed gives the same files.

    The columns that a model reads are `picture`, `note`, `sound`, `weight`, `age` and `material`;
    those that it answers are `item`, `genuine`, `bell`, `district`, `desk` and `price`.

    * `genuine` says whether the note names the colour that the picture shows. Both are drawn
      independently and evenly, so that either alone leaves it at chance.
    * `desk` follows from `district`, and is known for one training record in twenty. A street in
      the note tells both, once enough labels have told what the street tells: those of `district`.

    Inputs are empty here and there in every part. Labels are missing in the training part only, so
    that every record of the other parts counts in the scores.

    Args:
        folder: where to write; made if it is not there. Files of the same names are replaced.
        rows: how many records.
        seed: decides everything.

    Returns:
        The table's path.
    """
    folder = Path(folder)
    rng = np.random.default_rng(seed)
    factors = draw_factors(rows, rng)
    columns: dict[str, Any] = {
        "record": np.arange(1, rows + 1),
        "split": factors.part,
        "picture": _write_pictures(folder, factors, rng),
        "note": write_notes(factors, rng),
        "sound": _write_sounds(folder, factors, rng),
        "weight": factors.weight,
        "age": factors.age,
        "material": factors.material,
        "item": factors.item,
        "genuine": factors.genuine,
        "bell": factors.bell,
        "district": factors.district,
        "desk": factors.desk,
        "price": factors.price,
    }
    gaps = {name: rng.random(rows) < share for name, share in _EMPTY_INPUTS.items()}
    training = factors.part == "train"
    for name, share in {**_UNLABELLED, "desk": _DESK_UNLABELLED}.items():
        gaps[name] = training & (rng.random(rows) < share)
    table = pa.table(
        {name: pa.array(values, mask=gaps.get(name)) for name, values in columns.items()}
    )
    pa_csv.write_csv(table, folder / TABLE_FILE)
    return folder / TABLE_FILE


def _write_pictures(folder: Path, factors: Factors, rng: np.random.Generator) -> list[str]:
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    paths = [f"pictures/{row + 1:04}.png" for row in range(len(factors.part))]
    for path, colour, shape in zip(paths, factors.colour, factors.shape, strict=True):
        Image.fromarray(draw_picture(colour, shape, rng)).save(folder / path, compress_level=1)
    return paths


def _write_sounds(folder: Path, factors: Factors, rng: np.random.Generator) -> list[str]:
    (folder / "sounds").mkdir(parents=True, exist_ok=True)
    paths = [f"sounds/{row + 1:04}.wav" for row in range(len(factors.part))]
    for path, bell in zip(paths, factors.bell, strict=True):
        soundfile.write(folder / path, ring_bell(bell, rng), RATE)
    return paths
