"""Tags, masks and boxes behind every fusion that gives more than one token."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from plait import encoders, fusion
from plait.features import Image, Number, Text
from plait.model import MultiTaskModel
from plait.table import Table
from plait.tasks import Boxes, Segmentation, Tagging, fit_tasks
from tests.unit.inference import tiny
from tests.unit.objectives.rows import picture

ROWS = 6
FUSIONS = {
    "Concat": fusion.Concat(4),
    "CrossAttention": fusion.CrossAttention(4, heads=2),
    "Late": fusion.Late(4),
    "Latents": fusion.Latents(4, count=2, heads=2),
    "MBT": fusion.MBT(4, bottleneck=1, heads=2),
}


def columns():
    sky = np.zeros((8, 12), "int").tolist()
    ground = np.repeat([0, 1], [4, 4])[:, None].repeat(12, axis=1).tolist()
    return {
        "note": [["a", "red", "ball"][: 1 + n % 3] for n in range(ROWS)],
        "tags": [["O", "B", "O"][: 1 + n % 3] for n in range(ROWS)],
        "photo": [picture(60 + 20 * n) for n in range(ROWS)],
        "mask": [sky, ground] * (ROWS // 2),
        "boxes": [[[0.1, 0.1, 0.6, 0.9]], []] * (ROWS // 2),
        "age": [float(n) for n in range(ROWS)],
    }


@pytest.mark.parametrize("layer", FUSIONS.values(), ids=FUSIONS)
def test_each_place_has_its_answer_and_another_column_changes_it(layer):
    table = Table.read(columns())
    features = {
        "note": Text(encoder=encoders.TextWords(4)),
        "photo": Image(encoder=encoders.ImageConv(4, channels=(4,))),
        "age": Number(),
    }
    tasks = {
        "tags": Tagging(of="note"),
        "mask": Segmentation(of="photo", classes=["sky", "ground"]),
        "boxes": Boxes(of="photo"),
    }
    base = tiny.declaration(features=features, tasks={}, table=table, fusion=layer)
    declared = replace(base, tasks=fit_tasks(tasks, base.features, table), key=None).settled()
    model = MultiTaskModel(*declared.connect(seed=1))
    draw = np.random.default_rng(0)
    for weight in model.trainable_variables:  # Some begin at zero.
        value = keras.ops.convert_to_numpy(weight)
        weight.assign(value + 0.3 * draw.normal(size=value.shape).astype("float32"))
    x = declared.rows(table).inputs(np.arange(ROWS), ROWS)
    said = model.predict_on_batch(x)
    assert said["tags"].shape[:2] == x["note"].shape[:2]
    older = model.predict_on_batch({**x, "age": x["age"] + 1})
    for task in ("tags", "mask", "boxes"):
        every = said[task].reshape(ROWS, -1)
        assert np.isfinite(every).all()
        assert np.ptp(every, axis=0).max() > 0
        assert (np.abs(older[task] - said[task]).reshape(ROWS, -1).max(axis=1) > 0).all()
