"""The stage before the model: pictures and what lies in them move together, in training alone."""

from dataclasses import dataclass
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import plait
from plait.errors import ConfigError
from plait.features import Image, fit_features
from plait.inference import check_names
from plait.model import MultiTaskModel, Regime
from plait.table import Table
from plait.tasks import Binary, Boxes, DenseTask, Segmentation, fit_tasks
from plait.training import Training
from plait.training._augmentation import (
    MovedLabels,
    MovedPictures,
    augmentation,
    moved_labels,
)
from tests.unit.inference import tiny

ROWS = 32


def pixels(height=9, width=12, rows=ROWS):
    return np.random.default_rng(0).integers(0, 2, (rows, height, width, 1)).astype("uint8") * 255


def picture(values):
    height, width, _ = values.shape
    return f"P5 {width} {height} 255 ".encode() + values.tobytes()


def fitted(**arguments):
    table = Table.read({"photo": [picture(one) for one in pixels()]})
    return fit_features({"photo": Image(size=(9, 12), **arguments)}, table)


def model_and_data():
    """A model that answers the picture itself, whose mask is the picture: its loss is 0."""
    x = {
        "photo": keras.Input((9, 12, 1), name="photo", dtype="uint8"),
        "photo__present": keras.Input((), name="photo__present", dtype="bool"),
    }
    seen = keras.layers.Rescaling(1 / 255)(x["photo"])
    z = keras.layers.Dense(1, kernel_initializer="ones", name="mask")(seen)
    model = MultiTaskModel(x, {"mask": z})
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    data = {
        "photo": pixels(),
        "photo__present": np.ones(ROWS, bool),
        "row_key": np.arange(2 * ROWS, dtype="int32").reshape(ROWS, 2),
    }
    return model, data, {"mask": pixels() / np.float32(255)}


@pytest.mark.parametrize("together", [True, False])
def test_labels_move_with_the_picture_in_the_step_and_none_in_evaluation(together):
    model, x, y = model_and_data()
    task = SimpleNamespace(of="photo", moved=lambda targets, moves: moves.of_maps(targets, 0.0))
    pictures = fitted(flip="both")
    follow = MovedLabels(pictures, {"mask": task}) if together else None
    model.regime = Regime(augment=MovedPictures(pictures), follow=follow)
    loss = model.fit(x, y, batch_size=8, shuffle=False, verbose=0).history["loss"][0]
    assert (loss < 1e-9) is together
    inputs = {name: values for name, values in x.items() if name != "row_key"}
    assert model.evaluate(inputs, y, batch_size=8, verbose=0) < 1e-9


def test_it_is_what_features_and_settings_ask_for():
    declared = tiny.declaration()
    assert augmentation(declared, Training(modality_dropout=0.0)) is None
    assert moved_labels(declared) is None
    assert augmentation(declared, Training(modality_dropout=0.1)).rate == 0.1
    table = Table.read(
        {
            "photo": [picture(one) for one in pixels()],
            "mask": [picture((one > 0).astype("uint8")) for one in pixels()],
            "sold": ["yes", "no"] * (ROWS // 2),
        }
    )
    tasks = {"mask": Segmentation(of="photo"), "sold": Binary()}
    for moves in ({}, {"flip": "horizontal"}, {"shift": 0.1}):
        features = fitted(**moves)
        known = fit_tasks(tasks, features, table)
        asked = SimpleNamespace(features=features, tasks=known)
        stage, follow = augmentation(asked, Training()), moved_labels(asked)
        if not moves:
            assert stage is None
            assert follow is None
            continue
        assert (list(stage.pictures), list(follow.tasks)) == (["photo"], ["mask"])
        labels = {"mask": (pixels()[..., 0] // 255, None), "sold": (np.ones(ROWS), None)}
        key = keras.ops.convert_to_tensor(np.arange(2 * ROWS, dtype="int32").reshape(ROWS, 2))
        x = stage({"photo": keras.ops.convert_to_tensor(pixels())}, key)
        shown = keras.ops.convert_to_numpy(x["photo"])[..., 0]
        assert (shown != pixels()[..., 0]).any()
        followed = follow(labels, key)
        mask = keras.ops.convert_to_numpy(followed["mask"][0])
        np.testing.assert_array_equal((mask == 1)[mask < 255], (shown == 255)[mask < 255])
        assert followed["sold"] is labels["sold"]


@dataclass(frozen=True, kw_only=True)
class Outline(Boxes):
    """A task of the user's own, which does not say how its targets move."""

    moved = DenseTask.moved


def test_what_cannot_be_moved_is_refused():
    task = Outline(of="photo")
    check_names({"photo": Image()}, {"outline": task})
    with pytest.raises(ConfigError, match="Outline does not say what becomes of its targets"):
        check_names({"photo": Image(flip="horizontal")}, {"outline": task})
    for wrong in ({"flip": "left"}, {"shift": 1.0}):
        with pytest.raises(ConfigError, match=f"Image: {next(iter(wrong))} .*Received"):
            plait.Image(**wrong)
