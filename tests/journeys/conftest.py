"""The command line in this process, and a small table with one column of each kind."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from plait.cli import main


@dataclass(frozen=True)
class Said:
    """What a command printed and the code it ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def plait(capsys):
    """Runs one command line, with Python's own filters of warnings as in a process of its own."""

    def run(*argv):
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            code = main([str(word) for word in argv])
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


CONFIG = """\
data: records.csv
features:
  photo: {Image: {size: 16}}
  bell: Audio
  age: Number
  kind: Category
tasks:
  sold: Binary
  price: Regression
split: part
training: {epochs: 1, batch_size: 16}
width: 8
"""

COLUMNS = ("id", "part", "photo", "bell", "title", "age", "kind", "sold", "price")


@dataclass
class Records:
    """A folder with a table, its media and a config, all of which a test may spoil."""

    folder: Path
    rows: list[dict[str, str]]

    @property
    def config(self) -> Path:
        return self.folder / "plait.yaml"

    @property
    def table(self) -> Path:
        return self.folder / "records.csv"

    def write(self, columns=COLUMNS, name="records.csv"):
        lines = [",".join(columns), *(",".join(row[c] for c in columns) for row in self.rows)]
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def set(self, column, value, row=None):
        """Changes a cell (rows count from 1, as in messages), or the whole column."""
        for number, record in enumerate(self.rows, start=1):
            if row is None or number == row:
                record[column] = value
        self.write()

    def configure(self, old, new):
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def make_records():
    """Makes `Records` in a folder."""
    return _make_records


@pytest.fixture
def records(tmp_path):
    return _make_records(tmp_path)


def _make_records(folder):
    """48 rows with a picture and a sound each, and their config."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(1, 49):
        picture, sound = f"{number}.png", f"{number}.wav"
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / picture)
        soundfile.write(folder / sound, rng.normal(0, 0.1, 1000), 4000)
        rows.append(
            {
                "id": f"r{number}",
                "part": "train" if number <= 32 else "validation" if number <= 40 else "test",
                "photo": picture,
                "bell": sound,
                "title": f"a {rng.choice(['small', 'large'])} thing",
                "age": str(rng.integers(1, 90)),
                "kind": str(rng.choice(["toy", "tool"])),
                "sold": str(rng.choice(["yes", "no"])),
                "price": f"{rng.uniform(1, 9):.2f}",
            }
        )
    made = Records(folder, rows)
    made.config.write_text(CONFIG)
    made.write()
    return made
