"""What every objective promises, run over every public one."""

import functools
import inspect
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.inference import tiny
from tests.unit.model.again import Start
from tests.unit.objectives.rows import (
    Poisoned,
    batches_of,
    beginning,
    columns,
    declared,
    loss_on,
    trained,
)
from tests.unit.training.test_train import THREE_STEPS, bits

from plait import objectives
from plait._names import from_plain, to_plain
from plait.backend import seeded
from plait.balancing import PCGrad
from plait.data import Batches
from plait.errors import ConfigError
from plait.inference import Predictor
from plait.model import MultiTaskModel
from plait.table import Table
from plait.training._train import built

CASES = {
    "Align": [objectives.Align("age", "size", width=4)],
    "Consistency": [
        objectives.Consistency("deal", "sold"),
        objectives.Consistency("deal", "sold", rule={"good": "yes", "bad": "no"}),
        objectives.Consistency("price", "reach", rule="equal"),
    ],
    "Distill": [
        objectives.Distill("sold", column="taught"),
        objectives.Distill("price", column="price"),
        objectives.Distill("stars", column="stars_taught"),
        objectives.Distill("stairs", column="stars_taught"),
        objectives.Distill("visits", column="visits_taught"),
        objectives.Distill("span", column="span_taught"),
    ],
    "Reconstruct": [
        objectives.Reconstruct("note", share=0.4),
        objectives.Reconstruct("photo"),
        objectives.Reconstruct("record"),
        objectives.Reconstruct("age"),
        objectives.Reconstruct("kind"),
    ],
}
EVERY = {f"{name} {i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}

every_case = pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)
# What is compiled is dear: one of each class, and of each way to hide something.
ONE_OF_EACH = {name: cases[0] for name, cases in CASES.items()} | {
    f"{case.feature} is told": case for case in CASES["Reconstruct"][1:4]
}
one_of_each = pytest.mark.parametrize("case", ONE_OF_EACH.values(), ids=ONE_OF_EACH)


def long_beyond_classes(*given, marks=()):
    """As parameters; what does not depend on how something is hidden is long for the other ways."""
    return [
        pytest.param(
            case,
            *given,
            marks=[*marks, *([] if name in CASES else [pytest.mark.long])],
            id="-".join([*(one.__name__ for one in given), name]),
        )
        for name, case in ONE_OF_EACH.items()
    ]


@functools.cache
def plainly_trained(case):
    """Three steps; the tests that look at them change nothing of it."""
    return trained(declared(case))


@functools.cache
def start_of(case):
    """The weights with which such a run begins."""
    return tiny.values(MultiTaskModel(*declared(case).connect(seed=5)))


def test_cases_are_all_public_objectives():
    public = {
        name
        for name, cls in vars(objectives).items()
        if name in objectives.__all__
        and inspect.isclass(cls)
        and issubclass(cls, objectives.Objective)
        and not inspect.isabstract(cls)
    }
    assert set(CASES) == public
    for name, cases in CASES.items():
        assert {type(case).__name__ for case in cases} == {name}


@every_case
def test_what_fit_learnt_is_plain_json(case):
    fitted = declared(case).objectives["signal"]
    state = json.loads(json.dumps(fitted.state, allow_nan=False))
    again = from_plain(json.loads(json.dumps(to_plain(fitted))), objectives).with_state(state)
    assert again == fitted
    assert case.state is None


@pytest.mark.backends
@every_case
def test_padded_rows_change_nothing_and_the_loss_is_of_order_1(case):
    declaration = declared(case)
    rows, model = list(range(20)), beginning(declaration)
    plain, padded = (loss_on(declaration, rows, size, model=model) for size in (20, 26))
    np.testing.assert_allclose(plain, padded, rtol=1e-5)
    assert 0 < plain[1] <= 20
    assert 0 < plain[0] < 5


# That of a column or an encoder meets no task's gradient.
@pytest.mark.filterwarnings("ignore:plait. at level")
@pytest.mark.parametrize(
    ("case", "balancing"),
    [
        *(pytest.param(case, None, id=f"None-{name}") for name, case in ONE_OF_EACH.items()),
        *long_beyond_classes(PCGrad, marks=[pytest.mark.backends]),
    ],
)
def test_placeholders_change_not_a_bit_of_the_weights_after_three_steps(case, balancing):
    declaration = declared(case)
    made = built(declaration, THREE_STEPS, balancing and balancing(), steps=3, seed=5)
    start, found = Start(made.model), [bits(made)]
    for kind in (Batches, Poisoned):
        start.restore()
        with seeded(5):
            made.model.fit(batches_of(declaration, kind=kind), shuffle=False, verbose=0)
        found.append(bits(made))
    assert found[0] != found[1] == found[2]


@one_of_each
def test_it_trains_and_leaves_nothing_behind(case, tmp_path):
    made, declaration = plainly_trained(case), declared(case)
    (epoch,) = made.history
    assert np.isfinite(epoch.logs["signal_loss"])
    assert {"signal_share", "sold_share"} <= epoch.logs.keys()
    start = start_of(case)
    moved = tiny.values(made.model)
    own = [path for path in start if path.startswith("signal__")]
    assert all((moved[path] != start[path]).any() for path in own)
    x = declaration.rows(Table.read(columns())).inputs(np.arange(4), 4)
    whole = made.model.predict_on_batch(x)
    assert "signal" in whole
    made.predictor.save(tmp_path / "m.plait")
    with zipfile.ZipFile(tmp_path / "m.plait") as archive:
        assert not [name for name in archive.namelist() if "signal" in name]
        assert "objectives" not in json.loads(archive.read("model.json"))
    again = Predictor.load(tmp_path / "m.plait")
    assert again.declaration.served_by == ("signal",)
    answers = again.model.predict_on_batch(x)
    assert set(answers) == set(declaration.tasks)
    for task, logits in answers.items():
        assert np.asarray(logits).tobytes() == np.asarray(whole[task]).tobytes()


@pytest.mark.parametrize("case", long_beyond_classes())
def test_it_moves_what_is_shared_and_takes_no_part_when_it_has_faded_out(case):
    plain = plainly_trained(case)
    without = trained(declared(replace(case, fade=(0.0, 0.0))))
    shared = [path for path in tiny.values(plain.model) if path.startswith(("fusion", "size__"))]
    assert shared
    moved = [bits(plain)[path] != bits(without)[path] for path in shared]
    assert any(moved)
    start = start_of(case)
    own = [path for path in start if path.startswith("signal__") and "kernel" not in path]
    for path in own:
        np.testing.assert_array_equal(tiny.values(without.model)[path], start[path])
    assert without.history[0].logs["signal_loss"] == 0


@every_case
def test_a_weight_or_a_fade_that_cannot_be_is_refused(case):
    with pytest.raises(ConfigError, match="weight is a number, 0 or more"):
        replace(case, weight=-1.0)
    with pytest.raises(ConfigError, match="two shares of the run"):
        replace(case, fade=(0.9, 0.1))
