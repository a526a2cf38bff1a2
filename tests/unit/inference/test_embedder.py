"""Vectors of one side, and a search by the other."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.errors import ConfigError, DataError, PlaitError
from plait.heads import Pairs
from plait.inference import Predictor
from plait.table import Table
from plait.tasks import Binary, Matching, fit_tasks
from tests.unit.inference import tiny

WIDTH = 6


def predictor_of(tasks=None, precision=None):
    table = Table.read(tiny.columns())
    base = tiny.declaration(tasks={}, precision=precision)
    tasks = tasks or {"match": Matching("age", "size", width=WIDTH), "sold": Binary()}
    known = fit_tasks(tasks, base.features, table)
    return Predictor.build(replace(base, tasks=known).settled(), seed=3)


def vectors_in(found, name):
    return [None if v is None else np.array(v) for v in found[name].to_pylist()]


def test_vectors_are_those_of_the_whole_model_and_of_length_1():
    predictor, rows = predictor_of(), tiny.columns()
    whole = Pairs.of(predictor.logits(rows)["match"])
    for place, name in enumerate(("age", "size")):
        found = predictor.embed({"id": rows["id"], name: rows[name]}, name)
        assert found.schema.field(f"match.{name}").type == pa.list_(pa.float32(), WIDTH)
        assert found["id"].to_pylist() == rows["id"]
        for cell, vector, other in zip(
            rows[name], vectors_in(found, f"match.{name}"), whole[place], strict=True
        ):
            assert (vector is None) == (cell is None)
            if vector is not None:
                np.testing.assert_allclose(vector, other, atol=1e-5)
                assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_of_a_feature_nothing_else_of_the_model_is_asked():
    predictor, rows = predictor_of(), tiny.columns()
    found = predictor.embed({"age": rows["age"]}, "age")
    assert found.column_names == ["match.age"]
    (side,) = predictor._embedder._answer
    assert side.feature == "age"
    other = predictor.embed({**rows, "size": [0.0] * 40, "kind": ["new"] * 40}, "age")
    assert other["match.age"].equals(found["match.age"])


@pytest.mark.backends
def test_the_nearest_are_found_across_features(tmp_path):
    predictor, rows = predictor_of(), tiny.columns()
    predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    found = again.search(rows, rows, "age", k=3)
    ages, sizes = (vectors_in(predictor.embed(rows, n), f"match.{n}") for n in ("age", "size"))
    asked = [n for n, vector in enumerate(ages) if vector is not None]
    assert found["query"].to_pylist() == [rows["id"][n] for n in asked for _ in range(3)]
    assert found["rank"].to_pylist() == [1, 2, 3] * len(asked)
    near = np.array([ages[n] for n in asked]) @ np.array(sizes).T
    np.testing.assert_allclose(
        np.reshape(found["cosine"], (-1, 3)), -np.sort(-near, axis=1)[:, :3], atol=1e-5
    )
    place = {name: n for n, name in enumerate(rows["id"])}
    told = [place[name] for name in found["found"].to_pylist()]
    np.testing.assert_allclose(
        np.take_along_axis(near, np.reshape(told, (-1, 3)), axis=1).ravel(),
        found["cosine"].to_numpy(),
        atol=1e-5,
    )
    # Embedded before, and from a file.
    pa.parquet.write_table(predictor.embed(rows, "size"), tmp_path / "sizes.parquet")
    assert again.search(rows, tmp_path / "sizes.parquet", "age", k=3).equals(found)
    assert again.search(again.embed(rows, "age"), rows, "age", k=3).equals(found)


def test_without_a_key_rows_are_told_by_their_places():
    predictor, rows = predictor_of(), tiny.columns()
    asked = {"size": [1.0, None, 2.0]}
    found = predictor.search(asked, {"age": [None, 30.0, 50.0]}, "size", k=9)
    assert found["query"].to_pylist() == [0, 0, 2, 2]
    assert sorted(found["found"].to_pylist()) == [1, 1, 2, 2]
    assert set(found["found"].to_pylist()) == {1, 2}
    named = predictor.search(asked, {**rows, "name": rows["id"]}, "size", k=1, key="name")
    assert named["found"].to_pylist()[0] in rows["id"]
    nothing = predictor.search({"size": [None, None]}, rows, "size")
    assert nothing.num_rows == 0


def test_precision_is_no_matter_of_length():
    predictor, rows = predictor_of(precision="bfloat16"), tiny.columns()
    vectors = [v for v in vectors_in(predictor.embed(rows, "age"), "match.age") if v is not None]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.backends
def test_a_model_that_only_matches_has_no_fusion(tmp_path):
    predictor = predictor_of({"match": Matching("age", "size", width=WIDTH)})
    names = {layer.name for layer in predictor.model.layers}
    assert not [name for name in names if name.startswith(("fusion", "sharing", "kind__enc"))]
    predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    answers = again.predict(tiny.columns())
    assert answers.equals(predictor.predict(tiny.columns()))
    assert answers["match"].null_count == sum(age is None for age in tiny.columns()["age"])


TWO = {"match": Matching("age", "size", width=4), "also": Matching("kind", "size", width=4)}


@pytest.mark.parametrize(
    ("tasks", "arguments", "message"),
    [
        (None, {"by": "kind"}, "'kind' is none of the features that are matched: 'age' and 'size'"),
        (None, {"by": "aeg"}, "Did you mean 'age'"),
        (None, {"by": "age", "task": "mach"}, "No task 'mach' matches .* Did you mean 'match'"),
        (None, {"by": "age", "k": 0}, "search: k is a whole number, 1 or more"),
        (TWO, {"by": "size"}, "'size' is matched by several tasks.*Name one, such as task='match'"),
        (TWO, {"by": "kind", "task": "match"}, "'kind' is none of the features"),
        ({"sold": Binary()}, {"by": "age"}, "no task that matches two features"),
    ],
)
def test_what_cannot_be_searched_is_refused(tasks, arguments, message):
    rows = tiny.columns()
    with pytest.raises(ConfigError, match=message):
        predictor_of(tasks).search(rows, rows, **arguments)


def test_tables_without_what_is_asked_are_refused():
    predictor, rows = predictor_of(), tiny.columns()
    with pytest.raises(DataError, match="none of the columns that the model reads: size"):
        predictor.embed({"age": [1.0]}, "size")
    with pytest.raises(DataError, match="no row has 'size', so that there is nothing to find"):
        predictor.search(rows, {"size": [None, None]}, "age")
    for wrong in ([[1.0, 0.0]], [[1.0] + [0.0] * 4, [1.0] + [0.0] * 6], [[0.5] * 6]):
        with pytest.raises(DataError, match=r"lists of 6 numbers, vectors of length 1\. Received"):
            predictor.search(rows, {"match.size": wrong}, "age")


def test_a_learner_that_is_not_fitted_says_so():
    learner = plait.Learner(tiny.features(), {"match": Matching("age", "size")})
    for ask in (
        lambda: learner.embed({"age": [1.0]}, "age"),
        lambda: learner.search({}, {}, "age"),
    ):
        with pytest.raises(PlaitError, match="not fitted"):
            ask()
