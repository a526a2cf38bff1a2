"""Every sharing under a table's tasks: trained, balanced, saved, and left by an auxiliary task."""

import keras
import numpy as np
import pytest

from plait import sharing
from plait.balancing import UPGrad
from plait.errors import BalancingError, ConfigError
from plait.features import Category, Number
from plait.inference import Predictor
from plait.model import MultiTaskModel
from plait.model._frontier import compared, find_cut
from plait.sharing import HardSharing, TrunkSharing
from plait.table import Table
from plait.tasks import Binary, Regression
from tests.contracts.test_sharing import CASES
from tests.programs import program
from tests.unit.inference import tiny
from tests.unit.training.test_train import fitted

# Tasks that read different features: the sharing is called for each of the two sets.
TASKS = {
    "sold": Binary(),
    "price": Regression(features=("size",)),
    "aid": Regression(column="price", auxiliary=True),
}
PARALLEL = {n for n, c in CASES.items() if issubclass(c, (TrunkSharing, sharing.TaskGroups))}


@pytest.mark.parametrize("name", CASES)
def test_what_an_auxiliary_task_leaves_behind_answers_as_before(name, tmp_path):
    features = {"size": Number(), "kind": Category()}
    declared = tiny.declaration(features=features, tasks=TASKS, sharing=CASES[name]())
    whole = Predictor.build(declared)
    draw = np.random.default_rng(0)
    for weight in whole.model.trainable_weights:
        weight.assign(
            np.asarray(weight.value) + draw.normal(0, 0.1, weight.shape).astype("float32")
        )
    whole.served().save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    assert again.tasks.keys() == {"sold", "price"}
    table = Table.read(tiny.columns())
    before, after = whole.logits(table), again.logits(table)
    for task in after:
        assert np.isfinite(after[task]).all()
        # A compiler may add up the fewer terms in another order, where sums go over all tasks.
        exact = name in {"HardSharing", "Adapters", "MMoE", "CGC"}
        np.testing.assert_allclose(
            after[task], before[task], rtol=0 if exact else 1e-6, atol=0 if exact else 1e-6
        )


@pytest.mark.parametrize("name", sorted(set(CASES) - PARALLEL))
def test_gradients_are_compared_where_its_shared_part_ends(name):
    cut = cut_of(name)
    chosen = set(compared(cut, None)) & made_by_the_sharing(cut)
    for task in cut.uses:
        others = {i for t, used in cut.uses.items() if t != task for i in used}
        assert set(cut.uses[task]) & others & chosen, task
        # Its branch and its head, of which none is another's.
        assert parts_of(cut.head_variables(task)) in ({task}, {task, f"{task}__branch"})
    assert "sharing" in parts_of(cut.trunk_variables)
    assert not {"sold__branch", "price__branch"} & parts_of(cut.trunk_variables)


def made_by_the_sharing(cut):
    """The places on the frontier of what the sharing gives, and not of what it reads."""
    made = [x._keras_history.operation.name == "sharing" for x in cut.frontier]
    return {place for place, own in enumerate(made) if own}


def parts_of(variables):
    return {v.path.partition("/")[0] for v in variables}


def test_all_tasks_meet_at_the_experts_and_have_gates_of_their_own():
    cut = cut_of("MMoE")
    made = made_by_the_sharing(cut)
    assert len(made) == 4
    assert all(made <= set(used) for used in cut.uses.values())
    trunk = {v.path.rpartition("/step_0")[0] for v in cut.trunk_variables}
    assert {f"sharing/expert_{n}" for n in range(4)} <= trunk
    for task in cut.uses:
        own = {v.path for v in cut.head_variables(task)}
        assert own == {
            f"{task}__branch/gate/kernel",
            f"{task}/logits/kernel",
            f"{task}/logits/bias",
        }


@pytest.mark.parametrize("name", ["CrossStitch", "MTAN"])
def test_a_way_of_its_own_through_the_trunk_belongs_to_the_trunk(name):
    """All of the sharing is before the cut; each task reads the one tensor that is its own."""
    cut = cut_of(name)
    assert made_by_the_sharing(cut) == {0, 1} == set(range(len(cut.frontier)))
    assert cut.uses == {"sold": (0,), "price": (1,)}
    assert "sharing" in parts_of(cut.trunk_variables)
    for task in cut.uses:
        assert parts_of(cut.head_variables(task)) == {task}


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


@pytest.mark.parametrize(
    ("name", "level"),
    [("DSelectK", "representation"), ("LoRA", "parameters"), ("SoftSharing", "parameters")],
)
def test_a_balanced_step(name, level):
    features = {"size": Number()}
    declared = tiny.declaration(features=features, tasks=both(), sharing=CASES[name]())
    trained = fitted(declared, balancing=UPGrad(level=level))
    (epoch,) = trained.history
    assert np.isfinite(list(epoch.logs.values())).all()


class Mine(keras.layers.Layer):
    """A user's own, which Keras does not know by name."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.dense = keras.layers.Dense(self.units)
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@pytest.mark.parametrize(
    "own",
    [
        sharing.MMoE(2, Mine(5)),
        sharing.CGC(1, 1, Mine(5)),
        sharing.PLE(2, 1, 1, Mine(4)),
        sharing.CrossStitch([Mine(5)]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_class_of_the_users_own_trains_and_is_loaded(own, tmp_path):
    whole = Predictor.build(tiny.declaration(tasks=both(), sharing=own))
    whole.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait", {"Mine": Mine})
    table = Table.read(tiny.columns())
    answers = again.logits(table)
    for task, logits in whole.logits(table).items():
        np.testing.assert_array_equal(answers[task], logits)


def test_layers_that_a_file_could_not_name_are_refused_when_it_is_written(tmp_path):
    for layer, said in (
        (keras.layers.BatchNormalization(), "BatchNormalization is none of the layers"),
        (
            keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.1)),
            "kernel_regularizer is an object",
        ),
        (keras.layers.Dense(4, trainable=False), "freeze parts in training"),
    ):
        made = Predictor.build(tiny.declaration(tasks=both(), sharing=sharing.MMoE(2, layer)))
        with pytest.raises(ConfigError, match=said):
            made.save(tmp_path / "m.plait")


@pytest.mark.parametrize(
    "own", [sharing.MMoE(40, keras.layers.ReLU()), sharing.SoftSharing([HardSharing(blocks=0)])]
)
def test_layers_without_weights_are_loaded_again(own, tmp_path):
    Predictor.build(tiny.declaration(tasks=both(), sharing=own)).save(tmp_path / "m.plait")
    assert set(Predictor.load(tmp_path / "m.plait").tasks) == set(both())


@pytest.mark.parametrize("name", ["DSelectK", "Sluice", "SoftSharing"])
def test_a_loss_of_weights_counts_once_however_many_sets_of_features_are_read(name):
    """`price` reads two of the three features."""
    totals = []
    for tasks in (both(), {**both(), "price": Regression(features=("size", "kind"))}):
        inputs, outputs = tiny.declaration(tasks=tasks, sharing=CASES[name]()).connect()
        model = keras.Model(inputs, outputs)
        rows = tiny.declaration(tasks=tasks).rows(Table.read(tiny.columns()))

        @program
        def total(x, model=model):
            with keras.StatelessScope(collect_losses=True):
                model(x, training=True)
                return sum(model.losses)

        totals.append(float(total(rows.inputs(np.arange(4), 4))))
    np.testing.assert_allclose(*totals, rtol=1e-4)
