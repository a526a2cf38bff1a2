"""Answering, saving and loading; crafted descriptions are refused."""

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pytest

from plait._names import parameters
from plait.encoders import AudioConv, ImageConv
from plait.errors import ConfigError, DataError, ModelFileError
from plait.features import Number
from plait.inference import Predictor, _answers
from plait.inference._archive import Archive
from plait.inference._rows import batches
from plait.inference._weights import weights_of
from plait.model import MultiTaskModel
from plait.sharing import (
    MTAN,
    PLE,
    CrossStitch,
    DSelectK,
    HardSharing,
    LoRA,
    MMoE,
    SoftSharing,
    TaskGroups,
    TaskRouting,
)
from plait.table import Table
from plait.tasks import Binary, Regression
from tests.programs import built
from tests.unit.inference import tiny

SAMPLE = Path(__file__).parents[2] / "values" / "format_1.plait"


@pytest.fixture(scope="module")
def predictor():
    return Predictor.build(tiny.declaration(), seed=3)


@pytest.fixture
def path(predictor, tmp_path):
    predictor.save(tmp_path / "m.plait")
    return tmp_path / "m.plait"


def equal(one, two, rtol):
    assert one.keys() == two.keys()
    for task, logits in one.items():
        np.testing.assert_allclose(logits, two[task], rtol=rtol, atol=rtol)


def describe(path, **changed):
    """Rewrites the description in a saved model."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    description = {**json.loads(contents["model.json"]), **changed}
    contents["model.json"] = json.dumps({k: v for k, v in description.items() if v != "GONE"})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


@pytest.mark.backends
def test_a_loaded_model_answers_as_the_saved_one(predictor, path):
    saved, loaded = predictor.logits(tiny.columns()), Predictor.load(path).logits(tiny.columns())
    for task, logits in saved.items():
        assert logits.tobytes() == loaded[task].tobytes()
    assert Predictor.load(path).declaration.key == "id"


@pytest.fixture(scope="module")
def on_jax(predictor, tmp_path_factory):
    """What a process on JAX answers with the model and saves of it, and what it imported for that."""
    folder = tmp_path_factory.mktemp("jax")
    predictor.save(folder / "here.plait")
    code = """
import sys
sys.argv[0] = "plait"
from plait.inference import Predictor
print(*(name for name in sys.modules if name.startswith("plait.")))
import numpy as np
from tests.unit.inference import tiny
loaded = Predictor.load("here.plait")
np.savez("jax.npz", **loaded.logits(tiny.columns()))
loaded.save("jax.plait")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return folder, {name.split(".")[1] for name in done.stdout.split()}


@pytest.mark.backends
def test_a_model_saved_on_this_backend_answers_the_same_on_jax(predictor, on_jax):
    folder, _ = on_jax
    here = predictor.logits(tiny.columns())
    equal(here, dict(np.load(folder / "jax.npz")), 1e-5)
    equal(here, Predictor.load(folder / "jax.plait").logits(tiny.columns()), 1e-6)


@pytest.mark.backends
def test_the_stored_sample_of_format_1_still_answers_the_same():
    answers = json.loads(SAMPLE.with_suffix(".json").read_text())
    loaded = Predictor.load(SAMPLE)
    equal(
        loaded.logits(answers["rows"]), {t: np.array(z) for t, z in answers["logits"].items()}, 1e-5
    )


def test_predicting_needs_no_labels_and_keeps_the_order(predictor):
    rows = {name: cells for name, cells in tiny.columns().items() if name not in ("sold", "price")}
    answers = predictor.predict(rows)
    assert answers.column_names[:2] == ["id", "sold"]
    assert {"sold.probability", "sold.probabilities", "price"} < set(answers.column_names)
    assert answers["id"].to_pylist() == rows["id"]
    backwards = predictor.predict(Table.read(rows).take(np.arange(tiny.ROWS)[::-1]))
    assert backwards["price"].to_pylist() == answers["price"].to_pylist()[::-1]


def test_rows_are_answered_alike_alone_and_in_a_table_of_several_batches(predictor):
    table = Table.read(tiny.columns(rows=3 * predictor.batch_size + 1))
    whole = predictor.logits(table)
    for row in (0, predictor.batch_size, len(table) - 1):
        alone = predictor.logits(table.take(np.array([row])))
        for task, logits in whole.items():
            assert logits[row].tobytes() == alone[task][0].tobytes()


@pytest.mark.parametrize(("rows", "size"), [(1, 8), (8, 8), (9, 64), (65, 64)])
def test_a_few_rows_need_no_whole_batch(rows, size, predictor, monkeypatch):
    answer, sizes = predictor._answer, set()

    def seen(x):
        sizes.update(len(values) for values in x.values())
        return answer(x)

    monkeypatch.setattr(predictor, "_answer", seen)
    assert len(predictor.predict(Table.read(tiny.columns(rows=rows)))) == rows
    assert sizes == {size}


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="nothing is compiled")
def test_a_warm_model_compiles_nothing(predictor, monkeypatch):
    one, two = (Table.read(tiny.columns(rows=rows)) for rows in (1, 8))
    predictor.predict(one)
    layer = predictor.model.get_layer(index=-1)
    monkeypatch.setattr(layer, "call", lambda *_, **__: pytest.fail("traced again"))
    assert len(predictor.predict(two)) == 8
    absent = {"size": [None], "age": [3.0], "kind": ["never seen"]}
    assert len(predictor.predict(Table.read(absent))) == 1


def test_answers_in_parts_are_those_of_the_whole(predictor, monkeypatch):
    monkeypatch.setattr(_answers, "_DECODED", 2 * predictor.batch_size + 1)
    table = Table.read(tiny.columns(rows=4 * predictor.batch_size + 3))
    table = table.take(np.arange(len(table))[::-1])
    parts = list(predictor.predict_in_parts(table))
    assert [len(part) for part in parts] == [2 * predictor.batch_size] * 2 + [3]
    assert len({part.schema for part in parts}) == 1
    assert pa.concat_tables(parts).equals(predictor.predict(table))
    assert pa.concat_tables(parts)["id"].to_pylist() == table.column("id").values.to_pylist()


@pytest.mark.parametrize(("batches", "sizes"), [(0.5, [1] * 4), (2, [2, 2]), (3.5, [3, 1])])
def test_as_many_answers_are_held_as_their_bytes_allow(predictor, monkeypatch, batches, sizes):
    size = predictor.batch_size
    table = Table.read(tiny.columns(rows=4 * size))
    row = sum(logits[:1].nbytes for logits in predictor.logits(table).values())
    monkeypatch.setattr(_answers, "_DECODED_BYTES", int(batches * size * row))
    parts = list(predictor.predict_in_parts(table))
    assert [len(part) for part in parts] == [size * count for count in sizes]
    monkeypatch.undo()
    assert pa.concat_tables(parts).equals(predictor.predict(table))


def test_a_category_that_training_never_saw_is_answered(predictor):
    rows = {"size": [1.0, 1.0], "age": [30.0, 30.0], "kind": ["never seen", "nor this"]}
    prices = predictor.predict(rows)["price"].to_pylist()
    assert prices[0] == prices[1]
    assert np.isfinite(prices[0])


def test_a_missing_column_is_absent_everywhere_and_said(predictor):
    rows = tiny.columns()
    gone = {name: cells for name, cells in rows.items() if name != "age"}
    empty = {**rows, "age": pa.nulls(tiny.ROWS, pa.float64())}
    with pytest.warns(UserWarning, match="no column 'age'"):
        logits = predictor.logits(gone)
    equal(logits, predictor.logits(empty), 0)


def test_a_table_with_nothing_to_read_is_refused(predictor):
    with pytest.raises(
        DataError, match="none of the columns that the model reads: age, kind, size"
    ):
        predictor.predict({"agee": [1.0]})


def test_an_unknown_key_is_refused(predictor):
    with pytest.raises(DataError, match="Did you mean 'id'"):
        predictor.predict(tiny.columns(), key="idd")


@pytest.mark.parametrize("key", ["price", "sold.probability"])
def test_a_key_of_an_answers_name_is_refused(predictor, key):
    rows = {**tiny.columns(), key: [1.0] * tiny.ROWS}
    with pytest.raises(ConfigError, match=f"The key '{key}'"):
        predictor.predict(rows, key=key)


def test_a_run_folder_is_as_good_as_its_model(predictor, tmp_path):
    predictor.save(tmp_path / "run" / "model.plait")
    loaded = Predictor.load(tmp_path / "run")
    assert loaded.declaration.to_plain() == predictor.declaration.to_plain()


@pytest.mark.parametrize(
    "crafted",
    [
        {"fusion": "os.system"},
        {"fusion": {"os.system": {"command": "true"}}},
        {"fusion": "Lambda"},
        {"fusion": {"Lambda": {"function": "lambda x: x"}}},
        {"sharing": "keras.layers.Lambda"},
        {"sharing": "Concat"},
        {"fusion": "Fusion"},
        {"fusion": {"Concat": {"width": 4, "code": "x"}}},
        {"features": {"age": {"declared": "builtins.eval", "state": {}}}},
        {"tasks": {"sold": {"declared": {"Binary": {"__class__": 1}}, "state": {}}}},
    ],
    ids=str,
)
def test_a_class_that_is_none_of_plaits_is_refused(path, crafted):
    describe(path, **crafted)
    with pytest.raises(ModelFileError, match="custom_objects"):
        Predictor.load(path)


@pytest.mark.parametrize("classes", [["no"], [], ["no", "yes", "maybe"]], ids=str)
def test_classes_that_do_not_fit_the_head_are_refused(path, classes):
    tasks = Archive(path).description["tasks"]
    tasks["sold"]["state"]["classes"] = classes
    describe(path, tasks=tasks)
    with pytest.raises(ModelFileError, match="describes no model that can be built"):
        Predictor.load(path)


@pytest.mark.parametrize(
    "crafted",
    [
        {"features": "GONE"},
        {"features": []},
        {"features": {}},
        {"tasks": {"sold": {"declared": "Binary", "state": None}}},
        {"tasks": {"sold": {"declared": "Binary", "state": {"classes": 3}}}},
        {"tasks": {"../sold": {"declared": "Binary", "state": {}}}},
        {"width": "wide"},
        {"width": -1},
        {"fusion": None},
        {"fusion": {"Concat": {"width": "wide"}}},
        {"fusion": {"Concat": {"width": -4}}},
        {"sharing": {"HardSharing": {"blocks": -1}}},
        {"key": 5},
    ],
    ids=str,
)
def test_a_description_that_makes_no_model_is_refused(path, crafted):
    describe(path, **crafted)
    with pytest.raises(ModelFileError):
        Predictor.load(path)


@pytest.mark.backends
@pytest.mark.parametrize(
    "crafted",
    [
        {"fusion": {"Concat": {"width": 200_000}}},
        {"sharing": {"HardSharing": {"blocks": 1, "width": 2_000_000_000}}},
    ],
    ids=str,
)
def test_sizes_that_the_file_does_not_hold_are_refused_before_they_are_made(path, crafted):
    describe(path, **crafted)
    with pytest.raises(ModelFileError, match="the description asks for"):
        Predictor.load(path)
    # Nothing of the refused model is left to be made later on.
    Predictor.build(tiny.declaration())


@pytest.mark.parametrize(
    "crafted",
    [
        {"sharing": {"HardSharing": {"blocks": 10_000_000}}},
        {"sharing": {"HardSharing": {"blocks": 10**400}}},
    ],
    ids=["millions", "beyond any number"],
)
def test_more_layers_than_the_file_has_weights_are_never_built(path, crafted):
    describe(path, **crafted)
    start = time.monotonic()
    with pytest.raises(ModelFileError, match="asks for more weights than the 26 it holds"):
        Predictor.load(path)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "encoder",
    [
        ImageConv(channels=(4, 8), blocks=2),
        ImageConv(blocks=3),
        AudioConv(rate=4000, channels=(4, 8), blocks=2),
    ],
    ids=lambda encoder: encoder.name,
)
def test_a_built_encoder_has_the_weights_that_were_counted(encoder):
    shape = (32, 32, 3) if isinstance(encoder, ImageConv) else (4000,)
    built(encoder, np.zeros((1, *shape), "float32"))
    assert encoder.blocks < encoder.least_weights <= len(encoder.weights)


def test_a_users_own_class_loads_through_custom_objects_alone(tmp_path):
    class Mine(Number):
        pass

    declared = tiny.declaration(
        features={"age": Mine(), "size": Number(), "kind": Number(column="size")}
    )
    Predictor.build(declared).save(tmp_path / "m.plait")
    with pytest.raises(ModelFileError, match="'Mine'"):
        Predictor.load(tmp_path / "m.plait")
    loaded = Predictor.load(tmp_path / "m.plait", custom_objects={"Mine": Mine})
    assert type(loaded.features["age"]) is Mine


def test_answering_imports_no_training_code(on_jax):
    _, imported = on_jax
    assert "inference" in imported
    assert not imported & {"training", "model", "balancing", "learner", "config", "cli"}


class Doubled(Regression):
    """Twice what its head says."""

    def answer_layer(self):
        return keras.layers.Rescaling(2.0)


def test_what_stands_behind_a_head_is_asked_and_not_saved(tmp_path):
    table = Table.read(tiny.columns())
    plain = Predictor.build(tiny.declaration(tasks={"price": Regression()}))
    double = Predictor(tiny.declaration(tasks={"price": Doubled()}), plain.model)
    np.testing.assert_allclose(double.logits(table)["price"], 2 * plain.logits(table)["price"])
    double.save(tmp_path / "double.plait")
    again = Predictor.load(tmp_path / "double.plait", {"Doubled": Doubled})
    np.testing.assert_allclose(again.logits(table)["price"], double.logits(table)["price"])
    assert tiny.values(again.model).keys() == tiny.values(plain.model).keys()


def test_rows_of_nothing_are_answered_and_told():
    predictor = Predictor.build(tiny.declaration())
    columns = tiny.columns()
    for row in (3, 39):
        for name in ("age", "size", "kind"):
            columns[name][row] = None
    said = r"2 of 40 rows of .* have none of the features \(rows 4, 40\)"
    with pytest.warns(UserWarning, match=said):
        answers = predictor.predict(columns)
    assert answers.num_rows == tiny.ROWS
    with pytest.warns(UserWarning, match=said):
        found = predictor.logits(columns)
    for logits in found.values():
        assert np.isfinite(logits).all()
        np.testing.assert_array_equal(logits[3], logits[39])


def test_some_tasks_alone_take_what_they_need(tmp_path):
    tasks = {
        "sold": Binary(features=("size", "kind")),
        "price": Regression(features=("age", "kind")),
    }
    whole = Predictor.build(tiny.declaration(tasks=tasks, sharing=MMoE(experts=2)))
    whole.save(tmp_path / "whole.plait")
    whole.of_tasks(["price"]).save(tmp_path / "price.plait")
    again = Predictor.load(tmp_path / "price.plait")
    assert list(again.tasks) == ["price"]
    columns = tiny.columns()
    columns["kind"] = ["toy", "tool"] * (tiny.ROWS // 2)
    np.testing.assert_array_equal(again.logits(columns)["price"], whole.logits(columns)["price"])
    weights = {}
    for name in ("whole", "price"):
        with zipfile.ZipFile(tmp_path / f"{name}.plait") as archive:
            found = [n for n in archive.namelist() if n.startswith("weights/")]
        weights[name] = {n.removeprefix("weights/").partition("/")[0] for n in found}
    assert weights["whole"] - weights["price"] == {"sold", "sold__branch", "size__encoder"}
    # A column that it does not read is not asked for.
    again.logits({name: cells for name, cells in columns.items() if name != "size"})
    with pytest.raises(ConfigError, match=r"no task 'pric'.* Did you mean 'price'"):
        whole.of_tasks(["pric"])
    with pytest.raises(ConfigError, match="Which tasks"):
        whole.of_tasks([])


def sizes(predictor):
    return {name: tuple(weight.shape) for name, weight in weights_of(predictor.model).items()}


@pytest.mark.parametrize(
    "sharing",
    [
        SoftSharing(2),
        LoRA(rank=2),
        TaskRouting(),
        MTAN(2),
        DSelectK(experts=8),
        DSelectK(experts=8, k=1),
        TaskGroups([["sold"], ["price", "again"]]),
        TaskGroups(),
    ],
    ids=lambda sharing: type(sharing).__name__,
)
def test_tasks_alone_leave_what_others_have_within_the_sharing(sharing, tmp_path):
    features = {"size": Number()}
    tasks = {"sold": Binary(), "price": Regression(), "again": Regression(column="price")}
    whole = Predictor.build(tiny.declaration(features=features, tasks=tasks, sharing=sharing))
    draw = np.random.default_rng(0)
    for weight in whole.model.get_layer("sharing").weights:
        weight.assign(draw.normal(size=weight.shape) / 2)
    expected = whole.logits(tiny.columns())
    slims = {kept: whole.of_tasks(kept) for kept in (("again",), ("price", "again"))}
    for kept, slim in slims.items():
        # What a fresh model of these tasks alone has.
        declared = {task: tasks[task] for task in kept}
        alone = type(sharing)(**sharing_arguments(sharing, kept))
        if isinstance(sharing, DSelectK):
            alone = alone.remade(kept=taken(whole.model.get_layer("sharing"), kept))
            assert len(alone.kept) < sharing.experts
        fresh = tiny.declaration(features=features, tasks=declared, sharing=alone)
        assert sizes(slim) == sizes(Predictor.build(fresh))
    one, two = slims.values()
    two.save(tmp_path / "two.plait")
    two = Predictor.load(tmp_path / "two.plait")
    # A compiler may add up fewer products in another order.
    tolerance = 0 if isinstance(sharing, DSelectK) else 1e-6
    for slim in (one, two):
        for task, logits in slim.logits(tiny.columns()).items():
            np.testing.assert_allclose(logits, expected[task], rtol=tolerance, atol=tolerance)
    found = two.of_tasks(["price"]).logits(tiny.columns())["price"]
    np.testing.assert_allclose(found, expected["price"], rtol=1e-6, atol=1e-6)


def taken(sharing, tasks):
    """The experts that some of the tasks answer with, counted from the weights themselves."""
    shares = keras.ops.convert_to_numpy(sharing.shares())
    places = [sharing.place(task) for task in tasks]
    return sorted(
        {int(e) for p in places for e in np.argsort(-shares[p])[: sharing.k] if shares[p, e]}
    )


def sharing_arguments(sharing, kept):
    """Those of one that was made for these tasks."""
    arguments = {name: getattr(sharing, name) for name in parameters(type(sharing))}
    if "groups" not in arguments:
        return {**arguments, "tasks": kept}
    groups = sharing.groups and [[t for t in group if t in kept] for group in sharing.groups]
    return {**arguments, "groups": groups and [group for group in groups if group]}


def test_an_expert_that_only_tasks_left_behind_have_chosen_is_skipped():
    whole = Predictor.build(tiny.declaration(sharing=DSelectK(experts=2, k=1)))
    sharing = whole.model.get_layer("sharing")
    sharing.digits.assign([[[-1.0]], [[1.0]]])  # `sold` has the first, `price` the second.
    first, second = sharing.made
    for variable in first.weights:
        variable.assign(np.full(variable.shape, np.nan))
    assert np.isnan(whole.logits(tiny.columns())["price"]).all()
    slim = whole.of_tasks(["price"])
    assert np.isfinite(slim.logits(tiny.columns())["price"]).all()
    np.testing.assert_array_equal(slim.model.get_layer("sharing").digits, [[[1.0]]])
    assert len(slim.model.get_layer("sharing").weights) == 1 + len(second.weights)


def test_an_export_that_is_trained_further_keeps_its_choice():
    whole = Predictor.build(tiny.declaration(sharing=DSelectK(experts=8)))
    slim = whole.of_tasks(["price"])
    sharing = slim.model.get_layer("sharing")
    to_numpy = keras.ops.convert_to_numpy
    digits = to_numpy(sharing.digits).copy()
    shares = to_numpy(sharing.largest(sharing.shares()))
    assert shares.shape == (1, len(sharing.kept)) == (1, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    model = MultiTaskModel(slim.model.input, slim.model.output)
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), loss={"price": "mse"})
    rows = slim.declaration.rows(slim.declaration.table(tiny.columns()))
    ((_, x),) = batches(rows, tiny.ROWS)
    before = to_numpy(sharing.made[0].weights[0]).copy()
    model.fit(x, {"price": np.zeros((tiny.ROWS, 1), "float32")}, epochs=3, verbose=0)
    np.testing.assert_array_equal(to_numpy(sharing.digits), digits)
    assert (to_numpy(sharing.made[0].weights[0]) != before).any()
    assert slim.of_tasks(["price"]).declaration.sharing.kept == sharing.kept


def test_of_experts_that_no_task_has_chosen_all_weigh_alike():
    sharing = DSelectK(experts=4, k=1, kept=[0, 1], tasks=["a"])
    sharing.build((None, 1, 3))
    sharing.digits.assign([[[1.0, 1.0]]])  # That is the last one.
    shares = keras.ops.convert_to_numpy(sharing.largest(sharing.shares()))
    np.testing.assert_array_equal(shares, [[0.5, 0.5]])


def test_trunks_that_are_mixed_are_carried_whole():
    whole = Predictor.build(tiny.declaration(sharing=CrossStitch(1)))
    slim = whole.of_tasks(["price"])
    assert slim.declaration.sharing.tasks == ("sold", "price")
    shapes = [tuple(w.shape) for w in whole.model.get_layer("sharing").weights]
    assert [tuple(w.shape) for w in slim.model.get_layer("sharing").weights] == shapes


def test_an_auxiliary_task_leaves_its_trunk_behind_and_an_export_does_not():
    tasks = {"sold": Binary(auxiliary=True), "price": Regression()}
    whole = Predictor.build(tiny.declaration(tasks=tasks, sharing=SoftSharing(1)))
    served = whole.served()
    assert served.declaration.sharing.tasks == ("sold", "price")
    exported = served.of_tasks(["price"])
    assert exported.declaration.sharing.tasks == ("price",)
    found, expected = (p.logits(tiny.columns())["price"] for p in (exported, whole))
    np.testing.assert_array_equal(found, expected)


def test_a_task_is_not_taken_without_the_one_before_it():
    tasks = {"sold": Binary(), "price": Regression(after=("sold",))}
    whole = Predictor.build(tiny.declaration(tasks=tasks))
    with pytest.raises(ConfigError, match="'price' comes after the task 'sold'"):
        whole.of_tasks(["price"])
    assert list(whole.of_tasks(["sold"]).tasks) == ["sold"]


class Mixed(SoftSharing):
    def call(self, tokens, mask=None, training=None):
        found = super().call(tokens, mask, training=training)
        return [x + sum(found) for x in found]


class Biased(DSelectK):
    def build(self, tokens_shape, mask_shape=None):
        super().build(tokens_shape, mask_shape)
        self.bias = self.add_weight(name="bias", shape=(tokens_shape[-1],), initializer="ones")

    def call(self, tokens, mask=None, training=None):
        return super().call(tokens + self.bias, mask, training=training)


@pytest.mark.parametrize("sharing", [Mixed(1), Biased(experts=8)])
def test_a_sharing_of_the_users_own_is_carried_whole(sharing):
    whole = Predictor.build(tiny.declaration(sharing=sharing))
    found, expected = (
        p.logits(tiny.columns())["price"] for p in (whole.of_tasks(["price"]), whole)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("sharing", [SoftSharing(1), PLE(), TaskGroups()])
def test_a_sharing_that_no_task_reads_stays_as_it_is(sharing):
    assert sharing.slimmed(()) is sharing
    assert sharing.slimmed(("one",)) is sharing


@pytest.mark.parametrize("sharing", [HardSharing(), SoftSharing(1)])
@pytest.mark.parametrize("taken", [("a b", "a_b"), ("sharing", "p"), ("fusion", "p")])
def test_a_task_whose_layers_another_one_named_is_not_taken_alone(taken, sharing):
    other, name = taken
    tasks = {other: Regression(column="price"), name: Regression(column="price")}
    whole = Predictor.build(tiny.declaration(tasks=tasks, sharing=sharing))
    with pytest.raises(ConfigError, match="Give the tasks other names"):
        whole.of_tasks([name])
