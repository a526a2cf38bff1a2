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


@pytest.mark.parametrize("kind", KINDS)
def test_the_main_task_answers_as_before_to_the_bit(kind, tmp_path):
    task = KINDS[kind]
    features = {
        "photo": plait.Image(size=(SIDE, SIDE), encoder=plait.ImageConv(4, channels=(4, 4))),
        "words": plait.Text(),
        "past": plait.Series(),
    }
    declaration = plait.Learner(
        features={name: features[name] for name in {"photo": 0, task.of: 0}},
        tasks={"bright": plait.Binary(), kind: task},
        width=4,
        training=ONE_STEP,
    )._fitted(table(), None)
    made = trained(declaration, ONE_STEP, table=table())
    assert np.isfinite(made.history[0].logs[f"{kind}_loss"])
    x = declaration.rows(table()).inputs(np.arange(ROWS), ROWS)
    whole = made.model.predict_on_batch(x)
    assert set(whole) == {"bright", kind}
    made.predictor.save(tmp_path / "m.plait")
    with zipfile.ZipFile(tmp_path / "m.plait") as archive:
        names = archive.namelist()
        assert any(name.startswith(f"weights/{task.of}__encoder") for name in names)
        assert not [name for name in names if kind in name]
        assert type(task).__name__.encode() not in archive.read("model.json")
    again = Predictor.load(tmp_path / "m.plait")
    assert again.declaration.served_by == (kind,)
    answers = again.model.predict_on_batch(x)
    assert set(answers) == {"bright"}
    assert np.asarray(answers["bright"]).tobytes() == np.asarray(whole["bright"]).tobytes()
    assert len(np.unique(np.asarray(whole["bright"]))) == ROWS
