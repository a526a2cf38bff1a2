import os
import signal

import keras
import numpy as np
import pytest

from plait.data import Batches
from plait.errors import ConfigError, DataError, StoppedError
from plait.features import Number
from plait.learner import Learner
from plait.table import Table
from plait.tasks import Binary, Multiclass, Multilabel, Regression
from plait.training import Training
from plait.training._sampling import Sampling

ROWS = 60
KINDS = ["a"] * 30 + ["b"] * 12 + ["c"] * 6 + [None] * 12


def table(**columns):
    draw = np.random.default_rng(0)
    return Table.read(
        {
            "n": np.arange(ROWS) * 1.0,
            "kind": KINDS,
            "sold": (draw.random(ROWS) < 0.2).tolist(),
            "price": draw.normal(size=ROWS),
            **columns,
        }
    )


def times(given, rows, **tasks):
    fitted = {n: task.fit(rows.column(task.column or n)) for n, task in tasks.items()}
    found = Sampling.read(given).times(rows, fitted)
    assert found.mean() == pytest.approx(1)
    return found


def shares(found, labels):
    labels = np.array(labels, object)
    return {label: found[labels == label].sum() / len(found) for label in set(labels)}


def test_each_class_of_a_task_is_drawn_equally_often_and_unlabelled_rows_as_they_are():
    found = times({"balance": "kind"}, table(), kind=Multiclass(), price=Regression())
    assert shares(found, KINDS) == pytest.approx(
        {"a": 0.8 / 3, "b": 0.8 / 3, "c": 0.8 / 3, None: 0.2}
    )
    assert found[0] == pytest.approx(0.8 * ROWS / 3 / 30)


def test_the_classes_of_several_tasks_at_once():
    rows = table()
    found = times({"balance": ["kind", "sold"]}, rows, kind=Multiclass(), sold=Binary())
    kinds = shares(found, KINDS)
    assert kinds == pytest.approx({"a": 0.8 / 3, "b": 0.8 / 3, "c": 0.8 / 3, None: 0.2}, rel=0.01)
    sold = shares(found, rows.column("sold").values.to_pylist())
    assert sold == pytest.approx({True: 0.5, False: 0.5}, rel=0.01)
    assert found.min() > 0


def test_the_classes_of_more_tasks_than_64_bits_hold():
    tasks = {f"t{n}": Binary(column="sold") for n in range(70)}
    many = times({"balance": [*tasks]}, table(), **tasks)
    np.testing.assert_allclose(many, times({"balance": "t0"}, table(), t0=tasks["t0"]))


def test_classes_that_cannot_be_balanced_at_once_are_refused():
    breed = [f"{kind}{n % (4 if kind == 'a' else 2)}" for n, kind in enumerate(map(str, KINDS))]
    with pytest.raises(ConfigError, match=r"classes of 'kind' and 'breed' cannot be drawn equally"):
        times(
            {"balance": ["kind", "breed"]},
            table(breed=breed),
            kind=Multiclass(),
            breed=Multiclass(),
        )


def test_rows_in_proportion_to_a_column():
    column = [0.0, 1.0, 3.0] * 20
    found = times({"weight": "often"}, table(often=column), price=Regression())
    np.testing.assert_allclose(found, np.array(column) * 3 / 4)
    with pytest.raises(DataError, match=r"'often' of .*: each training row has weight 0"):
        times({"weight": "often"}, table(often=[0] * ROWS), price=Regression())


@pytest.mark.parametrize("temperature", [0.5, 1, 2.0, 5, float("inf")])
def test_tasks_by_their_rows_to_the_power_of_one_over_the_temperature(temperature):
    """Each row has a label for one of three tasks, of 40, 16 and 4 rows."""
    sizes = np.array([40, 16, 4])
    of = np.repeat(np.arange(3), sizes)
    rows = table(
        **{f"t{t}": [float(n) if of[n] == t else None for n in range(ROWS)] for t in range(3)}
    )
    found = times({"temperature": temperature}, rows, **{f"t{t}": Regression() for t in range(3)})
    expected = (sizes / ROWS) ** (1 / temperature)
    np.testing.assert_allclose(np.bincount(of, found) / ROWS, expected / expected.sum())
    np.testing.assert_allclose(found, (np.bincount(of, found) / sizes)[of])


def test_a_row_with_labels_for_two_tasks_is_drawn_for_each():
    one = [1.0, 2.0, 3.0, 4.0, None, None]
    two = [None, None, None, 5.0, 6.0, None]
    rows = Table.read({"one": one, "two": two})
    found = times({"temperature": 2}, rows, one=Regression(), two=Regression())
    chosen = np.sqrt([4, 2]) / np.sqrt([4, 2]).sum()
    first, second = 6 * chosen[0] / 4, 6 * chosen[1] / 2
    np.testing.assert_allclose(found, [first, first, first, first + second, second, 0])


@pytest.mark.parametrize(
    "given",
    [{}, {"balance": "a", "weight": "b"}, {"balanced": "a"}, {"balance": []}, {"balance": 3},
     {"weight": 1}, {"temperature": 0}, {"temperature": "hot"}, {"temperature": True}, "kind"],
)  # fmt: skip
def test_what_is_no_way_to_sample_is_refused(given):
    with pytest.raises(ConfigError, match=r"Training: sampling is \{balance: TASK\}") as refusal:
        Training(sampling=given)
    assert refusal.value.at == ("sampling",)


def test_tasks_that_nothing_is_balanced_by_are_refused_before_anything_is_read():
    features, tasks = {"n": Number()}, {"price": Regression(), "tags": Multilabel()}
    for name, message in (
        ("prise", r"the task 'prise'. Did you mean 'price'\?"),
        ("price", r"'price' is a Regression"),
        ("tags", r"'tags' is a Multilabel"),
    ):
        with pytest.raises(ConfigError, match=message) as refusal:
            Learner(features, tasks, training=Training(sampling={"balance": name}))
        assert refusal.value.at == ("training", "sampling")


def test_batches_draw_the_same_wherever_they_begin():
    rows = table()
    features = {"n": Number().fit(rows.column("n"))}
    tasks = {"kind": Multiclass().fit(rows.column("kind"))}
    often = Sampling.read({"balance": "kind"}).times(rows, tasks)

    def batches(**begin):
        return Batches(rows, features, tasks, batch_size=16, times=often, workers=0, **begin)

    walked = batches()
    for epoch in range(3):
        begun = batches(epoch=epoch, start=2)
        ours = [walked[index] for index in range(len(walked))]
        for place in range(len(begun)):
            for one, other in zip(ours[2 + place], begun[place], strict=True):
                for name in one:
                    np.testing.assert_array_equal(one[name], other[name])
        x = {name: np.concatenate([batch[0][name] for batch in ours])[:ROWS] for name in ours[0][0]}
        assert len(np.unique(x["n"])) < ROWS
        # A row that is drawn again is augmented in another way.
        assert len(np.unique(x["row_key"], axis=0)) == ROWS
        walked.on_epoch_end()


def test_a_run_that_is_stopped_goes_on_to_the_same_weights(tmp_path):
    class Stops(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    def fit(name, **how):
        learner = Learner(
            {"n": Number()},
            {"kind": Multiclass(), "price": Regression()},
            training=Training(epochs=3, batch_size=8, sampling={"balance": ["kind"]}),
            width=4,
        )
        learner.fit({"train": table()}, run=tmp_path / name, verbose=False, **how)
        return [np.asarray(weight) for weight in learner.model.get_weights()]

    whole = fit("whole")
    with pytest.raises(StoppedError):
        fit("stopped", callbacks=[Stops()])
    for ours, theirs in zip(whole, fit("stopped", resume=True), strict=True):
        np.testing.assert_array_equal(ours, theirs)
