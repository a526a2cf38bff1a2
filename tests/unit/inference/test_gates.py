"""What each task takes of each feature and expert, as told by the layers themselves."""

import keras
import numpy as np
import pytest
from keras import ops

from plait._shares import listening, tell_shares
from plait.errors import ConfigError
from plait.fusion import Gated, Late, SubsetExperts, Weighted
from plait.inference import Predictor
from plait.inference._rows import batches
from plait.sharing import CGC, PLE, CrossStitch, DSelectK, HardSharing, MMoE, Sluice
from plait.tasks import Binary, Regression
from tests.unit.inference import tiny


def predictor_of(**parts):
    return Predictor.build(tiny.declaration(**parts), seed=3)


def told(predictor, rows=512):
    """`{(task, gate): {part: (mean, deviation)}}`"""
    found = {}
    for line in predictor.gates(tiny.columns(), rows).to_pylist():
        parts = found.setdefault((line["task"], line["gate"]), {})
        parts[line["part"]] = (line["mean"], line["deviation"])
    return found


def means(parts):
    return [mean for mean, _ in parts.values()]


def test_of_experts_it_is_the_softmax_of_the_tasks_gate_over_the_rows():
    predictor = predictor_of(sharing=MMoE(experts=3))
    gate = predictor.model.get_layer("sold__branch").gate
    gate.kernel.assign(np.random.default_rng(0).normal(size=gate.kernel.shape))
    seen = predictor.model.get_layer("sharing")._inbound_nodes[0].arguments.args[0]
    fused = keras.Model(predictor.model.input, seen)
    rows = predictor.declaration.rows(predictor.declaration.table(tiny.columns()))
    ((_, x),) = batches(rows, tiny.ROWS)
    shares = ops.softmax(ops.squeeze(fused(x), 1) @ ops.convert_to_tensor(gate.kernel))
    shares = ops.convert_to_numpy(shares)
    found = told(predictor)
    assert {task for task, _ in found} == {"sold", "price"}
    parts = found["sold", "experts"]
    assert list(parts) == ["expert 1", "expert 2", "expert 3"]
    np.testing.assert_allclose(means(parts), shares.mean(0), rtol=1e-4)
    deviations = [deviation for _, deviation in parts.values()]
    np.testing.assert_allclose(deviations, shares.std(0), rtol=1e-3)
    assert min(deviations) > 0.01


def test_of_rows_from_all_over_the_table():
    predictor = predictor_of(fusion=Gated(width=4))
    some = [0, 19, 39]
    columns = {name: [cells[n] for n in some] for name, cells in tiny.columns().items()}
    assert predictor.gates(tiny.columns(), rows=3).equals(predictor.gates(columns))
    with pytest.raises(ConfigError, match="rows is 1 or more"):
        predictor.gates(tiny.columns(), rows=0)


def test_shared_experts_and_the_tasks_own():
    found = told(predictor_of(sharing=CGC(shared_experts=2, task_experts=1)))
    assert list(found["price", "experts"]) == ["shared 1", "shared 2", "own 1"]
    assert sum(means(found["price", "experts"])) == pytest.approx(1)


def test_each_level_tells_the_tasks_own_gate_and_that_of_the_shared():
    found = told(predictor_of(sharing=PLE(levels=2, shared_experts=1, task_experts=2)))
    gates = ["experts, level 1", "experts, level 1, shared", "experts"]
    assert {gate for task, gate in found if task == "sold"} == set(gates)
    assert list(found["sold", gates[0]]) == ["own 1", "own 2", "shared 1"]
    shared = ["sold's 1", "sold's 2", "price's 1", "price's 2", "shared 1"]
    assert list(found["sold", gates[1]]) == list(found["price", gates[1]]) == shared
    # It reads what fusion made, which is another thing where tasks read other features.
    tasks = {"sold": Binary(), "price": Regression()}
    found = told(predictor_of(tasks=tasks, sharing=PLE(levels=2)))
    assert {task for task, gate in found if gate == gates[1]} == {"every task"}
    for parts in found.values():
        assert sum(means(parts)) == pytest.approx(1, abs=1e-6)


def test_chosen_experts_are_the_layers_own_shares():
    predictor = predictor_of(sharing=DSelectK(experts=4, k=2))
    sharing = predictor.model.get_layer("sharing")
    shares = ops.convert_to_numpy(sharing.largest(sharing.shares()))
    assert ((shares > 0).sum(axis=1) <= 2).all()
    found = told(predictor)
    for place, task in enumerate(("sold", "price")):
        np.testing.assert_allclose(means(found[task, "experts"]), shares[place], rtol=1e-5)


@pytest.mark.parametrize("per_channel", [False, True])
def test_trunks_that_are_stitched_begin_with_most_of_their_own(per_channel):
    found = told(predictor_of(sharing=CrossStitch(2, per_channel=per_channel)))
    for stage in ("stage 1", "stage 2"):
        own = {"trunk of sold": 0.9, "trunk of price": 0.1}
        parts = {part: mean for part, (mean, _) in found["sold", stage].items()}
        assert parts == pytest.approx(own)


def test_subspaces_and_stages_of_sluice_begin_with_most_of_their_own():
    found = told(predictor_of(sharing=Sluice(2)))
    parts = ["part 1 of sold", "part 2 of sold", "part 1 of price", "part 2 of price"]
    for task in ("sold", "price"):
        for stage in ("stage 1", "stage 2"):
            for space in ("part 1", "part 2"):
                expected = {p: 0.9 if p == f"{space} of {task}" else 0.1 / 3 for p in parts}
                shares = {p: mean for p, (mean, _) in found[task, f"{stage}, {space}"].items()}
                assert shares == pytest.approx(expected)
        shares = {part: mean for part, (mean, _) in found[task, "stages"].items()}
        assert shares == pytest.approx({"stage 1": 0.1, "stage 2": 0.9})


def test_the_powers_of_a_product_of_experts():
    predictor = predictor_of(fusion=Late(width=4, product=True), sharing=HardSharing(blocks=0))
    predictor.model.get_layer("fusion").powers.assign([0.0, 1.0, -1.0])
    found = told(predictor)
    for task in ("sold", "price"):
        assert means(found[task, "powers"]) == pytest.approx(list(np.log1p(np.exp([0, 1, -1.0]))))


def test_weights_of_features_are_those_of_the_layer():
    predictor = predictor_of(fusion=Weighted(width=4))
    fusion = predictor.model.get_layer("fusion")
    fusion.logits.assign([0.0, 1.0, 2.0])
    found = told(predictor)
    for task in ("sold", "price"):
        parts = found[task, "fusion"]
        assert {part: mean for part, (mean, _) in parts.items()} == pytest.approx(fusion.shares())
        assert all(deviation == 0 for _, deviation in parts.values())
    predictor.batch_size = 8
    assert {line["deviation"] for line in predictor.gates(tiny.columns()).to_pylist()} == {0.0}


@pytest.mark.parametrize("fusion", [Gated(width=4), Weighted(width=4, per_row=True)])
def test_gates_of_features_add_up_and_are_the_rows_own(fusion):
    predictor = predictor_of(fusion=fusion)
    for variable in predictor.model.get_layer("fusion").weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    parts = told(predictor)["sold", "fusion"]
    assert list(parts) == ["age", "kind", "size"]
    assert sum(means(parts)) == pytest.approx(1)
    assert all(deviation > 0.01 for _, deviation in parts.values())


def test_a_set_of_features_that_a_task_does_not_read_has_no_share():
    found = told(predictor_of(fusion=SubsetExperts(width=4, together=2)))
    price = found["price", "fusion"]
    assert {part for part, (mean, _) in price.items() if mean > 0} == {
        "kind",
        "size",
        "kind + size",
    }
    # Those of all three are in some rows, and not in others.
    everything = found["sold", "fusion"]["age + kind + size"]
    assert 0 < everything[0] < 1
    assert everything[1] > 0


def test_a_task_after_another_tells_of_its_own_gate():
    tasks = {"sold": Binary(), "price": Regression(after=("sold",), features=("size",))}
    predictor = predictor_of(tasks=tasks, sharing=MMoE(experts=2), fusion=Weighted(width=4))
    for name, kernel in (("sold", 1.0), ("price", 0.0)):
        gate = predictor.model.get_layer(f"{name}__branch").gate
        gate.kernel.assign(kernel * np.random.default_rng(0).normal(size=gate.kernel.shape))
    parts = predictor.gates(tiny.columns()).to_pylist()
    price = [line for line in parts if line["task"] == "price" and line["gate"] == "experts"]
    assert [line["mean"] for line in price] == [0.5, 0.5]


def test_a_model_that_weighs_nothing_has_no_line():
    found = predictor_of(sharing=HardSharing()).gates(tiny.columns())
    assert found.num_rows == 0
    assert found.column_names == ["task", "gate", "part", "mean", "deviation"]


def test_of_tokens_those_that_count_are_told():
    shares = ops.convert_to_tensor(np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.2, 0.8], [9.0, 9.0]]]))
    mask = ops.convert_to_tensor(np.array([[True, True], [True, False]]))
    with listening() as found:
        tell_shares("g", ["a", "b"], shares, mask)
    np.testing.assert_allclose(found[0].values, [[0.5, 0.5], [0.2, 0.8]], rtol=1e-6)
    tell_shares("g", ["a", "b"], shares)
    assert len(found) == 1
