"""The place where the shared trunk ends is found by itself."""

import keras
import numpy as np
import pytest

import plait
from plait.model._frontier import compared, find_cut

from .graphs import GRAPHS, data_for, plain_trunk, two_inputs_with_two_trunks, u_net_with_skips
from .ways import WEIGHTS, OfGramian, OfRows


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_is_found_on(graph):
    inputs, outputs, expected = graph()
    cut = find_cut(keras.tree.flatten(inputs), outputs, list(outputs))
    assert {t._keras_history.operation.name for t in cut.frontier} == expected
    inside = {c.operation.name for c in cut.trunk}
    for task, calls in cut.heads.items():
        # What another answer is made from is trunk, be it an answer itself.
        assert task in expected or task in {c.operation.name for c in calls}
    assert expected <= inside


def test_outputs_of_a_model_inside_share_no_tensor_that_is_seen():
    inputs, outputs, _ = plain_trunk()
    x = keras.Input((5,))
    model = plait.MultiTaskModel(x, keras.Model(inputs, outputs)(x))
    with pytest.raises(plait.BalancingError, match="of a model inside the model"):
        model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    model.compile("sgd", loss="mse", balancing=plait.PCGrad(level="parameters"))


def test_a_task_that_no_other_meets_is_told():
    x = keras.Input((4,))
    one = keras.layers.Dense(3)(x)
    two = keras.layers.Dense(3)(one)
    outputs = {t: keras.layers.Dense(1, name=t)(z) for t, z in (("a", two), ("b", two), ("c", one))}
    model = plait.MultiTaskModel(x, outputs)
    with pytest.warns(UserWarning, match="gradient of 'c' is compared with no"):
        model.compile("sgd", loss="mse", balancing=plait.PCGrad())


def test_a_frozen_trunk_has_nothing_to_balance():
    inputs, outputs, _ = plain_trunk()
    model = plait.MultiTaskModel(inputs, outputs)
    model.get_layer("z").trainable = False
    with pytest.raises(plait.BalancingError, match="'a' depends on no shared tensor"):
        model.compile("sgd", loss="mse", balancing=plait.PCGrad())


def test_outputs_without_a_common_trunk_are_refused():
    x = keras.Input((4,))
    outputs = {t: keras.layers.Dense(1, name=t)(x) for t in "ab"}
    model = plait.MultiTaskModel(x, outputs)
    with pytest.raises(plait.BalancingError, match="'a' depends on no shared tensor"):
        model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    model.compile("sgd", loss="mse", balancing=plait.Uncertainty())


def test_shared_names_a_part_of_it():
    x, outputs, _ = u_net_with_skips()
    cut = find_cut([x], outputs, list(outputs))
    coarse = next(t for t in cut.frontier if t._keras_history.operation.name == "coarse")
    assert compared(cut, [coarse]) == (cut.frontier.index(coarse),)
    model = plait.MultiTaskModel(x, outputs, shared=[coarse])
    model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    again = plait.MultiTaskModel.from_config(model.get_config())
    assert [t._keras_history.operation.name for t in again.shared] == ["coarse"]


@pytest.mark.parametrize("make", [OfGramian, lambda: OfRows(level="representation")])
def test_what_shared_leaves_out_passes_unweighted(make):
    def trained(named=False, **how):
        inputs, outputs, _ = two_inputs_with_two_trunks()
        one = keras.Model(inputs, outputs).get_layer("one").output
        model = plait.MultiTaskModel(inputs, outputs, shared=[one] if named else None)
        model.compile(keras.optimizers.SGD(0.1), loss="mse", **how)
        model.fit(*data_for(inputs, outputs), batch_size=10, verbose=0)
        return {w.path: keras.ops.convert_to_numpy(w) for w in model.trainable_weights}

    plain, weighed = trained(), trained(loss_weights=WEIGHTS)
    found = trained(named=True, balancing=make())
    for path, value in found.items():
        by, other = (weighed, plain) if path.startswith("one/") else (plain, weighed)
        np.testing.assert_allclose(value, by[path], atol=1e-6, err_msg=path)
        assert np.abs(value - other[path]).max() > 1e-4


def test_shared_says_that_parameters_are_compared_without_it():
    x, outputs, _ = u_net_with_skips()
    coarse = keras.Model(x, outputs).get_layer("coarse").output
    model = plait.MultiTaskModel(x, outputs, shared=[coarse])
    with pytest.warns(UserWarning, match="shared= names tensors"):
        model.compile("sgd", loss="mse", balancing=plait.PCGrad(level="parameters"))


def test_shared_elsewhere_is_refused_by_name():
    inputs, outputs, _ = plain_trunk()
    dropped = plait.MultiTaskModel(inputs, outputs).get_layer("z").output
    model = plait.MultiTaskModel(inputs, outputs, shared=[dropped])
    with pytest.raises(plait.BalancingError, match=r"shared= names z.*It ends at: drop"):
        model.compile("sgd", loss="mse", balancing=plait.PCGrad())


def test_a_representation_that_is_itself_an_output_is_on_it():
    x = keras.Input((4,))
    z = keras.layers.Dense(2, name="z")(x)
    outputs = {"z": z, "b": keras.layers.Dense(1, name="b")(z)}
    cut = find_cut([x], outputs, ["z", "b"])
    assert [t is z for t in cut.frontier] == [True]
    assert cut.uses == {"z": (0,), "b": (0,)}
