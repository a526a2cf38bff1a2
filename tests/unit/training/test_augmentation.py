"""The stage before the model: pictures and what lies in them move together, in training alone."""

from dataclasses import dataclass
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import plait
from plait.errors import ConfigError
from plait.features import Image, fit_features
from plait.features._light import relit
from plait.inference import check_names
from plait.model import MultiTaskModel, Regime
from plait.table import Table
from plait.tasks import Binary, Boxes, DenseTask, Segmentation, fit_tasks
from plait.training import Training
from plait.training._augmentation import (
    MovedLabels,
    OtherViews,
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
    model.regime = Regime(augment=OtherViews(pictures), follow=follow)
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
    for moves in (
        {},
        {"flip": "horizontal"},
        {"shift": 0.1},
        {"zoom": 0.5},
        {"crop": 0.5},
    ):
        features = fitted(**moves)
        known = fit_tasks(tasks, features, table)
        asked = SimpleNamespace(features=features, tasks=known)
        stage, follow = augmentation(asked, Training()), moved_labels(asked)
        if not moves:
            assert stage is None
            assert follow is None
            continue
        assert (list(stage.features), list(follow.tasks)) == (["photo"], ["mask"])
        labels = {"mask": (pixels()[..., 0] // 255, None), "sold": (np.ones(ROWS), None)}
        key = keras.ops.convert_to_tensor(np.arange(2 * ROWS, dtype="int32").reshape(ROWS, 2))
        x = stage({"photo": keras.ops.convert_to_tensor(pixels())}, key)
        shown = keras.ops.convert_to_numpy(x["photo"])[..., 0]
        assert (shown != pixels()[..., 0]).any()
        followed = follow(labels, key)
        mask = keras.ops.convert_to_numpy(followed["mask"][0])
        np.testing.assert_array_equal((mask == 1)[mask < 255], (shown == 255)[mask < 255])
        assert followed["sold"] is labels["sold"]


def test_boxes_follow_their_picture():
    """Each picture shows one bright rectangle, whose box is the label."""
    draw = np.random.default_rng(3)
    shown, boxes = np.zeros((ROWS, 9, 12, 1), "uint8"), []
    for one in shown:
        top, left = draw.integers(0, 5), draw.integers(0, 7)
        high, wide = draw.integers(2, 5), draw.integers(2, 6)
        one[top : top + high, left : left + wide] = 255
        boxes.append([[int(left), int(top), int(left + wide), int(top + high)]])
    table = Table.read({"photo": [picture(one) for one in shown], "boxes": boxes})
    features = fit_features({"photo": Image(size=(9, 12), flip="both")}, table)
    tasks = fit_tasks({"boxes": Boxes(of="photo")}, features, table)
    bound = tasks["boxes"].beside(features, table)
    targets = bound.targets(table.column("boxes"))
    asked = SimpleNamespace(features=features, tasks=tasks)
    key = keras.ops.convert_to_tensor(np.arange(2 * ROWS, dtype="int32").reshape(ROWS, 2))
    x = augmentation(asked, Training())({"photo": keras.ops.convert_to_tensor(shown)}, key)
    labels = {"boxes": (keras.ops.convert_to_tensor(targets.values), None)}
    found = keras.ops.convert_to_numpy(moved_labels(asked)(labels, key)["boxes"][0])
    seen = keras.ops.convert_to_numpy(x["photo"])[..., 0]
    assert (seen != shown[..., 0]).any()
    for row in range(ROWS):
        down, across = np.nonzero(seen[row])
        edges = [across.min(), down.min(), across.max() + 1, down.max() + 1]
        np.testing.assert_allclose(found[row, 0, :4], edges, atol=1e-4)


def lit(values, jitter=0.3, rows=400):
    key = np.stack([np.arange(rows), np.arange(rows) * 7], axis=1).astype("int32")
    given = np.broadcast_to(np.asarray(values, "uint8"), (rows, *np.shape(values)))
    tensor = keras.ops.convert_to_tensor
    found = relit(tensor(given), jitter, tensor(key), "photo")
    return keras.ops.convert_to_numpy(found)


@pytest.mark.backends
def test_a_picture_is_seen_in_another_light_and_stays_where_it_is():
    # Of one colour, grey: there is no contrast and no saturation, so that brightness is what changes.
    plain = lit(np.full((4, 5, 3), 100))
    assert (plain == plain[:, :1, :1, :1]).all()
    assert plain.dtype == np.uint8
    assert 70 <= plain.min() < 75
    assert 125 < plain.max() <= 130
    assert plain[:, 0, 0, 0].mean() == pytest.approx(100, abs=2)
    # Half black and half grey: what is darker stays darker, and the distance changes.
    halves = lit(np.repeat([[[50], [150]]], 4, axis=0))[:, 0, :, 0].astype(int)
    apart = (halves[:, 1] - halves[:, 0]) / halves.mean(axis=1)
    assert (apart > 0).all()
    assert 0.69 < apart.min() < 0.75
    assert 1.25 < apart.max() < 1.31
    # A colour goes towards grey and away from it, by the contrast as well.
    colour = lit(np.broadcast_to(np.array([120, 100, 80]), (4, 5, 3)))[:, 0, 0].astype(float)
    vivid = (colour[:, 0] - colour[:, 2]) / colour.mean(axis=1)
    assert 0.4 * 0.7**2 - 0.02 < vivid.min() < 0.28
    assert 0.54 < vivid.max() < 0.4 * 1.3**2 + 0.02


def test_what_is_seen_in_another_light_alone_moves_no_label():
    declared = SimpleNamespace(
        features=fitted(jitter=0.3), tasks={"mask": Segmentation(of="photo")}
    )
    assert list(augmentation(declared, Training()).features) == ["photo"]
    assert moved_labels(declared) is None


@dataclass(frozen=True, kw_only=True)
class Outline(Boxes):
    """A task of the user's own, which does not say how its targets move."""

    moved = DenseTask.moved


def test_what_cannot_be_moved_is_refused():
    task = Outline(of="photo")
    check_names({"photo": Image()}, {"outline": task})
    for moving in (
        {"flip": "horizontal"},
        {"shift": 0.1},
        {"zoom": 0.1},
        {"crop": 0.1},
        {"rand_augment": 1},
    ):
        with pytest.raises(
            ConfigError,
            match=r"Outline does not say what .* Leave flip, .* and rand_augment out of 'photo'",
        ):
            check_names({"photo": Image(**moving)}, {"outline": task})
    check_names({"photo": Image(jitter=0.3)}, {"outline": task})
    for wrong in ({"flip": "left"}, {"shift": 1.0}, {"zoom": -0.1}, {"crop": 1.0}, {"jitter": 1.0}):
        with pytest.raises(ConfigError, match=f"Image: {next(iter(wrong))} .*Received"):
            plait.Image(**wrong)
