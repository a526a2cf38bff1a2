"""A feature of many columns, from a learner to a saved model and back."""

import numpy as np
import pytest

import plait
from plait.config import build_learner, load

ROWS = 64
DRAW = np.random.default_rng(0)
TABLE = {
    "a": DRAW.normal(size=ROWS),
    "b": DRAW.choice(["x", "y", "z"], ROWS),
    "c": [float(n) for n in range(ROWS)],
    "y": DRAW.random(ROWS) < 0.5,
}
CONFIG = """
data: train.parquet
features:
  both: {Columns: {of: {a: Number, b: {Category: {missing: ["z"]}}}, encoder: {Tabular: {hidden: 8}}}}
  c: Number
tasks: {y: Binary}
width: 8
training: {epochs: 1}
"""


@pytest.fixture(scope="module")
def learner():
    both = {"a": plait.Number(), "b": plait.Category(missing=("z",))}
    learner = plait.Learner(
        features={
            "both": plait.Columns(of=both, encoder=plait.Tabular(8, hidden=8)),
            "c": plait.Number(),
        },
        tasks={"y": plait.Binary()},
        width=8,
        training=plait.Training(epochs=1),
    )
    learner.fit(plait.Table.read(TABLE), run=False, verbose=False)
    return learner


def logits(model, given):
    return getattr(model, "predictor", model).logits(plait.Table.read(given))["y"]


def answers(model, columns):
    given = {name: TABLE[name] for name in columns}
    return logits(model, given)


def test_a_saved_model_answers_the_same(learner, tmp_path):
    learner.save(tmp_path / "m.plait")
    again = plait.Predictor.load(tmp_path / "m.plait")
    np.testing.assert_allclose(answers(again, "abc"), answers(learner, "abc"), atol=1e-6)
    assert again.features["both"].of["b"] == plait.Category(missing=("z",))


def test_one_column_of_it_may_be_gone_and_all_of_them_are_an_absent_feature(learner):
    empty = logits(learner, {**TABLE, "a": [None] * ROWS})
    with pytest.warns(UserWarning, match="no column 'a'"):
        np.testing.assert_array_equal(answers(learner, "bc"), empty)
    with pytest.warns(UserWarning, match="no column 'a', 'b'"):
        alone = answers(learner, "c")
    assert np.abs(alone - empty).max() > 0


def test_a_config_spells_it_and_points_into_it(learner, tmp_path):
    path = tmp_path / "plait.yaml"
    (tmp_path / "train.parquet").touch()
    path.write_text(CONFIG)
    made = build_learner(load(path))
    assert made.features["both"].of == learner.features["both"].of
    assert type(made.features["both"].encoder) is plait.Tabular
    path.write_text(CONFIG.replace("a: Number", "a: Text"))
    with pytest.raises(plait.ConfigError, match=r"plait.yaml:4:.*'a' is Text"):
        build_learner(load(path))
    path.write_text(CONFIG.replace("a: Number", "a: Numbr"))
    with pytest.raises(plait.ConfigError, match=r"Did you mean 'Number'"):
        build_learner(load(path))
