"""A count that agrees with how many boxes are found."""

import zipfile
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.inference import Predictor
from plait.objectives import Consistency
from plait.table import Table
from plait.tasks import Boxes, Count, ObjectCount
from tests.unit.inference import tiny
from tests.unit.objectives.rows import loss_on, trained
from tests.unit.tasks.masks import png
from tests.unit.training.test_train import THREE_STEPS, bits

SIDE, ROWS, ABSENT = 16, 8, 5
ONE_STEP = replace(THREE_STEPS, batch_size=ROWS, modality_dropout=0.0)


def table():
    """A square or two on the left and on the right of each picture; of one row there is no picture."""
    pictures, boxes = np.full((ROWS, SIDE, SIDE, 3), 30), []
    for row in range(ROWS):
        squares = [[1, 2, 7, 8], [9, 6, 15, 12]][: 1 + row % 2]
        for x0, y0, x1, y1 in squares:
            pictures[row, y0:y1, x0:x1] = 120 + 10 * row
        boxes.append(str(squares))
    cells = list(map(png, pictures))
    cells[ABSENT] = None
    return Table.read(
        pa.table(
            {
                "photo": pa.array(cells, pa.binary()),
                "size": [float(n % 3) for n in range(ROWS)],
                "count": [1 + n % 2 for n in range(ROWS)],
                "boxes": boxes,
            }
        )
    )


def declared(count, **options):
    return plait.Learner(
        features={
            "photo": plait.Image(size=(SIDE, SIDE), encoder=plait.ImageConv(4, channels=(4, 4))),
            "size": plait.Number(),
        },
        tasks={"count": count, "boxes": Boxes(of="photo")},
        objectives={"signal": Consistency("count", "boxes", rule="equal", **options)},
        width=4,
        training=ONE_STEP,
    )._fitted(table(), None)


@pytest.mark.parametrize("count", [Count(), ObjectCount(of="photo")], ids=["Count", "ObjectCount"])
def test_a_row_without_the_picture_does_not_count(count):
    declaration, rows = declared(count), list(range(ROWS))
    whole = loss_on(declaration, rows, ROWS, table())
    pictured = loss_on(declaration, [n for n in rows if n != ABSENT], ROWS, table())
    assert np.isfinite(whole).all()
    assert whole[1] == ROWS - 1
    assert 0 < whole[0] < 5
    np.testing.assert_allclose(whole, pictured, rtol=1e-5)


def test_it_moves_what_is_shared_and_is_not_saved(tmp_path):
    made = trained(declared(Count()), ONE_STEP, table=table())
    without = trained(declared(Count(), fade=(0.0, 0.0)), ONE_STEP, table=table())
    assert 0 < made.history[0].logs["signal_loss"] < 5
    shared = [path for path in bits(made) if path.startswith(("fusion", "photo__encoder"))]
    assert shared
    assert any(bits(made)[path] != bits(without)[path] for path in shared)
    assert all(np.isfinite(values).all() for values in tiny.values(made.model).values())
    made.predictor.save(tmp_path / "m.plait")
    with zipfile.ZipFile(tmp_path / "m.plait") as archive:
        assert not [name for name in archive.namelist() if "signal" in name]
        assert b"Consistency" not in archive.read("model.json")
    again = Predictor.load(tmp_path / "m.plait")
    answers = again.predict(table())
    assert {"count", "boxes"} <= set(answers.column_names)
    assert answers["boxes"][ABSENT].as_py() is None
