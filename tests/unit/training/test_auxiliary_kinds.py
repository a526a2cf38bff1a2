"""What only serves another task, of a kind that reads a feature's parts, goes and leaves no trace."""

import zipfile

import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.inference import Predictor
from plait.table import Table
from tests.unit.objectives.rows import trained
from tests.unit.objectives.test_counted import ONE_STEP, ROWS, SIDE
from tests.unit.tasks.masks import png


def table():
    """A square that is bright in every other picture, its mask and its edges; words and a series."""
    pictures, masks = np.full((ROWS, SIDE, SIDE, 3), 30), np.zeros((ROWS, SIDE, SIDE))
    for row in range(ROWS):
        pictures[row, 2:10, row : row + 6] = 90 + 80 * (row % 2)
        masks[row, 2:10, row : row + 6] = 1
    rows = range(ROWS)
    return Table.read(
        pa.table(
            {
                "photo": pa.array(list(map(png, pictures)), pa.binary()),
                "words": [f"a {'red' if n % 3 else 'green'} hat number {n}" for n in rows],
                "past": [[float(n), n % 3 + 0.5, None, 2.0] for n in rows],
                "bright": ["no", "yes"] * (ROWS // 2),
                "mask": pa.array(list(map(png, masks)), pa.binary()),
                "boxes": [[[n, 2, n + 6, 10]] for n in rows],
                "tags": [f"D {'A' if n % 3 else 'B'} N N C" for n in rows],
                "future": [[float(n), 1.0] for n in rows],
            }
        )
    )


KINDS = {
    "mask": plait.Segmentation(of="photo", classes=("ground", "thing"), auxiliary=True),
    "boxes": plait.Boxes(of="photo", auxiliary=True),
    "tags": plait.Tagging(of="words", crf=True, auxiliary=True),
    "future": plait.Forecast(of="past", horizon=2, auxiliary=True),
}


@pytest.mark.parametrize("kinds", [("mask", "boxes"), ("tags", "future")], ids="-".join)
def test_the_main_task_answers_as_before_to_the_bit(kinds, tmp_path):
    tasks = {kind: KINDS[kind] for kind in kinds}
    features = {
        "photo": plait.Image(size=(SIDE, SIDE), encoder=plait.ImageConv(4, channels=(4, 4))),
        "words": plait.Text(),
        "past": plait.Series(),
    }
    read = {"photo", *(task.of for task in tasks.values())}
    declaration = plait.Learner(
        features={name: feature for name, feature in features.items() if name in read},
        tasks={"bright": plait.Binary(), **tasks},
        width=4,
        training=ONE_STEP,
    )._fitted(table(), None)
    made = trained(declaration, ONE_STEP, table=table())
    assert np.isfinite([made.history[0].logs[f"{kind}_loss"] for kind in kinds]).all()
    x = declaration.rows(table()).inputs(np.arange(ROWS), ROWS)
    whole = made.model.predict_on_batch(x)
    assert set(whole) == {"bright", *kinds}
    made.predictor.save(tmp_path / "m.plait")
    with zipfile.ZipFile(tmp_path / "m.plait") as archive:
        names, said = archive.namelist(), archive.read("model.json")
    for kind, task in tasks.items():
        assert any(name.startswith(f"weights/{task.of}__encoder") for name in names)
        assert not [name for name in names if kind in name]
        assert type(task).__name__.encode() not in said
    again = Predictor.load(tmp_path / "m.plait")
    assert again.declaration.served_by == kinds
    answers = again.model.predict_on_batch(x)
    assert set(answers) == {"bright"}
    assert np.asarray(answers["bright"]).tobytes() == np.asarray(whole["bright"]).tobytes()
    assert len(np.unique(np.asarray(whole["bright"]))) == ROWS
