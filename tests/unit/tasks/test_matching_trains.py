"""A match trains as any task does, whatever is absent, padded or missing."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import plait
from plait.data import Batches
from plait.tasks import Binary, Matching
from tests.unit.objectives.rows import Poisoned, columns, declared, trained
from tests.unit.training.test_train import THREE_STEPS, bits

pytestmark = [
    pytest.mark.backends,
    # A match meets another task in its encoders alone.
    pytest.mark.filterwarnings("ignore:plait. at level"),
]


def tasks(**how):
    return {"match": Matching("age", "size", width=4, **how), "sold": Binary()}


# The rule is of the loss, whatever weighs it.
@pytest.mark.parametrize(
    ("rule", "balancing"),
    [
        ("infonce", None),
        ("infonce", plait.UnimodalLosses),
        ("siglip", None),
        ("siglip", plait.PCGrad),
    ],
)
def test_placeholders_change_not_a_bit_of_the_weights_after_three_steps(rule, balancing):
    declaration = declared(tasks=tasks(rule=rule))
    made = [
        trained(declaration, kind=kind, balancing=balancing and balancing())
        for kind in (Batches, Poisoned)
    ]
    assert bits(made[0]) == bits(made[1])
    (epoch,) = made[0].history
    # The paper's bias is that of batches of thousands.
    assert 0 < epoch.logs["match_loss"] < (2 if rule == "infonce" else 8)


def test_batches_of_one_row_train():
    settings = replace(THREE_STEPS, batch_size=1, epochs=1)
    (epoch,) = trained(declared(tasks=tasks()), settings).history
    assert epoch.logs["match_loss"] == 0


def test_in_half_precision_it_trains():
    declaration = replace(declared(tasks=tasks(rule="siglip")), precision="bfloat16")
    made = trained(declaration)
    assert np.isfinite(made.history[0].logs["match_loss"])
    logits = made.predictor.logits(columns())["match"]
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_one_that_only_serves_leaves_nothing_behind(tmp_path):
    made = trained(declared(tasks=tasks(auxiliary=True)))
    served = made.predictor.served()
    served.save(tmp_path / "m.plait")
    with zipfile.ZipFile(tmp_path / "m.plait") as archive:
        assert not [name for name in archive.namelist() if "match" in name]
        assert json.loads(archive.read("model.json"))["served_by"] == ["match"]
    again = plait.Predictor.load(tmp_path / "m.plait")
    whole, left = made.predictor.logits(columns()), again.logits(columns())
    assert left["sold"].tobytes() == whole["sold"].tobytes()
    with pytest.raises(plait.ConfigError, match="Auxiliary, and no part of it: 'match'"):
        again.embed(columns(), "age")


def test_recall_rises_and_a_side_is_known_without_the_other():
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(200, 3))
    rows = {
        "one": (hidden @ draw.normal(size=(3, 8))).tolist(),
        "two": np.tanh(hidden @ draw.normal(size=(3, 6))).tolist(),
    }
    learner = plait.Learner(
        {"one": plait.Vector(), "two": plait.Vector()},
        {"match": Matching("one", "two", width=16)},
        training=plait.Training(epochs=8, batch_size=32, learning_rate=0.01),
        width=16,
    )
    learner.fit(rows, run=False, verbose=False)
    scores = learner.evaluate(rows)["match"]
    assert scores["recall@10"] > 0.5
    assert scores["chance_mrr"] < 0.05
    found = learner.search({"two": rows["two"][:20]}, {"one": rows["one"]}, "two", k=10)
    right = [query == one for query, one in zip(found["query"], found["found"], strict=True)]
    assert sum(right) > 8
