"""Boxes and a mask that agree about where in the picture things are."""

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plait
from plait.errors import ConfigError
from plait.heads import Sightings
from plait.objectives import Consistency
from plait.table import Table
from plait.tasks import Boxes, Segmentation, fit_tasks
from plait.tasks._extents import mask_extents
from tests.unit.tasks.masks import picture_feature, png

HEIGHT, WIDTH = 64, 96
RULE = Consistency("mask", "boxes", rule="extent", label="car")


def boxed(kinds, boxes):
    """Logits of one row with a sighting for each box."""
    count = len(boxes)
    seen = Sightings(
        np.array([kinds], "float32"),
        np.zeros((1, count)),
        np.array([boxes], "float32"),
        np.zeros((1, count, 2)),
        np.ones((1, count)),
    )
    return keras.ops.concatenate(
        [
            keras.ops.reshape(keras.ops.convert_to_tensor(part, "float32"), (1, count, -1))
            for part in seen
        ],
        axis=-1,
    )


def masked(*boxes):
    """Logits of one row in which those boxes are cars, at a quarter of the frame's size."""
    logits = np.zeros((1, HEIGHT // 4, WIDTH // 4, 2), "float32")
    logits[..., 0] = 20
    for x0, y0, x1, y1 in boxes:
        logits[:, y0 // 4 : y1 // 4, x0 // 4 : x1 // 4, 1] = 40
    return keras.ops.convert_to_tensor(logits)


@pytest.fixture(scope="module")
def tasks():
    things = [[0, 0, 60, 50, "car"], [4, 4, 9, 9, "sign"]]
    table = Table.read(
        pa.table(
            {
                "photo": pa.array([png(np.zeros((HEIGHT, WIDTH, 3)))] * 2, pa.binary()),
                "mask": pa.array([png(np.eye(HEIGHT, WIDTH))] * 2, pa.binary()),
                "boxes": [str(things).replace("'", '"'), "[]"],
            }
        )
    )
    declared = {
        "mask": Segmentation(of="photo", classes=("ground", "car")),
        "boxes": Boxes(of="photo"),
    }
    return fit_tasks(declared, {"photo": picture_feature(HEIGHT, WIDTH)}, table)


def loss(tasks, mask, boxes):
    seen = {
        "a": tasks["mask"].extents(mask, "car", 32),
        "b": tasks["boxes"].extents(boxes, "car", 32),
    }
    losses, counts = RULE.with_state({"slices": 32}).losses(seen)
    assert keras.ops.convert_to_numpy(counts).tolist() == [True]
    return float(losses[0])


@pytest.mark.backends
def test_the_extents_of_a_box_and_of_a_mask(tasks):
    """24 to 48 of 96 are slices 8 to 15 of 32, and 16 to 32 of 64 the same."""
    expected = np.zeros((2, 32))
    expected[:, 8:16] = 1
    box = [24, 16, 48, 32]
    of_mask = keras.ops.convert_to_numpy(tasks["mask"].extents(masked(box), "car", 32))[0]
    np.testing.assert_allclose(of_mask, expected, atol=1e-5)
    seen = boxed([[30, -30]], [box])
    of_box = keras.ops.convert_to_numpy(tasks["boxes"].extents(seen, "car", 32))[0]
    np.testing.assert_allclose(of_box, expected, atol=0.13)
    sign = keras.ops.convert_to_numpy(tasks["boxes"].extents(seen, "sign", 32))[0]
    np.testing.assert_allclose(sign, 0, atol=1e-6)


def test_no_cell_of_a_fine_map_is_left_out():
    """One of 128 columns lies in the slice of a quarter of that; of 48 in one or two slices."""
    for count in (128, 96, 48, 24):
        shares = np.eye(count, dtype="float32")[:, None, :]
        across = keras.ops.convert_to_numpy(mask_extents(shares, 32))[:, 0]
        for column in range(count):
            slices = range(column * 32 // count, -(-(column + 1) * 32 // count))
            assert np.flatnonzero(across[column]).tolist() == list(slices)


def test_no_thing_of_a_crowd_is_left_out(tasks):
    """Twenty things along a diagonal, of each nine sightings."""
    boxes = [[4.8 * n, 3.2 * n, 4.8 * n + 4, 3.2 * n + 3] for n in range(20) for _ in range(9)]
    seen = boxed([[9, -9]] * len(boxes), boxes)
    found = keras.ops.convert_to_numpy(tasks["boxes"].extents(seen, "car", 32))
    assert found.min() > 0.1


def test_the_loss_falls_towards_agreement(tasks):
    """By a step of a box, and by a step of a mask's logits where the box is."""
    here = [24, 16, 48, 32]

    def of_box(off):
        box = [here[0] + off, here[1], here[2] + off, here[3]]
        return loss(tasks, masked(here), boxed([[3, -3]], [box]))

    def of_mask(up):
        inside = keras.ops.convert_to_numpy(masked(here)) > 30
        logits = np.where(inside, up, [0, -20]).astype("float32")
        logits = keras.ops.convert_to_tensor(logits)
        return loss(tasks, logits, boxed([[3, -3]], [here]))

    assert of_box(12) > of_box(11) > of_box(6) > of_box(5) > of_box(0)
    assert of_mask(-1) > of_mask(0) > of_mask(0.1) > of_mask(2)


def test_they_agree_where_things_lie_and_not_how_many_boxes_say_so(tasks):
    one, other = [24, 16, 48, 32], [64, 40, 88, 60]
    sure = boxed([[30, -30]] * 2, [one, one])
    both = boxed([[30, -30]] * 2, [one, other])
    assert loss(tasks, masked(one), sure) < 0.03
    assert loss(tasks, masked(one, other), both) < 0.03
    # One of two is missed: of 17 slices across 8, and of 18 down 8.
    missed = ((1 - 17 / (17 + 8 + 1)) + (1 - 17 / (18 + 8 + 1))) / 2
    assert loss(tasks, masked(one, other), sure) == pytest.approx(missed, abs=0.02)
    assert loss(tasks, masked(other), sure) > 0.85
    nothing = boxed([[-30, -30]], [one])
    assert loss(tasks, masked(), nothing) == pytest.approx(0, abs=1e-4)
    assert loss(tasks, masked(one), nothing) > 0.85
    # A sign is no car.
    assert loss(tasks, masked(one), boxed([[-30, 30]], [one])) > 0.85


def test_what_cannot_agree_so(tasks):
    table = Table.read({"n": [1, 2]})
    with pytest.raises(ConfigError, match=r"rule='extent' asks for a label"):
        Consistency("mask", "boxes", rule="extent")
    with pytest.raises(ConfigError, match=r"Segmentation knows no class 'cat'.*'car'"):
        Consistency("mask", "boxes", rule="extent", label="cat").fit(table, {}, tasks)
    with pytest.raises(ConfigError, match=r"Segmentation knows no class 'sign'"):
        Consistency("boxes", "mask", rule="extent", label="sign").fit(table, {}, tasks)
    count = plait.Count().fit(table.column("n"))
    with pytest.raises(ConfigError, match=r"'n' are Segmentation of 'photo' and Count of None"):
        Consistency("mask", "n", rule="extent", label="car").fit(table, {}, {**tasks, "n": count})


def test_boxes_without_labels_are_of_what_is_asked_for(tasks):
    plain = tasks["boxes"].with_state({**tasks["boxes"].learnt, "classes": ["object"]})
    assert plain.extent_kind("car") == 0
    with pytest.raises(ConfigError, match=r"no label 'car'"):
        plain.spread("car")


@pytest.mark.backends
def test_a_model_learns_from_it_and_is_saved_without_it(tmp_path):
    rng = np.random.default_rng(0)
    rows = 12
    pictures = rng.integers(0, 60, (rows, 32, 32, 3)).astype("uint8")
    masks = np.zeros((rows, 32, 32), "uint8")
    boxes = []
    for row in range(rows):
        x, y = rng.integers(0, 20, 2).tolist()
        masks[row, y : y + 12, x : x + 12] = 1
        pictures[row][masks[row] == 1] = 200
        boxes.append([[x, y, x + 12, y + 12]])
    table = {
        "photo": list(map(png, pictures)),
        "mask": [*map(png, masks[:8]), *[None] * 4],
        "boxes": [*map(str, boxes[:8]), *[None] * 4],
    }
    learner = plait.Learner(
        features={"photo": plait.Image(size=(32, 32))},
        tasks={
            "mask": Segmentation(of="photo", classes=("ground", "car")),
            "boxes": Boxes(of="photo"),
        },
        objectives={"agree": RULE},
        width=8,
        training=plait.Training(epochs=1, batch_size=4, unlabelled=0.25),
    )
    learner.fit({"train": table, "validation": table}, run=tmp_path / "run", verbose=False)
    history = pq.read_table(tmp_path / "run" / "history.parquet").to_pydict()
    assert 0 < history["agree_loss"][0] < 1
    again = plait.Predictor.load(tmp_path / "run")
    assert {"mask", "boxes"} <= set(again.predict(table).column_names)
