"""Segmentation: what it learns of masks, what it answers, and what it refuses."""

import io
from dataclasses import replace

import keras
import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from PIL import Image as Pillow

import plait
from plait.errors import ConfigError, DataError
from plait.features import _image
from plait.table import Table
from plait.tasks import Segmentation, _kept_masks, _masks
from tests.unit.tasks.masks import column_of, picture_feature, png

FEATURES = {"photo": picture_feature(4, 6)}
HALVES = np.array([[0, 0, 0, 1, 1, 1]] * 3 + [[0, 0, 0, 2, 2, 2]], "uint8")


def asked(task, pictures=None):
    """The task beside pictures of these sizes; None is an empty cell."""
    if pictures is None:
        return task.beside(FEATURES)
    cells = [None if size is None else png(np.zeros((*size, 3))) for size in pictures]
    return task.beside(FEATURES, Table.read(pa.table({"photo": pa.array(cells, pa.binary())})))


def fitted(cells=(HALVES,), **arguments):
    task = Segmentation(of="photo", **arguments)
    return asked(task).fit(column_of([png(cell) for cell in cells]))


def of_truth(mask, classes):
    """Logits that say what a mask of the frame's size says."""
    return 9 * np.eye(classes, dtype="float32")[mask][None]


def test_classes_are_the_values_of_the_training_masks_and_shares_those_of_their_pixels():
    learnt = fitted([HALVES, np.full((2, 6), 2, "uint8")]).learnt
    assert learnt["classes"] == ["0", "1", "2"]
    np.testing.assert_allclose(learnt["shares"], [12 / 36, 9 / 36, 15 / 36])
    assert learnt["entropy"] == pytest.approx(-sum(p * np.log(p) for p in learnt["shares"]))


def test_ignored_pixels_are_of_no_class():
    learnt = fitted(ignore=2).learnt
    assert learnt["classes"] == ["0", "1"]
    np.testing.assert_allclose(learnt["shares"], [12 / 21, 9 / 21])


def test_named_classes_may_have_no_pixel():
    task = fitted(classes={"b": 1, "none": 9, "a": 0}, ignore=2)
    np.testing.assert_allclose(task.learnt["shares"], [9 / 21, 0, 12 / 21])
    assert np.isfinite(task.trivial_logits()).all()
    scores = asked(task).scores(
        np.repeat(task.trivial_logits(), 1, axis=0), column_of([png(HALVES)])
    )
    # All of it a: 12 of 21, and 0 for b; nobody has the third.
    assert scores == {
        "mean_iou": pytest.approx(6 / 21),
        "pixel_accuracy": pytest.approx(12 / 21),
        "iou_a": pytest.approx(12 / 21),
        "iou_b": 0,
    }
    assert task.gain(scores) == pytest.approx(0)


def test_scores_are_taken_at_the_masks_own_size():
    task = fitted()
    halves = np.minimum(HALVES, 1)
    large = halves.repeat(5, 0).repeat(5, 1)
    large[0, 0] = 1
    scores = asked(task).scores(of_truth(halves, 3), column_of([png(large)]))
    assert scores["pixel_accuracy"] == pytest.approx(599 / 600)
    assert scores["mean_iou"] == pytest.approx((299 / 300 + 300 / 301) / 2)
    # A tall one lies in the middle of the frame, and what is beside it says nothing.
    tall = np.repeat([[0], [1]], 6, axis=0).astype("uint8") * np.ones((1, 6), "uint8")
    laid = asked(task).targets(column_of([png(tall)])).values[0]
    assert (laid == 255).any()
    answers = of_truth(np.where(laid == 255, 2, laid), 3)
    assert asked(task).scores(answers, column_of([png(tall)]))["pixel_accuracy"] == 1


def test_rows_without_a_label_or_a_weight_are_not_scored():
    task = fitted()
    cells = column_of([None, png(HALVES), png(0 * HALVES)])
    logits = np.repeat(of_truth(HALVES, 3), 3, axis=0)
    assert asked(task).scores(logits, cells, np.array([1, 1, 0]))["mean_iou"] == 1
    assert asked(task).scores(logits[:1], column_of([None])) == {}


def test_an_answer_is_an_indexed_png_of_the_pictures_own_size():
    task = fitted([HALVES * 7])
    assert task.learnt["classes"] == ["0", "7", "14"]
    logits = np.repeat(of_truth(HALVES, 3), 3, axis=0)
    found = asked(task, [(8, 12), None, (4, 6)]).decode(logits)[""].to_pylist()
    assert found[1] is None
    for data, size in zip(found[::2], [(8, 12), (4, 6)], strict=True):
        picture = Pillow.open(io.BytesIO(data))
        assert picture.mode == "P"
        scale = size[0] // 4
        np.testing.assert_array_equal(picture, (7 * HALVES).repeat(scale, 0).repeat(scale, 1))
    # Of no rows, as of a model's first look at its own file.
    assert asked(task).decode(logits[:1])[""][0].as_py() == found[2]
    # Of rows of a table that has no pictures.
    lacking = task.beside(FEATURES, Table.read({"size": [1.0]}))
    assert lacking.decode(logits[:1])[""].to_pylist() == [None]


def test_a_row_without_its_picture_is_not_labelled():
    task = fitted()
    cells = column_of([png(HALVES), png(HALVES)])
    for pictures in ([(4, 6), None], [None, None]):
        there = [picture is not None for picture in pictures]
        beside = asked(task, pictures)
        assert beside.targets(cells).labelled.tolist() == there
        logits = np.repeat(of_truth(HALVES, 3), 2, axis=0)
        assert (beside.scores(logits, cells) != {}) == any(there)
    with pytest.raises(DataError, match="has no label in any training row"):
        asked(Segmentation(of="photo"), [None, None]).fit(cells)


def test_a_picture_that_cannot_be_read_is_none():
    features = {"photo": replace(FEATURES["photo"], on_error="absent")}
    pictures = pa.array([b"nothing", png(np.zeros((4, 6, 3)))])
    task = fitted().beside(features, Table.read(pa.table({"photo": pictures})))
    cells = column_of([png(0 * HALVES), png(HALVES)])
    logits = np.repeat(of_truth(HALVES, 3), 2, axis=0)
    assert task.scores(logits, cells)["pixel_accuracy"] == 1
    assert [answer is None for answer in task.decode(logits)[""].to_pylist()] == [True, False]


def test_scores_that_are_taken_again_read_no_mask_and_no_picture_again(monkeypatch):
    read = []
    monkeypatch.setattr(
        _masks,
        "mask_pixels",
        lambda data, _, real=_masks.mask_pixels: read.append("mask") or real(data),
    )
    monkeypatch.setattr(
        _image, "_size", lambda data, real=_image._size: read.append("picture") or real(data)
    )
    task = asked(fitted(), [(4, 6)] * 3)
    read.clear()
    masks = [HALVES, None, np.minimum(HALVES, 1)]
    table = Table.read({"mask": [None if mask is None else png(mask) for mask in masks]})
    logits = np.repeat(of_truth(HALVES, 3), 3, axis=0)
    found = [task.scores(logits, table.column("mask")) for _ in range(3)]
    assert sorted(read) == ["mask", "mask", "picture", "picture"]
    assert found[0] == found[1] == found[2]
    # Other labels of the same rows are read.
    assert task.scores(logits, column_of([None, None, png(HALVES)]))["mean_iou"] == 1
    # As many as memory takes stay.
    monkeypatch.setattr(_kept_masks, "KEPT_BYTES", 24)
    read.clear()
    task = asked(fitted(), [(4, 6)] * 3)
    assert [task.scores(logits, table.column("mask")) for _ in range(2)] == found[:2]
    assert read.count("mask") == 1 + 2 + 1


def test_masks_in_colour():
    colours = {"sky": [0, 0, 255], "road": [90, 90, 90]}
    mask = np.where(HALVES[..., None] == 0, colours["sky"], colours["road"]).astype("uint8")
    mask[0, 0] = 0
    task = fitted([mask], classes=colours, ignore=[0, 0, 0])
    np.testing.assert_allclose(task.learnt["shares"], [11 / 23, 12 / 23])
    values = asked(task).targets(column_of([png(mask)])).values[0]
    assert values[0].tolist() == [255, 0, 0, 1, 1, 1]
    (data,) = asked(task).decode(of_truth(np.minimum(HALVES, 1), 2))[""].to_pylist()
    answer = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))
    assert answer[0].tolist() == [colours["sky"]] * 3 + [colours["road"]] * 3


def test_pixels_of_unseen_classes_may_be_left_out():
    strange = HALVES.copy()
    strange[0, 0] = 5
    column = column_of([png(strange)])
    with pytest.raises(DataError, match=r"row 1 of train.csv.*value 5.*on_unseen=.missing."):
        asked(fitted()).targets(column).values[0]
    with pytest.raises(DataError, match="value 5"):
        asked(fitted()).scores(of_truth(HALVES, 3), column)
    lenient = asked(fitted(on_unseen="missing"))
    assert lenient.targets(column).values[0][0].tolist() == [255, 0, 0, 1, 1, 1]
    assert lenient.scores(of_truth(HALVES, 3), column)["mean_iou"] == 1


def test_a_mask_of_another_size_than_its_picture_is_refused_when_it_is_met():
    column = column_of([png(HALVES), png(HALVES)])
    task = Segmentation(of="photo")
    with pytest.raises(DataError, match=r"row 2 of train.csv: .* is 6 x 4, and its picture 6 x 5"):
        asked(task, [(4, 6), (5, 6)]).fit(column)
    with pytest.raises(DataError, match="is 6 x 4, and its picture 5 x 4"):
        asked(fitted(), [(4, 6), (4, 5)]).targets(column).values[np.array([0, 1])]


def test_a_mask_of_another_size_than_its_picture_is_neither_scored_nor_drawn():
    refused = pytest.raises(
        DataError, match=r"'mask', row 2 of train.csv: .* is 6 x 4, and its picture 5 x 4;"
    )
    column = column_of([png(HALVES), png(HALVES)])
    logits = np.repeat(of_truth(HALVES, 3), 2, axis=0)
    with refused:
        asked(fitted(), [(4, 6), (4, 5)]).scores(logits, column)
    # A picture that nobody asks about is of any size.
    assert asked(fitted(), [(4, 6), (4, 5)]).scores(logits, column, np.array([1, 0]))
    with refused:
        asked(fitted(), [(4, 5)]).draw(
            Figure().subfigures(), logits[1:], column.take(np.array([1]))
        )


@pytest.mark.parametrize(
    ("cells", "arguments", "said"),
    [
        ([b"\x89PNG\r\n\x1a\n nothing"], {}, "corrupt PNG"),
        ([b"text"], {}, "is no picture of a known kind"),
        ([png(np.arange(48).reshape(4, 4, 3))], {}, "is in colour, and no colour is named"),
        ([png(HALVES)], {"classes": ("a", "b")}, "value 2 in row 3, column 3"),
        ([png(0 * HALVES)], {}, "have pixels of 1 class"),
        ([png(HALVES)], {"classes": ("a", "b", "c"), "ignore": 7, "missing": ("x",)}, None),
        (["a"], {}, "does not exist"),
        ([3, 4], {}, "expects paths or bytes"),
        ([None], {}, "has no label in any training row"),
    ],
)
def test_what_is_no_mask_is_refused(cells, arguments, said, tmp_path):
    task = asked(Segmentation(of="photo", **arguments))
    column = column_of(cells, root=tmp_path)
    if said is None:
        task.fit(column)
        return
    with pytest.raises(DataError, match=said):
        task.fit(column)


def test_photographs_are_no_masks():
    grey = np.arange(256, dtype="uint8").reshape(16, 16)
    with pytest.raises(DataError, match="Received 256 different values of pixels"):
        fitted([grey])


def test_balanced_classes_have_the_same_say_and_the_trivial_answer_a_loss_of_1():
    task = fitted(classes={"b": 1, "none": 9, "a": 0}, ignore=2, class_weights="balanced", dice=0)
    weights = np.array(task.learnt["class_weights"])
    np.testing.assert_allclose(weights[[0, 2]], [21 / 9 / 2, 21 / 12 / 2])
    assert weights[1] == pytest.approx(1000 / 2)
    prior = np.array(task.head().prior)
    assert prior[0] == pytest.approx(prior[2])
    logits = np.tile(prior, (1, 4, 6, 1)).astype("float32")
    mask = np.array([2, 0, 255], "uint8")[HALVES][None]
    loss = task.loss().call(keras.ops.convert_to_tensor(mask), keras.ops.convert_to_tensor(logits))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(loss), [1], rtol=1e-2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dice": 1.5},
        {"class_weights": "effective"},
        {"on_unseen": "skip"},
        {"classes": ("a",)},
        {"classes": {"a": 1, "b": 1}},
    ],
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match="Received"):
        Segmentation(of="photo", **wrong)


@pytest.mark.parametrize(
    ("of", "said"),
    [("photos", r"not declared.* Did you mean .photo."), ("size", "'size' is Number")],
)
def test_a_feature_that_it_cannot_be_of_is_refused(of, said):
    features = {"photo": plait.Image(), "size": plait.Number()}
    with pytest.raises(ConfigError, match=said):
        plait.Learner(features, {"mask": Segmentation(of=of)})


def scenes(rows=48, side=16, seed=0):
    """A bright half on a dark ground; which class it has stands in another column alone."""
    draw = np.random.default_rng(seed)
    table = {"photo": [], "kind": [], "mask": []}
    for row in range(rows):
        place = np.zeros((side, side), bool)
        at = draw.integers(2, side - 2)
        place[:, :at] = draw.random() < 0.5
        place[:, at:] = ~place[0, 0]
        pixels = np.where(place[..., None], 220, 30) + draw.integers(-20, 20, (side, side, 3))
        kind = int(draw.integers(2))
        table["photo"].append(png(pixels))
        table["kind"].append("ab"[kind])
        table["mask"].append(png(place * (1 + kind)))
        if row % 8 == 7:
            table["mask"][-1] = None
    return table


def learner(epochs=40):
    return plait.Learner(
        {"photo": plait.Image(encoder=plait.ImageConv(16, (12, 16))), "kind": plait.Category()},
        {"mask": Segmentation(of="photo", classes=("ground", "a", "b"))},
        width=16,
        training=plait.Training(
            epochs=epochs, batch_size=8, learning_rate=0.003, patience=epochs, modality_dropout=0.0
        ),
    )


@pytest.fixture(scope="module")
def taught():
    return learner().fit(
        {"train": scenes(), "validation": scenes(seed=1)}, run=False, verbose=False
    )


def test_another_column_changes_the_mask(taught):
    table = scenes(rows=8, seed=2)
    scores = taught.evaluate(table)["mask"]
    assert scores["mean_iou"] > 0.8
    other = dict(table, kind=["b" if kind == "a" else "a" for kind in table["kind"]])
    assert taught.evaluate(other)["mask"]["iou_a"] < 0.3


def test_a_mask_of_another_size_is_refused_in_evaluation_and_in_validation(taught):
    table = scenes(rows=8)
    table["mask"][3] = png(np.zeros((16, 15)))
    refused = pytest.raises(DataError, match=r"row 4 of .* is 15 x 16, and its picture 16 x")
    with refused:
        taught.evaluate(table)
    with refused:
        plait.evaluate(taught.predictor, table)
    with refused:
        learner(epochs=1).fit({"train": scenes(), "validation": table}, run=False, verbose=False)


def test_an_answer_has_the_size_of_its_picture_and_is_saved(taught, tmp_path):
    table = scenes(rows=3, side=20, seed=3)
    table["photo"][1] = None
    taught.save(tmp_path / "m.plait")
    again = plait.Learner.load(tmp_path / "m.plait")
    answers = taught.predict({n: table[n] for n in ("photo", "kind")})
    assert answers.equals(again.predict(table))
    found = answers["mask"].to_pylist()
    assert found[1] is None
    assert [Pillow.open(io.BytesIO(data)).size for data in found[::2]] == [(20, 20), (20, 20)]


def test_what_stands_in_the_place_of_an_absent_picture_changes_nothing(taught):
    rows = taught.predictor.declaration.rows(Table.read(scenes(rows=4)))
    x = rows.inputs(np.arange(4))
    x["photo__present"] = np.array([True, False, True, False])
    changed = {**x, "photo": x["photo"].copy()}
    changed["photo"][[1, 3]] = 200
    masks = (taught.predictor.model(x)["mask"] for x in (x, changed))
    before, after = (keras.ops.convert_to_numpy(mask) for mask in masks)
    np.testing.assert_array_equal(before, after)
