import io
import json
from contextlib import redirect_stderr
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image as Pillow

from plait.balancing import CosineGating, PCGrad
from plait.encoders import ImageConv
from plait.errors import ConfigError, DataError, DivergedError, PlaitError
from plait.features import Category, Image, Number, _media_feature
from plait.fusion import Weighted
from plait.inference import Predictor
from plait.learner import Learner
from plait.model import MultiTaskModel
from plait.table import Split, Table
from plait.tasks import Binary, Multiclass, Regression
from plait.training import Training
from tests.unit.inference import tiny

TRAIN = "plait.training._run_once.train"
RAN = {
    "balancing": PCGrad(),
    "split": Split(fractions=(0.8, 0.2, 0)),
    "fusion": Weighted(width=4, per_row=True),
}


def learner(**options):
    options = {"width": 4, "training": Training(epochs=1, batch_size=16), **options}
    return Learner(tiny.features(), tiny.tasks(), **options)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "r"
    fitted = learner(key="id", **RAN)
    return fitted.fit(tiny.columns(), run=folder, verbose=False), folder


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """A run with another seed, of which the gates cannot be read, and what it said."""

    def out_of_memory(*_):
        raise RuntimeError("out of memory")

    folder, said = tmp_path_factory.mktemp("another") / "r", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said):
        patch.setattr(Predictor, "gates", out_of_memory)
        fitted = learner(**RAN, seed=1).fit(tiny.columns(), run=folder, verbose=False)
    return fitted, folder, said.getvalue()


def test_the_model_is_an_ordinary_keras_model(ran):
    fitted, _ = ran
    assert isinstance(fitted.model, MultiTaskModel)
    assert isinstance(fitted.model.optimizer, keras.optimizers.AdamW)
    x = {name: np.zeros((2, *t.shape[1:]), t.dtype) for name, t in fitted.model.input.items()}
    assert {task: z.shape for task, z in fitted.model.predict(x, verbose=0).items()} == {
        "sold": (2, 1),
        "price": (2, 1),
    }


def test_an_export_answers_the_same_of_some_tasks(ran, tmp_path):
    fitted, _ = ran
    slim = fitted.export(tmp_path / "price.plait", tasks=["price"])
    alone = Learner.load(tmp_path / "price.plait")
    assert alone.tasks.keys() == {"price"}
    answers, expected = (one.predict(tiny.columns()) for one in (alone, fitted))
    assert answers.column_names == ["id", "price"]
    np.testing.assert_allclose(answers["price"], expected["price"], rtol=1e-6)
    assert slim.tasks.keys() == fitted.export(tasks=["price"]).tasks.keys() == {"price"}
    np.testing.assert_array_equal(slim.predict(tiny.columns())["price"], answers["price"])
    with pytest.raises(ConfigError, match="Did you mean 'price'"):
        fitted.export(tmp_path / "other.plait", tasks=["pric"])
    assert not (tmp_path / "other.plait").exists()


def test_a_run_says_all_that_it_depended_on(ran):
    fitted, folder = ran
    read = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert read.keys() == {
        "config", "environment", "features", "findings", "gates", "metrics", "tasks",
    }  # fmt: skip
    assert read["config"]["balancing"] == "PCGrad"
    assert read["config"]["training"]["Training"]["patience"] == 3
    assert read["environment"]["data"]["train"]["rows"] == 32
    assert read["metrics"]["labels"]["sold"]["rows"] == 32
    assert read["metrics"]["validation"] == fitted.history[0].scores
    table = Table.read(tiny.columns())
    validation = table.take(fitted.split.parts(table, list(fitted.tasks)).validation)
    assert read["gates"] == fitted.predictor.gates(validation).to_pylist()
    assert {line["part"] for line in read["gates"]} == tiny.features().keys()
    assert read["findings"] == {part: {"broken": [], "cut": {}} for part in ("train", "validation")}


def test_gates_that_cannot_be_read_end_no_run(another):
    _, folder, said = another
    assert "weigh could not be read (out of memory); `plait evaluate" in said
    names = {path.name for path in folder.iterdir()}
    assert "model.plait" in names
    assert "gates.json" not in names


def test_pictures_are_decoded_in_one_run_and_read_from_disk_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    # Even what is decoded in no time.
    monkeypatch.setattr(_media_feature, "_GAIN", 0)
    data = tmp_path / "data"
    data.mkdir()
    draw = np.random.default_rng(0)
    for row in range(24):
        Pillow.fromarray(draw.integers(0, 256, (9, 9, 3), "uint8")).save(data / f"{row}.png")
    table = Table.read({"photo": [f"{n}.png" for n in range(24)], "n": range(24)}, root=data)
    seen = {
        "features": {"photo": Image(size=8, encoder=ImageConv(width=4, channels=(4,), blocks=0))},
        "tasks": {"n": Regression()},
        "training": Training(epochs=1, batch_size=8, disk_cache="1MB"),
        "width": 4,
    }
    first = Learner(**seen).fit(table, run=tmp_path / "first", verbose=False)
    kept = sorted((tmp_path / "cache").rglob("decoded/**/*"))
    assert kept
    monkeypatch.setattr(Image, "decode", lambda *_: pytest.fail("decoded again"))
    second = Learner(**seen).fit(table, run=tmp_path / "second", verbose=False)
    assert second.history[0].loss == first.history[0].loss
    assert sorted(path.name for path in data.iterdir()) == sorted(f"{n}.png" for n in range(24))


def test_loading_a_run_answers_as_the_learner_did(ran):
    fitted, folder = ran
    loaded = Learner.load(folder)
    assert loaded.predict(tiny.columns()).equals(fitted.predict(tiny.columns()))
    assert fitted.predict(tiny.columns()).column_names[0] == "id"
    assert loaded.evaluate(tiny.columns()) == fitted.evaluate(tiny.columns())


def test_saving_to_a_file(ran, tmp_path):
    fitted, _ = ran
    fitted.save(tmp_path / "m.plait")
    assert Predictor.load(tmp_path / "m.plait").logits(tiny.columns()).keys() == {"sold", "price"}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(ran, another):
    fitted, _ = ran
    one = learner(**RAN, seed=0).fit(tiny.columns(), run=False, verbose=False)
    first, second = tiny.values(fitted.model), tiny.values(one.model)
    assert all(value.tobytes() == second[path].tobytes() for path, value in first.items())
    third = tiny.values(another[0].model)
    assert any((value != third[path]).any() for path, value in first.items())


def test_it_says_what_it_chose_and_what_came_of_it(capsys, monkeypatch):
    monkeypatch.setattr(TRAIN, lambda *_, **__: (_ for _ in ()).throw(KeyError))
    with pytest.raises(KeyError):
        learner(training=None).fit(tiny.columns(), run=False)
    printed = capsys.readouterr().err
    assert "feature age: Number" in printed
    assert "task sold: Binary, " in printed
    assert "training rows labelled" in printed
    assert "epochs of 16 rows a step" in printed


def rows_taught(monkeypatch, made, *args, **options):
    """The training rows that the batches were made of."""
    seen = []

    def note(declaration, batches, *_, **__):
        seen.append(batches)
        raise KeyError

    monkeypatch.setattr(TRAIN, note)
    with pytest.raises(KeyError):
        made.fit(*args, run=False, verbose=False, **options)
    return seen[0]


def test_every_row_with_any_label_is_used_and_no_other(monkeypatch):
    rows = tiny.columns()
    for name in ("sold", "price"):
        rows[name][0] = rows[name][2] = None
    rows["sold"][4], rows["price"][4] = "yes", None
    labels = zip(rows["sold"], rows["price"], strict=True)
    with_any = sum(any(label is not None for label in pair) for pair in labels)
    batches = rows_taught(monkeypatch, learner(), {"train": rows, "validation": rows})
    assert batches.rows == with_any < tiny.ROWS


def test_labels_with_a_leading_zero_come_back_as_they_were_written(tmp_path):
    cells = "".join(f"{n},{['01', '02', '10'][n % 3]}\n" for n in range(30))
    (tmp_path / "t.csv").write_text("age,zone\n" + cells)
    fitted = Learner(
        {"age": Number()}, {"zone": Multiclass()}, width=4, training=Training(epochs=1)
    ).fit(tmp_path / "t.csv", run=False, verbose=False)
    answers = fitted.predict(tmp_path / "t.csv")
    assert set(answers["zone"].to_pylist()) <= {"01", "02", "10"}
    assert list(answers["zone.probabilities"][0].as_py()) == ["01", "02", "10"]


def test_the_split_is_a_column_by_its_name(monkeypatch):
    rows = {**tiny.columns(), "part": ["train"] * 30 + ["val"] * 10}
    rows["sold"] = ["yes", "no"] * 20
    assert rows_taught(monkeypatch, learner(split="part"), rows).rows == 30


def test_weights_reach_the_loss(monkeypatch):
    rows = {**tiny.columns(), "w": [0.5] * tiny.ROWS}
    batches = rows_taught(
        monkeypatch, learner(weight="w"), rows, validation=tiny.columns(seed=2) | {"w": rows["w"]}
    )
    _, _, weights = batches.batch(0, 0)
    assert set(np.unique(weights["sold"])) == {0.0, 0.5}


def test_a_row_of_weight_0_is_as_if_it_were_not_there():
    rows = {**tiny.columns(), "w": [2.0] * tiny.ROWS}
    odd = {"sold": "ghost", "age": 1e9, "kind": "rare", "price": -1e9, "w": 0.0}
    more = {name: [odd.get(name, cells[0]), *cells] for name, cells in rows.items()}
    answers = [
        learner(weight="w")
        .fit({"train": cells, "validation": cells}, run=False, verbose=False)
        .predict(tiny.columns(seed=1))
        for cells in (rows, more)
    ]
    assert answers[0].equals(answers[1])


def test_weights_that_are_all_0_are_told():
    rows = {**tiny.columns(), "w": [0] * tiny.ROWS}
    with pytest.raises(
        DataError, match=r"Column 'w' of the table: each of these 40 rows.*weight 0"
    ):
        learner(weight="w").fit(rows, rows, run=False)


def test_a_class_that_training_never_saw_is_told_before_the_first_epoch(monkeypatch):
    monkeypatch.setattr(TRAIN, lambda *_, **__: pytest.fail("training began"))
    with pytest.raises(DataError, match="maybe"):
        learner().fit(tiny.columns(), {**tiny.columns(), "sold": ["maybe"] * tiny.ROWS}, run=False)


@pytest.mark.parametrize(
    ("features", "tasks", "match"),
    [
        ({"agee": Number()}, {"sold": Binary()}, "Did you mean 'age'"),
        ({"age": Number()}, {"solt": Binary()}, "Did you mean 'sold'"),
        ({"age": Number()}, {"nothing": Regression()}, "'nothing'.*no label"),
    ],
)
def test_columns_that_will_not_do(features, tasks, match):
    rows = {**tiny.columns(), "nothing": [None] * tiny.ROWS}
    with pytest.raises(DataError, match=match):
        Learner(features, tasks).fit(rows, run=False, verbose=False)


@pytest.mark.parametrize(
    ("features", "tasks", "match"),
    [
        ({"a": Number(column="c")}, {"b": Binary(column="c")}, "'c' is both"),
        ({"kind": Category()}, {"b": Binary(features=("knid",))}, "Did you mean 'kind'"),
    ],
)
def test_declarations_that_will_not_do_are_refused_at_once(features, tasks, match):
    with pytest.raises(ConfigError, match=match):
        Learner(features, tasks)


def test_a_run_is_not_written_over(tmp_path):
    (tmp_path / "model.plait").write_text("precious")
    with pytest.raises(ConfigError, match="never written over"):
        learner().fit(tiny.columns(), run=tmp_path)
    assert (tmp_path / "model.plait").read_text() == "precious"


def test_a_fit_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(TRAIN, lambda *_, **__: (_ for _ in ()).throw(KeyError))
    with pytest.raises(KeyError):
        learner().fit(tiny.columns(), run=tmp_path / "r", verbose=False)
    assert list(tmp_path.iterdir()) == []


def test_an_unfitted_learner_says_so():
    with pytest.raises(PlaitError, match="not fitted"):
        learner().predict(tiny.columns())


def test_folds_score_each_row_once_by_a_model_that_never_saw_it(tmp_path, monkeypatch):
    trained, tested = [], []

    def learn(self, parts, run, callbacks, verbose, scored_on):
        trained.append(set(np.concatenate([parts["train"].rows, parts["validation"].rows])))
        assert run.folder.name == f"fold-{len(trained) - 1}"
        tested.append(set(scored_on.rows))
        return {"price": {"mae": float(len(tested))}}

    monkeypatch.setattr(Learner, "_learn", learn)
    found = learner().folds(tiny.columns(), 4, run=tmp_path / "r", verbose=False)
    assert sorted(row for rows in tested for row in rows) == list(range(1, tiny.ROWS + 1))
    assert all(not one & other for one, other in zip(trained, tested, strict=True))
    assert list(found["folds"]) == ["0", "1", "2", "3"]
    assert found["mean"] == {"price": {"mae": 2.5}}
    assert json.loads((tmp_path / "r" / "metrics.json").read_text()) == found


def test_folds_go_on_as_they_began_or_not_at_all(tmp_path, monkeypatch):
    def learn(self, parts, run, callbacks, verbose, scored_on):
        if run.folder.name == "fold-1":
            raise KeyError
        (run.folder / "scores.json").write_text('{"price": {"mae": 1.5}}')
        (run.folder / "model.plait").write_text("whole")

    def again(spec=2, **columns):
        cells = {**tiny.columns(), **columns}
        return learner().folds(cells, spec, run=tmp_path / "r", resume=True, verbose=False)

    monkeypatch.setattr(Learner, "_learn", learn)
    with pytest.raises(KeyError):
        learner().folds(tiny.columns(), 2, run=tmp_path / "r", verbose=False)
    with pytest.raises(ConfigError, match="folds was 2 and is 3"):
        again(3)
    with pytest.raises(DataError, match="the table rows are not those"):
        again(age=[1.0] * tiny.ROWS)
    monkeypatch.setattr(Learner, "_learn", lambda *_: {"price": {"mae": 2.5}})
    assert again()["mean"] == {"price": {"mae": 2.0}}
    with pytest.raises(ConfigError, match="is over"):
        again()


def test_folds_keep_what_the_split_keeps_whole(monkeypatch):
    seen = []
    monkeypatch.setattr(Learner, "_learn", lambda *given: seen.append(given[-1]) or {})
    cells = tiny.columns()
    cells["buyer"] = [n // 4 for n in range(tiny.ROWS)]
    learner(split=Split(by="buyer")).folds(cells, 3, run=False, verbose=False)
    buyers = [set(table.column("buyer").values.to_pylist()) for table in seen]
    assert sum(map(len, buyers)) == len(set.union(*buyers))


def test_a_table_object_will_do_for_everything(ran):
    fitted, _ = ran
    table = Table.read(tiny.columns())
    assert fitted.predict(table).num_rows == tiny.ROWS


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"features": {"age": Number}},
            r"feature 'age': expected an object of a Feature.*Number\(\)",
        ),
        ({"tasks": {"sold": "Binary"}}, "task 'sold': expected an object of a Task.*'Binary'"),
        ({"features": {"age": Number(encoder="TextBag")}}, "feature 'age', encoder: .* Encoder"),
        ({"balancing": PCGrad}, r"balancing: .* Balancer.*Write PCGrad\(\)"),
        ({"training": {"epochs": 3}}, "training: expected an object of a Training"),
    ],
)
def test_a_class_or_its_name_is_no_object(changed, message):
    with pytest.raises(ConfigError, match=message):
        Learner(**{"features": {"age": Number()}, "tasks": {"sold": Binary()}, **changed})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: learner(split=0.2), r"split: expected a Split, .* Received: 0\.2.*fractions="),
        (lambda: Learner([Number()], tiny.tasks()), "features: expected a dict of a Feature"),
        (lambda: Learner(tiny.features(), "price"), "tasks: expected a dict .* Received: 'price'"),
        (lambda: Training(epochs="3"), "Training: epochs is a whole number. Received: '3'"),
        (lambda: Training(epochs=2.5), "Training: epochs is a whole number. Received: 2.5"),
        (lambda: Training(warmup="a"), "Training: warmup is a number. Received: 'a'"),
    ],
)
def test_arguments_of_another_kind_are_refused_with_the_way_out(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_numbers_of_other_libraries_are_numbers():
    assert Training(epochs=np.int64(3), learning_rate=np.float32(0.1)).epochs == 3


def test_a_model_is_saved_to_a_file(ran, tmp_path):
    fitted, _ = ran
    with pytest.raises(PlaitError, match=r"is a folder, .*model\.plait"):
        fitted.save(tmp_path)


def test_a_learner_says_what_it_reads_and_answers():
    assert repr(learner()).endswith("-> sold, price; not fitted)")


def test_an_auxiliary_task_serves_the_others_and_selects_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tasks = tiny.tasks()
    tasks["price"] = replace(tasks["price"], auxiliary=True)
    options = {"width": 4, "training": Training(epochs=1, batch_size=16)}
    fitted = Learner(tiny.features(), tasks, balancing=CosineGating(), **options)
    fitted.fit(tiny.columns(), run=tmp_path / "r", verbose=False)
    (epoch,) = fitted.history
    assert set(epoch.gains) == {"sold", "price"}
    assert epoch.mean_gain == epoch.gains["sold"]
    assert epoch.logs["sold_weight"] == 1
    assert 0 <= epoch.logs["price_weight"] <= 1
    assert -1 <= epoch.logs["cosine_sold_price"] <= 1
    saved = json.loads((tmp_path / "r" / "config.json").read_text())
    assert saved["tasks"]["price"]["Regression"]["auxiliary"] is True


def test_a_model_needs_a_task_that_is_not_auxiliary():
    tasks = {name: replace(task, auxiliary=True) for name, task in tiny.tasks().items()}
    with pytest.raises(ConfigError, match="Every task is auxiliary"):
        Learner(tiny.features(), tasks)


def test_a_balancer_that_needs_an_auxiliary_task_says_how_to_name_one():
    gated = learner(balancing=CosineGating())
    with pytest.raises(PlaitError, match=r"needs an auxiliary task.*`auxiliary: true`"):
        gated.fit(tiny.columns(), run=False, verbose=False)


def test_a_run_that_diverges_keeps_the_best_epoch_and_says_so(capsys, monkeypatch):
    """The second epoch's first step throws the weights so far that the next loss is no number."""
    wild = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 1 else 1e30)
    training = Training(epochs=4, batch_size=16, schedule="constant", clip_norm=None)
    fitted = learner(balancing=PCGrad(), training=training)
    fitted.fit(tiny.columns(), run=False, callbacks=[wild])
    assert [epoch.number for epoch in fitted.history] == [1]
    assert "the loss is not finite at step" in capsys.readouterr().err
    assert np.isfinite(fitted.predict(tiny.columns())["price"].to_numpy()).all()
    now = learner(training=Training(epochs=4, batch_size=16, learning_rate=1e30, clip_norm=None))
    with pytest.raises(DivergedError, match="No epoch had ended before"):
        now.fit(tiny.columns(), run=False, verbose=False)
