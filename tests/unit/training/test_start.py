"""A model that begins with what another one has learnt."""

from dataclasses import replace

import numpy as np
import pytest

from plait.errors import ConfigError, ModelFileError
from plait.features import Category, Image, Number, Text
from plait.fusion import Mean
from plait.inference import Predictor
from plait.learner import Learner
from plait.table import Table
from plait.tasks import Multiclass
from plait.training import Training
from plait.training._start import _OF_A_FEATURE, _alike
from tests.unit.inference import tiny
from tests.unit.training.test_learning import weights

TRAINING = Training(epochs=2, batch_size=16, learning_rate=0.02)


def columns(rows=tiny.ROWS, seed=0, colours=("red", "green", "blue")):
    draw = np.random.default_rng(seed + 7)
    return {
        **tiny.columns(rows, seed),
        "colour": draw.choice(colours, rows).tolist(),
        "note": draw.choice(["old and big", "new", "small one"], rows).tolist(),
    }


def learner(features=(), tasks=(), training=TRAINING, **more):
    return Learner(
        {**tiny.features(), **dict(features)},
        {**tiny.tasks(), **dict(tasks)},
        **{"width": 4, "training": training, "split": "part", **more},
    )


def fitted(made, table, run=False):
    return made.fit({**table, "part": ["train"] * len(table["id"])}, run=run, verbose=False)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    return fitted(learner(tasks={"colour": Multiclass()}), columns(), folder), folder


def begun(folder, **more):
    return replace(TRAINING, start=str(folder), **more)


@pytest.mark.parametrize("more", [{}, {"ema": 0.9, "accumulate": 2, "weight_decay": 0.1}])
def test_with_all_that_came_frozen_the_old_tasks_answer_as_before(first, more):
    was, folder = first
    # Other rows: of other numbers, and of a class that was not there.
    table = columns(70, seed=3, colours=("red", "green", "blue", "black"))
    table["age"] = [None if age is None else 3 * age for age in table["age"]]
    new = learner(
        tasks={"colour": Multiclass(), "note": Multiclass()},
        training=begun(folder, freeze=("start",), **more),
    )
    now = fitted(new, table)
    asked = Table.read(columns(30, seed=5))
    before, after = was.predictor.logits(asked), now.predictor.logits(asked)
    for task in ("sold", "price"):
        assert before[task].tobytes() == after[task].tobytes(), task
    assert after["colour"].shape == (30, 4)
    assert after["note"].std() > 0
    start = weights(was.predictor.model)
    changed = {p.split("/")[0] for p, v in weights(now.predictor.model).items()
               if p not in start or v.shape != start[p].shape or (v != start[p]).any()}  # fmt: skip
    assert changed == {"colour", "note"}


@pytest.mark.parametrize(
    ("fusion", "name", "others"),
    [(None, "words", False), (Mean(), "words", False), (Mean(), "note", True)],
)
def test_weights_are_taken_over_where_names_and_shapes_match(fusion, name, others, tmp_path):
    was = fitted(learner(tasks={"colour": Multiclass()}, fusion=fusion), columns(), tmp_path / "r")
    new = learner(
        features={name: Text(column="note")},
        tasks={"colour": Multiclass()},
        fusion=fusion,
        training=begun(tmp_path / "r"),
    )
    table = Table.read(columns(50, seed=2, colours=("amber", "blue", "green", "red")))
    start = new._start
    declaration = new._fitted(table, start)
    model = Predictor.build(declaration, seed=9).model
    fresh, old = weights(model), weights(was.predictor.model)
    start.give(model, declaration)
    for path, value in weights(model).items():
        layer = path.split("/")[0]
        if layer == "colour":
            # blue, green, red were 0, 1, 2 and are 1, 2, 3 after amber.
            assert np.array_equal(value[..., 1:], old[path]), path
            assert np.array_equal(value[..., 0], fresh[path][..., 0]), path
        elif (
            path not in old
            or value.shape != old[path].shape
            # "note" comes before "size", whose place in the fusion is another then.
            or (layer == "fusion" and others)
        ):
            assert np.array_equal(value, fresh[path]), path
        else:
            assert np.array_equal(value, old[path]), path
    assert declaration.features["age"].state == was.predictor.features["age"].state
    assert start.told(declaration) == [
        f"from {tmp_path / 'r'}: features age, size, kind; learnt anew: {name}",
        f"from {tmp_path / 'r'}: tasks sold, price; learnt anew: colour",
    ]


def test_what_reads_a_vocabulary_that_has_changed_is_learnt_anew(first):
    _, folder = first
    table = Table.read({**columns(), "kind": ["lamp", "desk"] * 20})
    for most, kept in ((10_000, True), (9_999, False)):
        new = learner(features={"kind": Category(max_categories=most)}, training=begun(folder))
        declaration = new._fitted(table, new._start)
        model = Predictor.build(declaration, seed=9).model
        fresh = weights(model)
        new._start.give(model, declaration)
        encoder = {p: v for p, v in weights(model).items() if p.startswith("kind__encoder/")}
        assert any((value != fresh[path]).any() for path, value in encoder.items()) == kept
        assert ("lamp" in str(declaration.features["kind"].state)) != kept


def test_a_picture_that_is_seen_otherwise_in_training_is_the_same_feature():
    known = Image(size=8).with_state({"mean": [0.5]})
    for seen in ({"flip": "both"}, {"shift": 0.1}, {"zoom": 0.2}, {"jitter": 0.2}):
        assert _alike(Image(size=8, **seen), known, _OF_A_FEATURE)
    assert not _alike(Image(size=9), known, _OF_A_FEATURE)


def test_frozen_it_has_to_be_as_it_was(first):
    _, folder = first
    new = learner(features={"note": Text()}, training=begun(folder, freeze=("start",)))
    with pytest.raises(ConfigError, match=r"'(fusion|note__\w+)' is not what it was"):
        fitted(new, columns())
    with pytest.raises(ConfigError, match="freeze names 'start'"):
        fitted(learner(training=replace(TRAINING, freeze=("start",))), columns())


def test_a_start_that_is_not_there_is_refused_before_anything_trains(tmp_path):
    with pytest.raises(ModelFileError, match="nowhere"):
        fitted(learner(training=begun(tmp_path / "nowhere")), columns())


class Own(Number):
    """A user's."""


def test_classes_of_the_users_own_are_found(tmp_path):
    fitted(learner(features={"size": Own()}), columns(), tmp_path / "r")
    again = fitted(learner(features={"size": Own()}, training=begun(tmp_path / "r")), columns())
    assert type(again.predictor.features["size"]) is Own
