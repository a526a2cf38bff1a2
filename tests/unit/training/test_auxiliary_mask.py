"""A mask that only serves another task goes, and the picture's encoder stays as it was."""

import zipfile

import numpy as np
import pyarrow as pa

import plait
from plait.inference import Predictor
from plait.table import Table
from tests.unit.objectives.rows import trained
from tests.unit.objectives.test_counted import ONE_STEP, ROWS, SIDE
from tests.unit.tasks.masks import png


def table():
    """A square that is bright in every other picture, and its mask."""
    pictures, masks = np.full((ROWS, SIDE, SIDE, 3), 30), np.zeros((ROWS, SIDE, SIDE))
    for row in range(ROWS):
        pictures[row, 2:10, row : row + 6] = 90 + 80 * (row % 2)
        masks[row, 2:10, row : row + 6] = 1
    return Table.read(
        pa.table(
            {
                "photo": pa.array(list(map(png, pictures)), pa.binary()),
                "bright": ["no", "yes"] * (ROWS // 2),
                "mask": pa.array(list(map(png, masks)), pa.binary()),
            }
        )
    )


def test_the_main_task_answers_as_before_to_the_bit(tmp_path):
    encoder = plait.ImageConv(4, channels=(4, 4))
    declaration = plait.Learner(
        features={"photo": plait.Image(size=(SIDE, SIDE), encoder=encoder)},
        tasks={
            "bright": plait.Binary(),
            "mask": plait.Segmentation(of="photo", classes=("ground", "thing"), auxiliary=True),
        },
        width=4,
        training=ONE_STEP,
    )._fitted(table(), None)
    made = trained(declaration, ONE_STEP, table=table())
    assert np.isfinite(made.history[0].logs["mask_loss"])
    x = declaration.rows(table()).inputs(np.arange(ROWS), ROWS)
    whole = made.model.predict_on_batch(x)
    assert set(whole) == {"bright", "mask"}
    made.predictor.save(tmp_path / "m.plait")
    with zipfile.ZipFile(tmp_path / "m.plait") as archive:
        names = archive.namelist()
        assert any(name.startswith("weights/photo__encoder") for name in names)
        assert not [name for name in names if "mask" in name]
        assert b"Segmentation" not in archive.read("model.json")
    again = Predictor.load(tmp_path / "m.plait")
    assert again.declaration.served_by == ("mask",)
    answers = again.model.predict_on_batch(x)
    assert set(answers) == {"bright"}
    assert np.asarray(answers["bright"]).tobytes() == np.asarray(whole["bright"]).tobytes()
    assert len(np.unique(np.asarray(whole["bright"]))) == ROWS
