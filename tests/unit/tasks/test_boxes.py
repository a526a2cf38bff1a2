"""Boxes: how they are read, laid into the frame, brought back, and what is refused."""

import json

import keras
import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.errors import ConfigError, DataError
from plait.features import _image, fit_features
from plait.inference import check_names
from plait.table import Table
from plait.tasks import Boxes, _boxes
from plait.tasks._box_cells import box_lists
from tests.unit.heads.test_strongest_boxes import logits_of


def picture(height, width):
    return f"P6 {width} {height} 255 ".encode() + bytes(3 * height * width)


WIDE, HIGH = picture(20, 40), picture(64, 32)
FEATURES = fit_features({"photo": plait.Image(size=(16, 20))}, Table.read({"photo": [WIDE, HIGH]}))
THINGS = [[[0, 2, 9, 12, "cat"], [20, 5, 40, 20, "dog"]], [[8, 16, 16, 64, "dog"]], None, []]


def table_of(boxes, photos=None, **columns):
    photos = ([WIDE, HIGH] * len(boxes))[: len(boxes)] if photos is None else photos
    boxes = [boxes_ if boxes_ is None else json.dumps(boxes_) for boxes_ in boxes]
    return Table.read({"photo": photos, "boxes": boxes, **columns}, name="t.csv")


def bound(task, table):
    return task.beside(FEATURES, table)


def fitted(table, **arguments):
    task = Boxes(of="photo", **arguments)
    return bound(bound(task, table).fit(table.column("boxes")), table)


def test_boxes_lie_in_the_frame_as_the_picture_does():
    table = table_of(THINGS)
    task = fitted(table)
    assert task.learnt == {
        "classes": ["cat", "dog"],
        "units": "pixels",
        "boxes": 16,
        "frame": [16, 20],
        # Of cats there are 1, 0 and 0, of dogs 1, 1 and 0, of both 2, 1 and 0.
        "spreads": [
            pytest.approx(2**0.5 / 3),
            pytest.approx(2**0.5 / 3),
            pytest.approx((2 / 3) ** 0.5),
        ],
    }
    targets = task.targets(table.column("boxes"))
    np.testing.assert_array_equal(targets.labelled, [True, True, False, True])
    assert targets.values.shape == (4, 16, 5)
    # 40 x 20 becomes 20 x 10, with 3 rows above; 32 x 64 becomes 8 x 16, with 6 columns at the left.
    np.testing.assert_allclose(targets.values[0, :2], [[0, 4, 4.5, 9, 1], [10, 5.5, 20, 13, 2]])
    np.testing.assert_allclose(targets.values[1, 0], [8, 4, 10, 16, 2])
    assert not targets.values[0, 2:].any()
    assert not targets.values[2:].any()


def test_fractions_are_of_the_picture():
    table = table_of([[[0, 0.1, 0.225, 0.6, "cat"], [0.5, 0.25, 1.004, 1, "dog"]]])
    task = fitted(table)
    assert task.learnt["units"] == "fractions"
    targets = task.targets(table.column("boxes"))
    expected = [[0, 4, 4.5, 9, 1], [10, 5.5, 20, 13, 2]]
    np.testing.assert_allclose(targets.values[0, :2], expected, rtol=1e-6)


def answers_of(targets):
    """What `StrongestBoxes` gives of boxes that are right."""
    answers = np.zeros((len(targets.values), 100, 6), "float32")
    answers[:, :16, :4] = targets.values[..., :4]
    answers[:, :16, 4] = np.maximum(targets.values[..., 4] - 1, 0)
    answers[:, :16, 5] = 0.9 * (targets.values[..., 4] > 0)
    return answers


@pytest.mark.parametrize("units", ["pixels", "fractions"])
def test_decoding_undoes_it(units):
    things = THINGS
    if units == "fractions":
        things = [[[0, 0.5, 0.25, 1, "cat"]], [[0.5, 0.25, 1, 1, "dog"]], None, []]
    table = table_of(things)
    task = fitted(table)
    given = task.decode(answers_of(task.targets(table.column("boxes"))))[""]
    for cell, answer in zip(things, given.to_pylist(), strict=True):
        assert [b["label"] for b in answer] == [b[4] for b in cell or []]
        sides = [[b[name] for name in ("x0", "y0", "x1", "y1")] for b in answer]
        np.testing.assert_allclose(sides, [b[:4] for b in cell or []] or sides, atol=1e-4)
    assert given[0][0].as_py()["score"] == pytest.approx(0.9)


def test_weak_boxes_are_not_told_and_none_reaches_over_its_picture():
    table = table_of(THINGS)
    task = fitted(table, least_score=0.5)
    answers = np.zeros((1, 100, 6), "float32")
    answers[0, :3] = [[-5, 0, 30, 20, 1, 0.8], [0, 3, 4, 9, 0, 0.4], [0, 14, 20, 16, 0, 0.7]]
    one = bound(task, table.take(np.array([0])))
    (boxes,) = one.decode(answers)[""].to_pylist()
    # The second is weak, and the third lies below the picture.
    assert [[b[n] for n in ("x0", "y0", "x1", "y1", "label")] for b in boxes] == [
        [0, 0, 40, 20, "dog"]
    ]


def test_without_pictures_boxes_are_of_the_frame():
    task = fitted(table_of(THINGS)).beside(FEATURES)
    answers = np.zeros((1, 100, 6), "float32")
    answers[0, 0] = [1, 2, 3, 4, 0, 0.8]
    (box,) = task.decode(answers)[""].to_pylist()[0]
    assert [box[n] for n in ("x0", "y0", "x1", "y1")] == [1, 2, 3, 4]


def test_a_row_without_its_picture_is_not_labelled():
    table = table_of(THINGS[:2], photos=[None, HIGH])
    task = fitted(table_of(THINGS))
    targets = bound(task, table).targets(table.column("boxes"))
    np.testing.assert_array_equal(targets.labelled, [False, True])
    answers = np.zeros((2, 100, 6), "float32")
    answers[:, 0] = [2, 4, 9, 12, 0, 0.8]
    given = bound(task, table).decode(answers)[""].to_pylist()
    assert given[0] is None
    assert len(given[1]) == 1
    alone = Table.read({"boxes": [json.dumps(THINGS[0])]})
    assert bound(task, alone).decode(answers[:1])[""].to_pylist() == [None]
    assert not bound(task, alone).targets(alone.column("boxes")).labelled.any()
    assert bound(task, alone).scores(np.zeros((1, 100, 6)), alone.column("boxes")) == {}


def test_what_was_read_of_rows_is_not_read_again(monkeypatch):
    task = fitted(table_of(THINGS))
    table = table_of(THINGS)
    read = []
    monkeypatch.setattr(
        _boxes, "box_lists", lambda *given, real=box_lists: read.append("boxes") or real(*given)
    )
    monkeypatch.setattr(
        _image, "_size", lambda data, real=_image._size: read.append("picture") or real(data)
    )
    task = bound(task, table)
    targets = task.targets(table.column("boxes"))
    answers = answers_of(targets)
    found = [task.scores(answers, table.column("boxes"), np.ones(4)) for _ in range(2)]
    assert found[0] == found[1] == task.scores(answers, table.column("boxes"))
    assert sorted(read) == ["boxes", "picture", "picture", "picture"]
    # Of some of the rows, other boxes are due.
    fewer = task.scores(answers, table.column("boxes"), np.array([0, 1, 1, 1]))
    assert fewer.keys() == {"map", "map50", "ap50_dog"}
    task.decode(answers)
    assert sorted(read) == ["boxes"] * 2 + ["picture"] * 4


def test_every_form_of_a_cell_says_the_same():
    forms = [
        [[[0, 2, 9, 12, "cat"]]],
        [[{"x0": 0, "y0": 2, "x1": 9, "y1": 12, "label": "cat", "score": 0.4}]],
    ]
    expected = fitted(table_of(forms[0])).targets(table_of(forms[0]).column("boxes")).values
    for cells in forms:
        for boxes in ([json.dumps(cells[0])], cells):
            if isinstance(boxes[0], list) and isinstance(boxes[0][0], list):
                continue  # Arrow has no list of numbers and text.
            table = Table.read({"photo": [WIDE], "boxes": boxes})
            values = fitted(table).targets(table.column("boxes")).values
            np.testing.assert_array_equal(values, expected)
    corners = pa.array([[[0.0, 2, 9, 12]]])
    table = Table.read(pa.table({"photo": [WIDE], "boxes": corners, "what": [["cat"]]}))
    np.testing.assert_array_equal(
        fitted(table, labels="what").targets(table.column("boxes")).values, expected
    )


def test_boxes_without_labels_are_objects():
    table = table_of([[[0, 2, 9, 12], [1, 1, 5, 5]]])
    assert fitted(table).learnt["classes"] == ["object"]


def test_there_is_room_for_the_most_boxes_of_a_training_row_and_further_ones_are_cut():
    many = [[n, n, n + 2, n + 2, "cat"] for n in range(18)]
    task = fitted(table_of([many, []]))
    assert task.learnt["boxes"] == 18
    more = table_of([[*many, [0, 0, 1, 1, "cat"]]])
    targets = bound(task, more).targets(more.column("boxes"))
    assert (targets.values[0, :, 4] == 1).all()
    assert fitted(table_of([many[:3], []])).learnt["boxes"] == 16


def test_labels_that_training_never_saw_can_be_left_out():
    task = fitted(table_of(THINGS), on_unseen="missing")
    table = table_of([[[0, 0, 5, 5, "cow"], [1, 1, 5, 5, "cat"]]])
    targets = bound(task, table).targets(table.column("boxes"))
    assert targets.unseen == 1
    np.testing.assert_array_equal(targets.values[0, :, 4], [1] + [0] * 15)


def test_scores_are_of_the_boxes_at_the_pictures_own_size():
    table = table_of(THINGS)
    task = fitted(table)
    answers = answers_of(task.targets(table.column("boxes")))
    # Twelve of the 24 pixels of the second row's box: too few from a least overlap of .55 on.
    answers[1, 0, 1] = 10
    scores = task.scores(answers, table.column("boxes"))
    assert scores["ap50_cat"] == pytest.approx(1)
    assert scores["ap50_dog"] == pytest.approx(1)
    assert scores["map50"] == pytest.approx(1)
    # The dogs at the other nine: recall 1/2 at precision 1, 51 of the 101 recalls.
    assert scores["map"] == pytest.approx((1 + (1 + 9 * 51 / 101) / 10) / 2)
    assert task.gain(scores) == scores["map"]


BAD = {
    "outside": ([[0, 0, 42, 20, "cat"]], "40 wide and 20 high in pixels.*x1=42.0"),
    "below 0": ([[-2, 0, 20, 20, "cat"]], "reaches outside its picture"),
    "beside": ([[40, 0, 41, 20, "cat"]], "reaches outside its picture"),
    "turned": ([[9, 2, 4, 12, "cat"]], "x0 < x1 and y0 < y1.*x0=9.0, y0=2.0, x1=4.0"),
    "no area": ([[9, 2, 12, 2, "cat"]], "x0 < x1 and y0 < y1"),
    "three numbers": ([[1, 2, 3]], r"each \{.*Received: \[1, 2, 3\]"),
    "a word": ([["1", 2, 3, 4, "cat"]], "numbers for x0, y0, x1 and y1"),
    "no corner": ([{"x": 1, "y": 2}], "Boxes expects boxes, each"),
    "no list": ({"x0": 1}, "a list of boxes"),
    "a number": (7, "a list of boxes"),
    "not finite": ([[0, 0, float("inf"), 5, "cat"]], "finite numbers"),
    "no label": ([[0, 0, 5, 5], [0, 0, 5, 5, "cat"]], "each box to have a label"),
    "mixed labels": ([[0, 0, 5, 5, 3], [0, 0, 5, 5, "cat"]], "each box to have a label"),
    "unknown": ([[0, 0, 5, 5, "dgo"]], "never saw the class 'dgo'.*Did you mean 'dog'.*on_unseen"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_cannot_be_a_box_is_refused_and_named(case):
    cell, message = case
    task = fitted(table_of(THINGS))
    table = table_of([THINGS[0], cell], photos=[WIDE, WIDE])
    with pytest.raises(DataError, match=r"Column 'boxes', row 2 of t.csv: .*" + message):
        bound(task, table).targets(table.column("boxes"))


def test_what_is_no_json_is_refused():
    task = fitted(table_of(THINGS))
    table = Table.read({"photo": [WIDE], "boxes": ["[[0, 0, 5, 5"]}, name="t.csv")
    with pytest.raises(DataError, match=r"row 1 of t.csv: .*as JSON. Received: '\[\[0, 0"):
        bound(task, table).targets(table.column("boxes"))


def test_rounding_over_the_edge_is_cut_off():
    task = fitted(table_of(THINGS))
    table = table_of([[[-0.8, 0, 40.9, 20, "cat"]]])
    values = bound(task, table).targets(table.column("boxes")).values
    np.testing.assert_allclose(values[0, 0], [0, 3, 20, 13, 1])


def test_units_that_cannot_be_told_are_asked_for():
    with pytest.raises(DataError, match=r'Declare Boxes\(units="pixels"\)'):
        fitted(table_of([[[0, 0, 1.5, 1, "cat"]]]))
    assert fitted(table_of([[[0, 0, 1.5, 1, "cat"]]]), units="pixels")
    with pytest.raises(DataError, match="in fractions"):
        fitted(table_of(THINGS), units="fractions")


def test_other_units_are_offered_where_they_are_meant():
    fractions = fitted(table_of([[[0, 0, 0.5, 1, "cat"]]]))
    for box, said in (
        ([0, 0, 0.5, 1.03, "cat"], r"in fractions\. Cut it off there, or mend the cell"),
        ([0, 0, 12, 9, "cat"], r'in fractions\. Declare Boxes\(units="pixels"\)'),
    ):
        table = table_of([[box]])
        with pytest.raises(DataError, match=said):
            bound(fractions, table).targets(table.column("boxes"))


def test_labels_have_to_be_as_many_as_boxes_and_there():
    boxes = [[[0, 0, 5, 5], [1, 1, 5, 5]]]
    with pytest.raises(DataError, match="2 boxes, and 1 labels in the column 'what'"):
        fitted(table_of(boxes, what=['["cat"]']), labels="what")
    with pytest.raises(DataError, match="a list of labels in the column 'what'"):
        fitted(table_of(boxes, what=["cat"]), labels="what")
    with pytest.raises(DataError, match=r"t\.csv has no column 'what'"):
        fitted(table_of(boxes), labels="what")


def test_training_rows_without_any_box_are_refused():
    for cells in ([[], []], [None, None]):
        with pytest.raises(DataError, match=r"Column 'boxes' of t.csv has no box"):
            fitted(table_of(cells))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": "percent"}, "units is one of None, 'pixels', 'fractions'"),
        ({"on_unseen": "drop"}, "on_unseen is one of"),
        ({"most_boxes": 0}, "most_boxes is a whole number"),
        ({"least_score": 1.5}, "least_score is in"),
        ({"of": ""}, "Boxes is of a feature"),
    ],
)
def test_arguments_that_cannot_be(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Boxes(**{"of": "photo", **arguments})


def test_it_is_of_a_picture_that_is_there():
    features = {"photo": plait.Image(), "age": plait.Number()}
    with pytest.raises(
        ConfigError, match=r"'photos', which is not declared\. Did you mean 'photo'"
    ):
        check_names(features, {"boxes": Boxes(of="photos")})
    with pytest.raises(ConfigError, match="'age' is Number, of the modality number"):
        check_names(features, {"boxes": Boxes(of="age")})


def test_how_many_boxes_there_are_has_a_gradient():
    """Four things apart, of scores .9, .9, .3 and .05: three of which the third counts half."""
    task = fitted(table_of(THINGS))
    boxes = [[20 * n, 0, 20 * n + 10, 10] for n in range(4)]
    given = logits_of(boxes, [[0.81, 1e-9], [1e-9, 0.81], [0.09, 1e-9], [0.0025, 1e-9]])
    amounts = [
        float(keras.ops.convert_to_numpy(task.amount(given, label))[0])
        for label in (None, "cat", "dog")
    ]
    np.testing.assert_allclose(amounts, [2.5, 1.5, 1], atol=0.02)
    with pytest.raises(ConfigError, match=r"knows no label 'cats' .* Did you mean 'cat'"):
        task.spread("cats")
    moved = fewer(task, given)
    assert np.isfinite(moved).all()
    assert moved[0, 2, 0] < -0.01


def fewer(task, logits):
    """How one step moves the logits, towards fewer boxes."""
    start = keras.ops.convert_to_numpy(logits)
    # Two rows of them, since Keras builds a model on torch by asking for row 1.
    rows = keras.initializers.Constant(np.tile(start.reshape(1, -1), (2, 1)))
    layer = keras.layers.Embedding(2, start.size, embeddings_initializer=rows)
    x = keras.Input((), dtype="int32")
    model = keras.Model(x, task.amount(keras.ops.reshape(layer(x), (-1, *start.shape[1:]))))
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    model.fit(np.zeros(1, "int32"), np.zeros(1, "float32"), verbose=0)
    return keras.ops.convert_to_numpy(layer.embeddings)[0].reshape(start.shape) - start


def test_a_box_that_is_surely_none_has_a_finite_gradient():
    """Of a probability that underflows the root would have none."""
    task = fitted(table_of(THINGS), most_boxes=1)
    boxes = [[20 * n, 0, 20 * n + 10, 10] for n in range(2)]
    start = keras.ops.convert_to_numpy(logits_of(boxes, [[0.81, 0.1], [0.5, 0.5]])).copy()
    start[0, 1, :3] = -60
    assert np.isfinite(fewer(task, start)).all()
