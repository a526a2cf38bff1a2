"""Every sharing under a table's tasks: trained, balanced, saved, and left by an auxiliary task."""

import keras
import numpy as np
import pytest

from plait import sharing
from plait.balancing import Equal, UPGrad
from plait.errors import BalancingError
from plait.inference import Predictor
from plait.model import MultiTaskModel
from plait.model._frontier import compared, find_cut
from plait.sharing import TrunkSharing
from plait.table import Table
from plait.tasks import Binary, Regression
from tests.contracts.test_sharing import CASES
from tests.unit.inference import tiny
from tests.unit.training.test_train import fitted

# Tasks that read different features: the sharing is called for each of the two sets.
TASKS = {
    "sold": Binary(),
    "price": Regression(features=("size", "kind")),
    "aid": Regression(column="price", auxiliary=True),
}
PARALLEL = {
    n for n, c in CASES.items() if issubclass(c, (TrunkSharing, sharing.LoRA, sharing.TaskRouting))
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_of_it_answers_as_before_to_the_bit(name, tmp_path):
    declared = tiny.declaration(tasks=TASKS, sharing=CASES[name]())
    trained = fitted(declared, balancing=Equal())
    whole = trained.predictor.logits(Table.read(tiny.columns()))
    trained.predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    assert again.tasks.keys() == {"sold", "price"}
    kept = again.logits(Table.read(tiny.columns()))
    for task in kept:
        assert np.isfinite(kept[task]).all()
        np.testing.assert_array_equal(kept[task], whole[task])
    # What all three were made of is what the two are made of: so far nothing was trained otherwise.
    x = declared.rows(Table.read(tiny.columns())).inputs(np.arange(4), 4)
    first, later = trained.model.predict_on_batch(x), again.model.predict_on_batch(x)
    for task in kept:
        assert np.asarray(first[task]).tobytes() == np.asarray(later[task]).tobytes()


@pytest.mark.parametrize("name", sorted(set(CASES) - PARALLEL))
def test_gradients_are_compared_where_its_shared_part_ends(name):
    cut = cut_of(name)
    chosen = compared(cut, None)
    for task in cut.uses:
        others = {i for t, used in cut.uses.items() if t != task for i in used}
        assert set(cut.uses[task]) & others & set(chosen), task
        # Its branch and its head, of which none is another's.
        assert cut.head_variables(task)


@pytest.mark.parametrize("name", sorted(PARALLEL))
def test_gradients_of_trunks_of_their_own_are_compared_at_the_parameters(name):
    inputs, outputs = tiny.declaration(tasks=both(), sharing=CASES[name]()).connect()
    model = MultiTaskModel(inputs, outputs)
    losses = {"sold": keras.losses.BinaryCrossentropy(from_logits=True), "price": "mse"}
    with pytest.raises(BalancingError, match="level='parameters'"):
        model.compile("sgd", loss=losses, balancing=UPGrad())
    model.compile("sgd", loss=losses, balancing=UPGrad(level="parameters"))


def both():
    return {"sold": Binary(), "price": Regression()}


def cut_of(name):
    inputs, outputs = tiny.declaration(tasks=both(), sharing=CASES[name]()).connect()
    return find_cut(list(inputs.values()), outputs, list(outputs))


@pytest.mark.parametrize("name", ["CrossStitch", "LoRA", "SoftSharing"])
def test_a_step_at_the_parameters(name):
    declared = tiny.declaration(tasks=both(), sharing=CASES[name]())
    trained = fitted(declared, balancing=UPGrad(level="parameters"))
    (epoch,) = trained.history
    assert np.isfinite(list(epoch.logs.values())).all()
