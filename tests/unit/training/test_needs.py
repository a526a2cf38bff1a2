"""A row that modality dropout has taken a feature from has no label of what is about that feature."""

import json

import numpy as np
import pytest

from plait.data import Batches
from plait.encoders import ImageConv
from plait.features import Image, Number, fit_features
from plait.fusion import Concat
from plait.inference import Declaration
from plait.sharing import HardSharing
from plait.table import Table
from plait.tasks import Boxes, Forecast, Regression, Segmentation, Tagging, fit_tasks
from plait.training import Training
from plait.training._train import augmentation, built, needs_of

ROWS = 16
SETTINGS = Training(epochs=1, batch_size=ROWS, patience=1, modality_dropout=0.4)


def table():
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (ROWS, 16, 16, 3), "uint8")
    return Table.read(
        {
            "photo": [b"P6 16 16 255 " + pixels.tobytes() for pixels in pictures],
            "size": draw.normal(size=ROWS).tolist(),
            "price": draw.normal(size=ROWS).tolist(),
            "things": [json.dumps([[n % 8, 2, n % 8 + 7, 12, "a"]]) for n in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def declared():
    declaration = {
        "features": {"photo": Image(encoder=ImageConv(4, (4, 6))), "size": Number()},
        "tasks": {"things": Boxes(of="photo"), "price": Regression()},
    }
    features = fit_features(declaration["features"], table())
    tasks = fit_tasks(declaration["tasks"], features, table())
    return Declaration(features, tasks, Concat(width=4), HardSharing(blocks=1), 4).settled()


def weights_after(declared, x, y, weights):
    """Every weight after a step."""
    model = built(declared, SETTINGS, None, steps=1, seed=0).model
    model.train_on_batch(x, y, weights)
    return [np.array(value) for value in model.get_weights()]


@pytest.mark.backends
def test_a_row_whose_picture_left_changes_no_gradient_of_its_boxes(declared):
    rows = table()
    batches = Batches(rows, declared.features, declared.tasks, batch_size=ROWS, workers=0)
    x, y, weights = batches.batch(0, 0)
    inputs = {name: value for name, value in x.items() if name != "row_key"}
    left = ~np.array(augmentation(declared, SETTINGS)(inputs, x["row_key"])["photo__present"])
    assert 0 < left.sum() < ROWS
    before = weights_after(declared, x, y, weights)
    moved = {**y, "things": y["things"].copy()}
    moved["things"][left, 0] = [3, 3, 15, 15, 1]
    for value, same in zip(before, weights_after(declared, x, moved, weights), strict=True):
        np.testing.assert_array_equal(value, same)
    # Of one that has stayed they do.
    moved["things"][~left, 0] = [3, 3, 15, 15, 1]
    after = weights_after(declared, x, moved, weights)
    assert any((value != other).any() for value, other in zip(before, after, strict=True))


def test_it_is_so_for_each_task_of_a_feature_that_needs_it():
    tasks = {
        "mask": Segmentation(of="photo"),
        "things": Boxes(of="photo"),
        "tags": Tagging(of="title"),
        "next": Forecast(of="past"),
        "price": Regression(),
    }
    assert needs_of(tasks) == {
        "mask": "photo__present",
        "things": "photo__present",
        "tags": "title__present",
    }
