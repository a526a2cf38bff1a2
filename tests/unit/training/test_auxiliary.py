"""Tasks that only serve the others: they train, and are no part of what is kept."""

import signal
import zipfile

import numpy as np
import pytest

from plait.balancing import Equal, PCGrad
from plait.data import Batches
from plait.errors import ConfigError, StoppedError
from plait.inference import Predictor
from plait.table import Table
from plait.tasks import Binary, Regression
from plait.training import Training, Validation
from plait.training._checkpoint import last_whole
from plait.training._goes_on import GoesOn
from tests.unit.inference import tiny
from tests.unit.training.test_goes_on import Stop
from tests.unit.training.test_train import batches_of, bits, fitted


def declared(sold=None, price=None):
    tasks = {"sold": sold or Binary(), "price": price or Regression(auxiliary=True)}
    return tiny.declaration(tasks=tasks)


@pytest.fixture(scope="module")
def aided():
    """Trained with an auxiliary task and a validation."""
    declaration, table = declared(), Table.read(tiny.columns())
    validation = Validation(table, declaration.rows(table, again=True))
    return fitted(declaration, validation=validation, balancing=PCGrad())


FOUR_EPOCHS = Training(epochs=4, batch_size=16, patience=4, checkpoint_every=2)


@pytest.fixture(scope="module")
def never():
    """Trained with an auxiliary task that does not fade."""
    return fitted(declared(), settings=FOUR_EPOCHS)


def rows(declaration, count=4):
    found = declaration.rows(Table.read(tiny.columns()))
    return found.inputs(np.arange(count), count)


def weights_in(path):
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.startswith("weights/")]


def test_what_is_left_answers_as_before_to_the_bit(aided, tmp_path):
    trained = aided
    x = rows(trained.predictor.declaration)
    whole = trained.model.predict_on_batch(x)
    assert set(whole) == {"sold", "price"}
    trained.predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    for predictor in (trained.predictor, again):
        answers = predictor.model.predict_on_batch(x)
        assert set(answers) == set(predictor.tasks) == {"sold"}
        assert np.asarray(answers["sold"]).tobytes() == np.asarray(whole["sold"]).tobytes()
        assert predictor.declaration.served_by == ("price",)
    assert again.predict(tiny.columns()).column_names == [
        "id",
        "sold",
        "sold.probability",
        "sold.probabilities",
    ]


def test_its_head_and_what_only_it_read_are_gone_from_the_file(tmp_path):
    aid = Regression(auxiliary=True, features=("age", "kind"))
    declaration = declared(Binary(features=("size", "kind")), aid)
    whole = Predictor.build(declaration)
    whole.save(tmp_path / "all.plait")
    whole.served().save(tmp_path / "kept.plait")
    gone = set(weights_in(tmp_path / "all.plait")) - set(weights_in(tmp_path / "kept.plait"))
    assert {name.removeprefix("weights/").partition("/")[0] for name in gone} == {
        "price",
        "age__encoder",
    }
    # A column that no task reads any more is not asked for, whatever it holds.
    again = Predictor.load(tmp_path / "kept.plait")
    columns = tiny.columns()
    without = {name: cells for name, cells in columns.items() if name != "age"}
    odd = {**columns, "age": ["no number"] * tiny.ROWS}
    for other in (without, odd):
        np.testing.assert_array_equal(
            again.logits(columns)["sold"], again.logits(Table.read(other))["sold"]
        )


def test_names_that_look_alike_stay_apart_when_one_is_gone(tmp_path):
    tasks = {
        "a b": Regression(column="price", auxiliary=True),
        "fusion": Regression(column="price", auxiliary=True),
        "a.b": Binary(column="sold"),
    }
    predictor = Predictor.build(tiny.declaration(tasks=tasks)).served()
    predictor.save(tmp_path / "m.plait")
    np.testing.assert_array_equal(
        Predictor.load(tmp_path / "m.plait").logits(tiny.columns())["a.b"],
        predictor.logits(tiny.columns())["a.b"],
    )


def test_it_trains_and_is_told_apart_but_selects_nothing(aided):
    (epoch,) = aided.history
    assert epoch.auxiliary == ("price",)
    assert epoch.mean_gain == epoch.gains["sold"] != epoch.gains["price"]
    said = epoch.selected_by
    assert set(said["validation"]) == set(said["gains"]) == {"sold"}
    assert set(said["auxiliary"]["validation"]) == set(said["auxiliary"]["gains"]) == {"price"}
    assert {"price_loss", "price_share"} <= epoch.logs.keys()
    start = tiny.values(Predictor.build(declared(), seed=5).model)
    moved = tiny.values(aided.model)
    assert all((moved[path] != start[path]).any() for path in start if path.startswith("price"))


class WithoutPrices(Batches):
    def batch(self, epoch, index):
        x, y, weights = super().batch(epoch, index)
        return x, y, {**weights, "price": np.zeros_like(weights["price"])}


@pytest.mark.parametrize("balancing", [Equal, PCGrad])
def test_a_task_that_has_faded_out_takes_no_part(balancing, never):
    settings = FOUR_EPOCHS
    gone = declared(price=Regression(auxiliary=True, fade=(0.0, 0.0)))
    faded = fitted(gone, batches_of(gone, settings), settings, balancing=balancing())
    unlabelled = fitted(
        gone, batches_of(gone, settings, kind=WithoutPrices), settings, balancing=balancing()
    )
    # What adds the losses is `Equal`.
    other = (
        never if balancing is Equal else fitted(declared(), settings=settings, balancing=PCGrad())
    )
    assert bits(faded) == bits(unlabelled)
    assert bits(faded) != bits(other)


def test_a_run_goes_on_in_the_middle_of_a_fade(never, tmp_path):
    settings = FOUR_EPOCHS
    declaration = declared(price=Regression(auxiliary=True, fade=(0.2, 0.8)))
    whole = fitted(declaration, settings=settings)
    with pytest.raises(StoppedError):
        fitted(
            declaration,
            settings=settings,
            callbacks=[Stop(6, signal.SIGTERM)],
            goes_on=GoesOn(tmp_path, None, print),
        )
    resumed = GoesOn(tmp_path, last_whole(tmp_path, print), print)
    assert bits(fitted(declaration, settings=settings, goes_on=resumed)) == bits(whole)
    assert bits(whole) != bits(never)


@pytest.mark.parametrize("fade", [(0.5,), (0.7, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_a_fade_is_two_shares_of_the_run(fade):
    with pytest.raises(ConfigError, match="two shares of the run"):
        Regression(auxiliary=True, fade=fade)


def test_a_main_task_fades_never():
    with pytest.raises(ConfigError, match="Add auxiliary=True"):
        Regression(fade=(0.5, 1.0))
