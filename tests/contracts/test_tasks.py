"""What every task promises, run over every public one."""

import functools
import inspect
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text as Said
from tests.programs import built, called, program

from plait import features, heads, tasks
from plait._names import from_plain, to_plain
from plait.encoders import TextWords
from plait.errors import ConfigError, DataError, PlaitError
from plait.features import Image, Text, fit_features, mask_pixels
from plait.heads import Sightings
from plait.table import Column, Table
from plait.tasks._mask_classes import MaskClasses


@dataclass(frozen=True)
class Case:
    """A task, labels with gaps for it, and a cell that no loss could take.

    `beside` gives the columns of the features that the task is of, for some cells.
    """

    task: tasks.Task
    cells: list
    odd: object
    beside: Callable[[list], dict] | None = None


BLACK = b"P6 40 20 255 " + bytes(3 * 40 * 20)


def pictures(cells):
    """Twice as high and wide as the frame that they are read in."""
    return {"photo": pa.array([BLACK] * len(cells), pa.binary())}


SMALL = b"P6 3 2 255 " + bytes(3 * 3 * 2)


def small_pictures(cells):
    """As large as the frame that they are read in."""
    return {"small": pa.array([SMALL] * len(cells), pa.binary())}


def words(cells):
    """A text with a word for each tag."""
    tags = [cell.split() if isinstance(cell, str) else cell for cell in cells]
    sizes = [len(some) if isinstance(some, list) and some else 1 for some in tags]
    return {"text": [" ".join(f"w{n}" for n in range(size)) for size in sizes]}


FEATURES = fit_features(
    {
        "photo": Image(size=(16, 20)),
        "small": Image(size=(2, 3)),
        "text": Text(encoder=TextWords(4)),
    },
    Table.read({"photo": [BLACK], "small": [BLACK], "text": ["w0 w1 w2 w3"]}),
)


def parts_for(case, rows):
    """What the head of a task of a feature is given beside the tokens."""
    if case.beside is words:
        own = np.ones((rows, 16, 4), "float32")
        return {"of": {"tokens": own, "mask": own[..., 0] > 0}}
    if isinstance(case.task, tasks.Forecast):
        own, variables = np.ones((rows, 2, 4), "float32"), fitted(case).learnt["variables"]
        steps = np.ones((rows, 2, 3 * variables), "float32")
        mask, lengths = own[..., 0] > 0, np.full(rows, 2)
        return {"of": {"values": steps, "lengths": lengths, "tokens": own, "mask": mask}}
    if isinstance(case.task, tasks.Matching):
        own = np.random.default_rng(1).normal(size=(rows, 2, 4)).astype("float32")
        side = {"mask": own[..., 0] < 9, "present": np.ones(rows, bool)}
        return {"of": [{"tokens": own, **side}, {"tokens": own + 1, **side}]}
    size = {pictures: (8, 10), small_pictures: (2, 3)}.get(case.beside)
    return {} if size is None else {"of": [np.ones((rows, *size, 4), "float32")]}


LISTS = [["a"], ["b", "a"], None, [], ["c"], ["a", "c"], ["b"], None, ["a"], ["b", "c"]]
THINGS = [[[0, 2, 9, 12, "a"], [20, 5, 30, 19, "b"]], None, [], [[1, 1, 39, 18.5, "b"]]]
SIDES = ("x0", "y0", "x1", "y1", "label")
RECORDS = [
    None if cell is None else [dict(zip(SIDES, box, strict=True)) for box in cell]
    for cell in THINGS
]


def png(pixels):
    return MaskClasses(("a", "b", "c"), (0, 1, 2)).png(np.array(pixels, "uint8"))


KINDS = [["N"], ["V", "N", "A"], None, ["N", "N"], ["A", "V"], ["N", "V"]]
SPANS = ["O O", "O B-x I-x", "O", None, "B-y I-y O O", "", "B-x B-x"]
MASKS = [[[0, 0, 0], [0, 0, 0]], [[0, 1, 1], [0, 2, 2]], None, [[2, 1, 0], [2, 2, 1]], None]
AMOUNTS = [0.0, 3.5, None, 10.0, 1200.0, 7.25, None, 3.5, 80.0, 1.0]
PAIRS = [
    None if pair is None else {"a": pair[0], "b": pair[1]}
    for pair in [(1, -4), (2, 7), None, (3, 9), (1, -4), (1 << 60, 0), (5, 2), None, (6, 3)]
]
STEPS = [[1.0, 2.5, 9.0], None, [None, 4.0], [3.0, float("nan")], [0.5, 7.0, 1.0]]


def forecast(history, **arguments):
    """A forecast beside a fitted series."""
    series = features.Series().fit(column_of(history))
    return tasks.Forecast(of="past", **arguments).beside({"past": series})


def column_of(cells, name="answer", **kinds):
    values = pa.chunked_array([pa.array(cells, **kinds)])
    return Column(name, values, np.arange(1, len(cells) + 1), "train.csv", Path())


CASES = {
    "Binary": [
        Case(tasks.Binary(), [True, False, None, True, True, False, None, True], None),
        Case(tasks.Binary(), [0, 1, 1, None, 0, 0, 1, 0], 7),
        Case(tasks.Binary(), ["no", "yes", "yes", "", "no", "no", None, "no"], "maybe"),
        Case(tasks.Binary(positive="no"), ["no", "yes", "yes", None, "no", "no"], "maybe"),
        Case(tasks.Binary(focal=2.0, class_weights="balanced"), [0, 1, 1, None, 0, 0, 0], 7),
        Case(tasks.Binary(label_smoothing=0.1), [0, 1, 1, None, 0, 0, 1, 0], 7),
    ],
    "Boxes": [
        Case(tasks.Boxes(of="photo"), RECORDS, None, pictures),
        Case(
            tasks.Boxes(of="photo"),
            ["" if cell is None else json.dumps(cell) for cell in THINGS],
            "no list",
            pictures,
        ),
        Case(
            tasks.Boxes(of="photo", units="fractions", most_boxes=3),
            ["[[0, 0.5, 0.25, 1, 7]]", None, "[]", "[[0.5, 0.25, 1, 1, 8], [0, 0, 1, 1, 7]]"],
            "12",
            pictures,
        ),
    ],
    "Forecast": [
        Case(forecast([[1.0, 2.0]], horizon=2), STEPS, [np.inf, 1.0]),
        Case(
            forecast([[1.0, 2.0]], horizon=1, error="mse", hidden=0),
            [[1.0, 9.0], None, [4.0], [0.5]],
            [np.inf],
        ),
        Case(
            forecast([{"b": [1.0, None], "c": [2.0, 4.0]}], horizon=2, error="mae"),
            [
                {"a": [3, None], "b": [1, 2]},
                None,
                {"a": None, "b": [0, 5]},
                {"a": [9, 7], "b": None},
            ],
            {"a": [np.inf, 1], "b": None},
        ),
        Case(
            forecast([[[1.0, 2.0], [2.0, 4.0]]], horizon=2),
            [[[1, 2], [3, None]], None, [[5, 4], None], [[0, 0], [2, 9]]],
            [[np.inf, 1], [0, 0]],
        ),
    ],
    "Matching": [
        Case(tasks.Matching("photo", "text"), PAIRS, None),
        Case(tasks.Matching("photo", "text", rule="siglip", width=9), PAIRS, None),
        Case(tasks.Matching("photo", "text", temperature=0.5), PAIRS[:4], None),
    ],
    "Multiclass": [
        Case(tasks.Multiclass(), ["x", "y", "z", "", "x", "x", "z", None], "w"),
        Case(tasks.Multiclass(label_smoothing=0.1), [30, 4, 4, None, 30, 200, 30], 5),
        Case(tasks.Multiclass(class_weights="balanced"), [1.5, 2.0, 2.0, None, 1.5, -3.0], 0.0),
        Case(tasks.Multiclass(), [True, False, None, True, False], None),
        Case(tasks.Multiclass(focal=1.5), ["x", "y", "z", "", "x", "x", "z", None], "w"),
        Case(tasks.Multiclass(class_weights="effective", beta=0.5), ["y", "x", "x", "y", "x"], "w"),
    ],
    "Multilabel": [
        Case(tasks.Multilabel(), LISTS, ["d"]),
        Case(tasks.Multilabel(), [[1], [2, 1], None, [], [30], [2], [1, 30]], [5]),
        Case(tasks.Multilabel(), ["a|b", "a", None, "|", "c | b", "", "c"], "d"),
        Case(tasks.Multilabel(separator=", "), ["a, b", "a", None, "c, b", "c"], "d"),
        Case(tasks.Multilabel(focal=(0, 4), margin=0.05), LISTS, ["d"]),
        Case(tasks.Multilabel(focal=2.0), LISTS, ["d"]),
        Case(tasks.Multilabel(label_smoothing=0.1), LISTS, ["d"]),
    ],
    "Ordinal": [
        Case(tasks.Ordinal(), [3, 5, 4, None, 5, 5, 1, None, 4, 5], 2),
        Case(tasks.Ordinal(rule="cumulative"), [3, 5, 4, None, 5, 5, 1, None, 4, 5], 2),
        Case(tasks.Ordinal(order=("low", "fair", "high")), ["low", "high", "", "high", "low"], "?"),
        Case(tasks.Ordinal(rule="cumulative"), ["10", "9", None, "9", "", "9", "2.5"], "11"),
    ],
    "Count": [
        Case(tasks.Count(), [0, 3, None, 1, 0, 0, 12, 2, None, 0], -1),
        Case(tasks.Count(distribution="poisson"), [4.0, 3.0, None, 7.0, 4.0], 1.5),
        Case(tasks.Count(), ["1", " 2 ", None, "0", "", "8"], "n/a"),
    ],
    "ObjectCount": [
        Case(tasks.ObjectCount(of="photo"), [0, 3, None, 1, 0, 0, 12, 2, None, 0], -1, pictures),
        Case(
            tasks.ObjectCount(of="photo", distribution="poisson"),
            ["1", " 2 ", None, "0", "", "8"],
            "n/a",
            pictures,
        ),
    ],
    "Quantiles": [
        Case(tasks.Quantiles(), AMOUNTS, np.inf),
        Case(tasks.Quantiles(levels=(0.05, 0.25, 0.5, 0.95), transform="log"), AMOUNTS, -1.0),
        Case(tasks.Quantiles(transform="quantile"), ["1", " 2.5 ", None, "-3e1", "8"], "n/a"),
    ],
    "Regression": [
        Case(tasks.Regression(), AMOUNTS, np.inf),
        Case(tasks.Regression(error="mse"), [3, 4, None, 4, 9, -2], None),
        Case(tasks.Regression(error="mae", transform="log"), AMOUNTS, -1.0),
        Case(tasks.Regression(transform="quantile"), AMOUNTS, -np.inf),
        Case(tasks.Regression(), ["1", " 2.5 ", None, "-3e1", "", "8"], "n/a"),
    ],
    "Segmentation": [
        Case(tasks.Segmentation(of="small"), MASKS, None, small_pictures),
        Case(
            tasks.Segmentation(of="small", classes={"a": 2, "b": 0, "c": 1}, dice=0.0),
            [None if mask is None else png(mask) for mask in MASKS],
            None,
            small_pictures,
        ),
    ],
    "Tagging": [
        Case(tasks.Tagging(of="text"), KINDS, ["X"], words),
        Case(tasks.Tagging(of="text", crf=True), KINDS, ["X"], words),
        Case(tasks.Tagging(of="text"), [[3], [1, 3], None, [1, 1, 30]], [5], words),
        Case(tasks.Tagging(of="text"), SPANS, "B-z", words),
        Case(tasks.Tagging(of="text", crf=True), SPANS, "B-z", words),
    ],
}
EVERY = {f"{name} {i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


def over(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases)


every_case = over(EVERY)
every_case_of_text = over(
    {name: case for name, case in EVERY.items() if any(isinstance(c, str) for c in case.cells)}
)
every_case_with_an_odd_cell = over(
    {name: case for name, case in EVERY.items() if case.odd is not None}
)


def test_cases_are_all_public_tasks():
    public = {
        name
        for name, cls in vars(tasks).items()
        if name in tasks.__all__
        and inspect.isclass(cls)
        and issubclass(cls, tasks.Task)
        and not inspect.isabstract(cls)
    }
    assert set(CASES) == public
    for name, cases in CASES.items():
        assert {type(case.task).__name__ for case in cases} == {name}


def asked(case, task, column):
    """The task beside what it is of, in the rows of a column."""
    if case.beside is None:
        return task
    return task.beside(FEATURES, Table.read(pa.table(case.beside(column.values.to_pylist()))))


def fit(case, column, weights=None):
    return asked(case, case.task, column).fit(column, weights)


def fitted(case):
    column = column_of(case.cells)
    return asked(case, fit(case, column), column)


def targets_of(case, task, column):
    return asked(case, task, column).targets(column)


def scores_of(case, task, logits, column, weights=None):
    return asked(case, task, column).scores(logits, column, weights)


def confident(task, targets):
    """Logits that say what the targets say."""
    values = np.asarray(targets.values)
    if isinstance(task, tasks.Boxes):
        answers = np.zeros((len(values), task.most_boxes, 6), "float32")
        found = values[:, : task.most_boxes]
        answers[:, : found.shape[1], :4] = found[..., :4]
        answers[:, : found.shape[1], 4] = np.maximum(found[..., 4] - 1, 0)
        answers[:, : found.shape[1], 5] = found[..., 4] > 0
        return answers
    if isinstance(task, tasks.Tagging):
        logits = 40.0 * np.eye(len(task.learnt["tags"]), dtype="float32")[values]
        logits[values < 0] = 0
        return np.pad(logits, ((0, 0), (0, len(logits[0, 0]) + 2 if task.crf else 0), (0, 0)))
    if isinstance(task, tasks.Matching):
        _, place = np.unique(values[:, 0], return_inverse=True)
        return matched(task, place, place, targets.labelled)
    if isinstance(task, tasks.Forecast):
        return values[..., 0]
    if isinstance(task, tasks.Segmentation):
        return 40.0 * np.eye(len(task.learnt["classes"]), dtype="float32")[values]
    if isinstance(task, tasks.Multiclass):
        return 40.0 * np.eye(len(task.learnt["classes"]), dtype="float32")[values]
    if isinstance(task, tasks.Ordinal):
        beyond = values[:, None] > np.arange(len(task.learnt["classes"]) - 1)
        return 40.0 * np.where(beyond, 1, -1) * (-1 if task.rule == "cumulative" else 1)
    if isinstance(task, tasks.Regression):
        return values[:, None]
    if isinstance(task, tasks.Quantiles):
        return np.repeat(values[:, None], len(task.levels), axis=1)
    if isinstance(task, tasks.Count):
        sure = [[-40.0]] * (len(task.learnt["prior"]) - 1)
        logs = np.log(np.maximum(values, 1e-9))
        return np.stack([logs, *(np.full(len(values), s) for (s,) in sure)], axis=1)
    return (40.0 * (2 * values - 1)).reshape(len(values), -1)


def matched(task, a, b, labelled):
    """Logits of rows whose sides' vectors are along these axes; 0 where a row is not labelled."""
    logits = np.zeros((len(a), 2, task.width + 2), "float32")
    for side, places in enumerate((a, b)):
        logits[np.arange(len(a)), side, places] = 1
    logits[..., -2] = 1
    logits[..., -1] = [80, -40] if task.rule == "siglip" else [40, 0]
    return logits * labelled[:, None, None]


def wrong(task, targets):
    """Logits that say something else than the targets."""
    right = confident(task, targets)
    if isinstance(task, tasks.Matching):
        return np.stack([right[:, 0], -right[:, 1]], axis=1)
    return -1e3 * (right + 1)


def trivial(task, rows):
    """Logits that look at nothing."""
    if isinstance(task, tasks.DenseTask | tasks.Matching):
        return np.repeat(task.trivial_logits(), rows, axis=0)
    if isinstance(task, tasks.Regression):
        return np.zeros((rows, 1))
    return np.tile(task.head().prior or [0.0] * len(task.learnt["shares"]), (rows, 1))


def learnt(task, targets):
    """What the loss takes for the same."""
    if not isinstance(task, tasks.Boxes):
        return confident(task, targets)
    # A position in the middle of each box, and one where there is none.
    values = targets.values
    boxes, kinds = values[..., :4], np.arange(1, len(task.learnt["classes"]) + 1)
    return keras.ops.convert_to_numpy(
        Sightings(
            40.0 * (2 * (values[..., 4:] == kinds) - 1).astype("float32"),
            np.full(boxes.shape[:2], 40.0, "float32"),
            boxes,
            np.where(values[..., 4:] > 0, (boxes[..., 2:] + boxes[..., :2]) / 2, -1e3),
            np.ones(boxes.shape[:2], "float32"),
        ).logits
    )


def new(task, rows):
    """What the loss takes of a new head, which has learnt the labels' shares at most."""
    if not isinstance(task, tasks.Boxes):
        return trivial(task, rows)
    maps = [np.zeros((rows, *size, 4), "float32") for size in ((4, 5), (8, 10))]
    tokens = np.zeros((rows, 1, 4), "float32")
    head = built(task.head(), tokens, of=maps)
    return keras.ops.convert_to_numpy(called(head, tokens, of=maps))


@functools.cache
def loss_program(plain):
    return program(keras.losses.deserialize(json.loads(plain)).call)


def loss_of(task, targets, logits):
    given = loss_program(json.dumps(keras.losses.serialize(task.loss())))(
        keras.ops.convert_to_tensor(np.asarray(targets.values)),
        keras.ops.convert_to_tensor(logits, "float32"),
    )
    return keras.ops.convert_to_numpy(given)


@every_case
def test_what_fit_learnt_is_plain_json(case):
    task = fitted(case)
    state = json.loads(json.dumps(task.state, allow_nan=False))
    again = from_plain(json.loads(json.dumps(to_plain(task))), tasks).with_state(state)
    assert again == task
    column = column_of(case.cells)
    np.testing.assert_array_equal(
        targets_of(case, again, column).values, targets_of(case, task, column).values
    )
    assert case.task.state is None


@every_case
def test_targets_mark_what_is_labelled_and_hold_a_constant_elsewhere(case):
    task = fitted(case)
    targets = targets_of(case, task, column_of(case.cells))
    expected = [cell is not None and cell != "" for cell in case.cells]
    np.testing.assert_array_equal(targets.labelled, expected)
    assert targets.labelled.dtype == bool
    assert len(targets.values) == len(case.cells)
    np.testing.assert_array_equal(targets.values[~targets.labelled], 0)


@every_case
def test_targets_of_a_row_do_not_depend_on_the_others(case):
    task, column = fitted(case), column_of(case.cells)
    whole = targets_of(case, task, column)
    for row in range(len(column)):
        alone = targets_of(case, task, column.take(np.array([row])))
        np.testing.assert_array_equal(alone.values[0], whole.values[row])
        assert alone.labelled[0] == whole.labelled[row]


@every_case
def test_a_column_without_labels_is_unlabelled(case):
    task, column = fitted(case), column_of([None, None])
    targets = targets_of(case, task, column)
    assert targets.values.shape == (
        2,
        *targets_of(case, task, column_of(case.cells)).values.shape[1:],
    )
    assert not targets.labelled.any()
    assert scores_of(case, task, trivial(task, 2), column) == {}


@every_case
def test_loss_is_one_value_a_row_and_of_order_1_for_the_trivial_answer(case):
    task = fitted(case)
    targets = targets_of(case, task, column_of(case.cells))
    losses = loss_of(task, targets, new(task, len(case.cells)))
    assert losses.shape == (len(case.cells),)
    assert losses.dtype == np.float32
    assert 0.5 < losses[targets.labelled].mean() < 2


@pytest.mark.backends
@every_case
def test_loss_is_finite_for_extreme_logits_and_zero_for_the_right_ones(case):
    task = fitted(case)
    targets = targets_of(case, task, column_of(case.cells))
    right = learnt(task, targets)
    assert np.isfinite(loss_of(task, targets, 1e4 * right)).all()
    assert np.isfinite(loss_of(task, targets, -1e4 * right)).all()
    if not getattr(task, "label_smoothing", 0):
        # A negative binomial distribution is a Poisson one in the limit only.
        least = 2e-5 if isinstance(task, tasks.Count) else 1e-6
        np.testing.assert_allclose(loss_of(task, targets, right), 0, atol=least)


@every_case
def test_loss_is_serialisable(case):
    task = fitted(case)
    plain = json.loads(json.dumps(keras.losses.serialize(task.loss())))
    again = keras.losses.deserialize(plain)
    assert type(again) is type(task.loss())
    assert again.get_config() == task.loss().get_config()


@every_case
def test_head_gives_the_logits_that_the_loss_takes(case):
    task = fitted(case)
    targets = targets_of(case, task, column_of(case.cells))
    tokens = np.random.default_rng(0).normal(size=(len(case.cells), 1, 4)).astype("float32")
    mask, parts = np.ones(tokens.shape[:2], bool), parts_for(case, len(tokens))
    head = built(task.head(), tokens, mask, **parts)
    logits = keras.ops.convert_to_numpy(called(head, tokens, mask, **parts))
    assert loss_of(task, targets, logits).shape == (len(case.cells),)
    answers = logits if task.answer_layer() is None else task.answer_layer()(logits)
    assert answers.shape == confident(task, targets).shape


def assert_goes_on_as(answer, cell):
    """That an answer says what is known of the cell's steps, which may be more."""
    if isinstance(answer, dict):
        for name, steps in answer.items():
            assert_goes_on_as(steps, cell[name])
    elif isinstance(answer, list):
        for place, value in enumerate(answer):
            assert_goes_on_as(value, None if cell is None else cell[place])
    elif cell is not None and not np.isnan(cell):
        assert answer == pytest.approx(cell, rel=1e-5, abs=1e-5)


@every_case
def test_decode_gives_the_users_labels_back(case):
    task, column = fitted(case), column_of(case.cells)
    targets = targets_of(case, task, column)
    answers = asked(case, task, column).decode(confident(task, targets).astype("float32"))
    assert set(answers) == {"", *task.answer_parts}
    for row in np.flatnonzero(targets.labelled):
        answer, cell = answers[""][row].as_py(), case.cells[row]
        if isinstance(task, tasks.Multilabel):
            spelled = cell.split("," if task.separator else "|") if isinstance(cell, str) else cell
            labels = [label.strip() if isinstance(label, str) else label for label in spelled]
            assert answer == sorted(label for label in labels if label != "")
        elif task.quantity:
            assert answer == pytest.approx(float(cell), rel=1e-5, abs=1e-5)
        elif isinstance(task, tasks.Boxes):
            boxes = json.loads(cell) if isinstance(cell, str) else [[*b.values()] for b in cell]
            found = [[box[name] for name in ("x0", "y0", "x1", "y1")] for box in answer]
            np.testing.assert_allclose(found, [box[:4] for box in boxes] or found, atol=1e-5)
            assert [box["label"] for box in answer] == [box[4] for box in boxes]
            assert {box["score"] for box in answer} <= {1.0}
        elif isinstance(task, tasks.Matching):
            assert answer == 1
        elif isinstance(task, tasks.Forecast):
            assert_goes_on_as(answer, cell)
        elif isinstance(task, tasks.Tagging):
            assert answer == (cell.split() if isinstance(cell, str) else cell)
        elif isinstance(task, tasks.Segmentation):
            mask = mask_pixels(cell) if isinstance(cell, bytes) else cell
            np.testing.assert_array_equal(mask_pixels(answer), mask)
        else:
            assert (answer, type(answer)) == (cell, type(cell))
    for values in answers.values():
        assert len(values) == len(case.cells)


@every_case
def test_probabilities_add_up(case):
    task = fitted(case)
    if isinstance(task, tasks.DenseTask | tasks.Matching):
        return
    logits = np.random.default_rng(0).normal(size=(5, *task.head()(np.ones((1, 1, 2))).shape[1:]))
    if isinstance(task.head(), heads.OrderedHead):
        logits.sort(axis=1)
    answers = task.decode(logits.astype("float32"))
    if task.quantity:
        assert "probabilities" not in answers
        return
    by_class = answers["probabilities"].to_pylist()
    if isinstance(task, tasks.Multilabel):
        chosen = [[label for label, p in row.items() if p > 0.5] for row in by_class]
        assert [list(map(str, row)) for row in answers[""].to_pylist()] == chosen
        return
    for row, label, probability in zip(
        by_class, answers[""].cast(pa.string()), answers["probability"], strict=True
    ):
        assert sum(row.values()) == pytest.approx(1)
        if isinstance(task, tasks.Ordinal):
            reached = np.cumsum(list(row.values()))
            assert list(row)[np.searchsorted(reached, 0.5)] == label.as_py()
        else:
            assert max(row, key=row.get) == label.as_py()
        assert row[label.as_py()] == probability.as_py()


@every_case
def test_perfect_answers_gain_1_and_trivial_ones_0(case):
    task, column = fitted(case), column_of(case.cells)
    best = scores_of(case, task, confident(task, targets_of(case, task, column)), column)
    assert task.main_score in best
    assert all(np.isfinite(value) for value in best.values())
    assert task.gain(best) == pytest.approx(1, abs=1e-5)
    for name in ("accuracy", "auc", "macro_f1", "micro_f1", "subset_accuracy", "r2"):
        assert best.get(name, 1.0) == pytest.approx(1)
    if isinstance(task, tasks.Regression):
        values = targets_of(case, task, column)
        middle = np.quantile(values.values[values.labelled], 0.5, method="lower")
        looks_at_nothing = np.full((len(column), 1), middle)
    else:
        looks_at_nothing = trivial(task, len(column))
    score = scores_of(case, task, looks_at_nothing, column)
    if not getattr(task, "class_weights", None):
        assert task.gain(score) == pytest.approx(0, abs=1e-5)


@every_case
def test_gain_is_clipped(case):
    task, column = fitted(case), column_of(case.cells)
    answers = wrong(task, targets_of(case, task, column))
    assert -1 <= task.gain(scores_of(case, task, answers, column)) <= 0


@every_case
def test_a_row_of_weight_0_is_not_there(case):
    column = column_of(case.cells)
    kept = np.arange(len(column)) != 1
    fewer = column.take(np.flatnonzero(kept))
    weights = np.where(kept, 2.0, 0.0)
    assert fit(case, column, weights).state == fit(case, fewer, weights[kept]).state
    task = fitted(case)
    logits = np.random.default_rng(0).normal(
        size=confident(task, targets_of(case, task, column)).shape
    )
    assert scores_of(case, task, logits, column, weights) == scores_of(
        case, task, logits[kept], fewer, weights[kept]
    )
    assert scores_of(case, task, logits[kept], fewer) == pytest.approx(
        scores_of(case, task, logits, column, weights), rel=1e-9
    )


@every_case
def test_a_row_of_weight_2_is_there_twice(case):
    column = column_of(case.cells)
    twice = np.concatenate([np.arange(len(column)), [0]])
    weights = np.where(np.arange(len(column)) == 0, 2.0, 1.0)
    task = fitted(case)
    logits = np.random.default_rng(0).normal(
        size=confident(task, targets_of(case, task, column)).shape
    )
    weighted = scores_of(case, task, logits, column, weights)
    repeated = scores_of(case, task, logits[twice], column.take(twice))
    if isinstance(task, tasks.Boxes):
        return  # A precision is of all boxes by their scores, and of no row: see `Boxes`.
    # A median between two rows is a matter of convention.
    weighted.pop("median_ae", None), repeated.pop("median_ae", None)
    assert weighted == pytest.approx(repeated)
    fits = fit(case, column, weights), fit(case, column.take(twice))
    for ours, theirs in zip(*(keras.tree.flatten(fit.state) for fit in fits), strict=True):
        assert ours == (pytest.approx(theirs) if isinstance(theirs, float) else theirs)


@every_case_of_text
def test_texts_that_mean_missing_are_missing(case):
    column = column_of(["?", *case.cells])
    task = asked(case, replace(case.task, missing=("?",)), column).fit(column)
    assert task.state == fitted(case).state
    assert not targets_of(case, task, column_of(["?", *case.cells])).labelled[0]


@every_case_with_an_odd_cell
def test_an_odd_cell_is_named(case):
    task = fitted(case)
    column = Column(
        "answer",
        pa.chunked_array([pa.array([case.cells[0], case.odd])]),
        np.array([4, 17]),
        "t.csv",
    )
    with pytest.raises(DataError) as error:
        targets_of(case, task, column)
    message = str(error.value)
    odd = case.odd
    while isinstance(odd, list | dict):
        odd = next(iter(odd.values() if isinstance(odd, dict) else odd))
    for part in ("'answer'", "row 17 of t.csv", str(odd), type(task).__name__):
        assert part in message


@every_case
def test_labels_that_tell_nothing_are_refused(case):
    (cell, *_) = [cell for cell in case.cells if cell]
    for cells in ([None, None], [cell] * 3)[: 1 if isinstance(case.task, tasks.Boxes) else 2]:
        with pytest.raises(DataError, match=r"Column 'answer' of train.csv.*training row"):
            fit(case, column_of(cells))


@every_case_of_text
def test_categories_and_large_strings_are_strings(case):
    plain = fitted(case)
    strings = pa.array(case.cells, pa.large_string())
    for values in (strings, strings.dictionary_encode()):
        column = Column("answer", pa.chunked_array([values]), np.arange(len(values)), "t", Path())
        assert fit(case, column).state == plain.state
        np.testing.assert_array_equal(
            targets_of(case, plain, column).values,
            targets_of(case, plain, column_of(case.cells)).values,
        )


@every_case
def test_a_weight_and_missing_texts_that_cannot_be(case):
    for weight in (-1, float("nan"), True, "1"):
        with pytest.raises(ConfigError, match=r"weight is a number, 0 or more. Received: "):
            replace(case.task, weight=weight)
    with pytest.raises(ConfigError, match=r"missing is a list of texts. Received: 'n/a'"):
        replace(case.task, missing="n/a")
    with pytest.raises(ConfigError, match=r"after is a list of texts. Received: 'sold'"):
        replace(case.task, after="sold")
    with pytest.raises(ConfigError, match=r"features is a list of texts. Received: 'photo'"):
        replace(case.task, features="photo")
    if isinstance(case.task, tasks.Matching):
        return  # It takes no features.
    listed = replace(case.task, after=["sold"], features=["photo"])
    assert listed == replace(case.task, after=("sold",), features=("photo",))


@every_case
def test_an_extension_type_is_refused(case):
    values = pa.chunked_array([pa.array([bytes(16), None], pa.uuid())])
    with pytest.raises(DataError, match=r"Column 'answer' of train.csv: no task reads .*uuid"):
        fit(case, Column("answer", values, np.arange(2), "train.csv"))


@every_case
def test_logits_that_are_not_finite_are_refused(case):
    task, column = fitted(case), column_of(case.cells)
    logits = np.full(confident(task, targets_of(case, task, column)).shape, np.nan)
    with pytest.raises(PlaitError, match="not finite"):
        scores_of(case, task, logits, column)


@every_case
def test_unfitted_tasks_say_so(case):
    with pytest.raises(PlaitError, match=f"{type(case.task).__name__} is not fitted"):
        targets_of(case, case.task, column_of(case.cells))


def artists(figure):
    """What of a drawing depends on what is drawn: its texts, its lines and its pictures."""
    texts = [text.get_text() for text in figure.findobj(Said)]
    lines = [line.get_xydata().tolist() for line in figure.findobj(Line2D)]
    return sorted(texts), str(lines), len(figure.findobj(AxesImage))


@every_case
def test_a_row_is_drawn_with_its_label_where_it_has_one(case):
    task, column = fitted(case), column_of(case.cells)
    targets = targets_of(case, task, column)
    logits = trivial(task, len(case.cells))
    if task.answer_layer() is not None:
        logits = confident(task, targets)
    # One that is labelled with something, one with nothing or the first class, and one that is not.
    told = [
        (bool(on), bool(v.any())) for on, v in zip(targets.labelled, targets.values, strict=True)
    ]
    for row in (told.index(kind) for kind in sorted(set(told))):
        labelled = targets.labelled[row]
        one = asked(case, task, column.take(np.array([row])))
        figures = [Figure((3.4, 2.6)).subfigures() for _ in range(2)]
        for figure, cells in zip(figures, (column.take(np.array([row])), None), strict=True):
            one.draw(figure, logits[row : row + 1].astype("float32"), cells)
        # No box, and what has no labels, are drawn as nothing.
        empty = isinstance(task, tasks.Boxes) and not targets.values[row].any()
        if not empty:
            tells = bool(labelled) and not isinstance(task, tasks.Matching)
            assert (artists(figures[0]) != artists(figures[1])) == tells
        if "probabilities" in task.answer_parts and labelled:
            (axes,), names = (
                figures[0].axes,
                list(task.decode(logits[:1])["probabilities"][0].as_py()),
            )
            value = np.asarray(targets.values[row])
            true = np.flatnonzero(value) if value.ndim else [int(value)]
            marked = {
                tick.get_text()
                for tick, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
                for text in axes.texts
                if text.get_position()[1] == place and "(label)" in text.get_text()
            }
            assert marked == {names[n] for n in true}
    whole = Figure((3.4, 2.6), layout="constrained")
    asked(case, task, column.take(np.array([0]))).draw(
        whole.subfigures(), logits[:1].astype("float32"), column.take(np.array([0]))
    )
    whole.savefig(io.BytesIO())


@over({name: case for name, case in EVERY.items() if case.beside is not None})
@pytest.mark.parametrize("labelled", [True, False])
def test_a_row_without_its_feature_is_drawn(case, labelled):
    task, column = fitted(case), column_of(case.cells).take(np.array([0]))
    beside = pa.table(case.beside(column.values.to_pylist()))
    for name in task.of_features:
        place = beside.column_names.index(name)
        gone = pa.nulls(1, beside[name].type)
        beside = beside.set_column(place, name, gone)
    figure = Figure((3.4, 2.6))
    bare = task.beside(FEATURES, Table.read(beside))
    logits = trivial(task, 1).astype("float32")
    bare.draw(figure.subfigures(), logits, column if labelled else None)
    figure.savefig(io.BytesIO())
