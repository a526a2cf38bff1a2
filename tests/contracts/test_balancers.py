"""What every balancer promises, run over every public one."""

import functools
import inspect
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from tests.unit.model.again import Start

import plait
from plait import balancing
from plait._names import from_plain, to_plain
from plait.balancing import Evidence, StepContext

CASES = {
    "Equal": plait.Equal,
    "Uncertainty": plait.Uncertainty,
    "PCGrad": plait.PCGrad,
    "GradVac": plait.GradVac,
    "PCD": lambda: plait.PCD(primary="a"),
    "GradNorm": plait.GradNorm,
    "FAMO": plait.FAMO,
    "MoDo": plait.MoDo,
    "SDMGrad": plait.SDMGrad,
    "Constant": plait.Constant,
    "RLW": plait.RLW,
    "ScaleInvariant": plait.ScaleInvariant,
    "GLS": plait.GLS,
    "IMTLL": plait.IMTLL,
    "UWSO": plait.UWSO,
    "Tchebycheff": plait.Tchebycheff,
    "STCH": plait.STCH,
    "PBI": plait.PBI,
    "MGDA": plait.MGDA,
    "IMTLG": plait.IMTLG,
    "CAGrad": plait.CAGrad,
    "NashMTL": plait.NashMTL,
    "FairGrad": plait.FairGrad,
    "AlignedMTL": plait.AlignedMTL,
    "UPGrad": plait.UPGrad,
    "DualProj": plait.DualProj,
    "ConFIG": plait.ConFIG,
    "DWA": plait.DWA,
    "DTP": plait.DTP,
    "CosineGating": plait.CosineGating,
    "GradDrop": plait.GradDrop,
    "MoCo": plait.MoCo,
    "ExcessMTL": plait.ExcessMTL,
    "DBMTL": plait.DBMTL,
    "TrimmedMean": plait.TrimmedMean,
    "CRMOGM": lambda: plait.CRMOGM(plait.MGDA()),
    "PSMGD": plait.PSMGD,
}
# Of features, whose steps are in tests/unit/model/test_features.py.
OF_FEATURES = {
    "UnimodalLosses": plait.UnimodalLosses,
    "OGMGE": lambda: plait.OGMGE(features=["a", "b"]),
    "GradientBlending": plait.GradientBlending,
    "MMPareto": plait.MMPareto,
}
# One of each way through the step: what it is asked for, the level, state of its own, float64, one
# balancer within another.
VARIANTS = {
    **{name: CASES[name] for name in ("Equal", "Uncertainty", "PCGrad", "FAMO", "MoDo", "UPGrad")},
    "PCGrad at parameters": lambda: plait.PCGrad(level="parameters"),
    "PCGrad with heads": lambda: plait.PCGrad(weight_heads=True),
    "PCGrad now and then": lambda: plait.PCGrad(refresh_every=2),
    "PCGrad on some rows": lambda: plait.PCGrad(level="parameters", gram_batch=6),
    "GradDrop": plait.GradDrop,
    "MoCo": plait.MoCo,
    "CRMOGM of one with state": lambda: plait.CRMOGM(plait.GradVac(beta=0.5)),
    "PSMGD of one with state": lambda: plait.PSMGD(plait.GradVac(beta=0.5), refresh_every=3),
}
every_balancer = pytest.mark.parametrize("make", CASES.values(), ids=CASES)
# All tests of one variant follow each other, on one compiled model.
every_variant = pytest.mark.parametrize("make", VARIANTS.values(), ids=VARIANTS, scope="module")
# On torch and TensorFlow those that differ most are tried each time, the others by `make test-all`.
ON_BACKENDS = ("Equal", "FAMO", "UPGrad", "PCGrad at parameters", "GradDrop", "MoDo")
every_variant_on_backends = pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=pytest.mark.backends if name in ON_BACKENDS else ())
        for name, make in VARIANTS.items()
    ],
    scope="module",
)
ROWS = 24


def test_cases_are_all_public_balancers():
    contracts = (balancing.Balancer,)
    public = {
        name
        for name in balancing.__all__
        if issubclass(getattr(balancing, name), contracts)
        and not inspect.isabstract(getattr(balancing, name))
    }
    assert {*CASES, *OF_FEATURES} == public


def model_of(tasks=("a", "b", "c"), balancer=None, optimizer=None, **compiled):
    """A small net with dropout and a private layer a head, the same weights at every call."""
    init = lambda seed: keras.initializers.GlorotUniform(seed=seed)  # noqa: E731
    x = keras.Input((5,), name="x")
    h = keras.layers.Dense(8, activation="tanh", kernel_initializer=init(1))(x)
    z = keras.layers.Dropout(0.25, seed=7)(h)
    sizes = {"a": (3, "softmax"), "b": (1, None), "c": (1, "sigmoid")}
    losses = {"a": "sparse_categorical_crossentropy", "b": "mse", "c": "binary_crossentropy"}
    heads = {
        t: keras.layers.Dense(
            sizes[t][0], activation=sizes[t][1], kernel_initializer=init(ord(t)), name=t
        )(z)
        for t in tasks
    }
    model = plait.MultiTaskModel(x, heads)
    model.compile(
        # With a state of its own.
        optimizer or keras.optimizers.SGD(0.05, momentum=0.5),
        loss={t: losses[t] for t in tasks},
        weighted_metrics={t: ["mae" if t == "b" else "accuracy"] for t in tasks},
        balancing=balancer,
        **compiled,
    )
    return model


def data_of(rows=ROWS, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 5)).astype("float32")
    y = {
        "a": draw.integers(0, 3, rows).astype("float32"),
        "b": x[:, :1] - 2 * x[:, 1:2],
        "c": (x[:, 1] > 0).astype("float32"),
    }
    return x, y


@functools.cache
def compiled(make):
    model = model_of(balancer=make())
    return model, Start(model)


def started(make):
    """The one compiled model of a variant, as it was before any step."""
    model, start = compiled(make)
    start.restore()
    return model


def fit(model, x, y, sample_weight=None, epochs=3):
    # Weights of 1, so that those with some need no other program.
    sample_weight = sample_weight or {task: np.ones(len(x), "float32") for task in y}
    return model.fit(
        x, y, sample_weight=sample_weight, batch_size=12, epochs=epochs, shuffle=False, verbose=0
    ).history


def assert_same(model, other, atol=0.0):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol, rtol=0)


@every_variant_on_backends
def test_a_task_without_labels_is_a_task_that_is_not_there(make):
    x, y = data_of()
    three = started(make)
    fit(three, x, {**y, "b": np.full((ROWS, 1), np.nan, "float32")})
    two = model_of(tasks=("a", "c"), balancer=make())
    fit(two, x, {"a": y["a"], "c": y["c"]})
    weights = {w.path: keras.ops.convert_to_numpy(w) for w in three.weights}
    before = dict(zip((w.path for w in three.weights), compiled(make)[1].weights, strict=True))
    same = [name for name in weights if name.startswith("b/")]
    assert len(same) == 2
    for name in same:
        np.testing.assert_array_equal(weights.pop(name), before[name])
    for ours, theirs in zip(weights.values(), two.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


@every_variant_on_backends
def test_what_stands_in_a_missing_label_changes_no_bit(make):
    x, y = data_of()
    missing = {
        "a": np.arange(ROWS) % 3 == 0,
        "b": np.arange(ROWS) % 4 == 1,
        "c": np.arange(ROWS) < 5,
    }
    weights = {t: np.where(m, 0.0, 1.0).astype("float32") for t, m in missing.items()}
    before, after = compiled(make)[1].weights, []
    for value in (np.nan, 1e30, -7.0):
        filled = {t: v.copy() for t, v in y.items()}
        for task, where in missing.items():
            filled[task][where] = value if task != "a" else (np.nan if np.isnan(value) else 2)
        model = started(make)
        history = fit(model, x, filled, weights)
        losses = [v for name, v in history.items() if name.endswith("loss")]
        assert np.isfinite(losses).all()
        after.append(model.get_weights())
    assert any((one != values).any() for one, values in zip(after[0], before, strict=True))
    for one, two, three in zip(*after, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


@every_variant
def test_learns(make):
    x, y = data_of(96)
    losses = fit(started(make), x, y, epochs=8)["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("make", (CASES | OF_FEATURES).values(), ids=CASES | OF_FEATURES)
def test_configuration_round_trip(make):
    balancer = make()
    plain = json.loads(json.dumps(keras.saving.serialize_keras_object(balancer)))
    again = keras.saving.deserialize_keras_object(plain)
    assert type(again) is type(balancer)
    assert again.get_config() == balancer.get_config()
    # As a run says what it trained with.
    named = from_plain(json.loads(json.dumps(to_plain(balancer))), balancing)
    assert named.get_config() == balancer.get_config()
    assert set(balancer.get_config()) == set(inspect.signature(type(balancer)).parameters)


@every_balancer
def test_weights_are_zero_and_finite_without_labels(make):
    balancer = make()
    balancer.build(("a", "b"))
    if isinstance(balancer, balancing.Aggregator):
        balancer.build_rows([(3, 2)])
    nobody, zero = keras.ops.zeros((2,), "bool"), keras.ops.zeros((), "int32")
    context = StepContext(("a", "b"), nobody, zero, zero, (False, True))
    evidence = Evidence(
        keras.ops.zeros((2,)),
        keras.ops.zeros((2, 2)),
        [keras.ops.zeros((2, 3, 2))],
        [keras.ops.zeros((3, 2))],
        keras.ops.zeros((2,)),
        cross_product=keras.ops.zeros_like,
    )
    weights, gradients = balancer.weights(evidence, context)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(weights), [0, 0])
    for gradient in gradients:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(gradient), [0, 0])


@every_variant
def test_compiled_equals_eager(make):
    x, y = data_of()
    model = started(make)
    fit(model, x, y, epochs=1)
    eager = model_of(balancer=make(), run_eagerly=True)
    fit(eager, x, y, epochs=1)
    assert_same(model, eager, atol=1e-5)


@every_variant
def test_a_step_that_overflows_in_float16_changes_nothing(make):
    x, y = data_of(12)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        scaled = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.1), initial_scale=2.0**100
        )
        model = model_of(balancer=make(), optimizer=scaled)
    finally:
        keras.config.set_dtype_policy(before)

    def all_of_it():
        held = [*model.weights, *model.balancing.variables]
        return [keras.ops.convert_to_numpy(v).copy() for v in held]

    start = all_of_it()
    for _ in range(2):
        model.train_on_batch(x, y)
    for old, new in zip(start, all_of_it(), strict=True):
        np.testing.assert_array_equal(new, old)
    scaled.dynamic_scale.assign(2.0**8)
    for _ in range(2):
        model.train_on_batch(x, y)
    moved = all_of_it()
    assert all(np.isfinite(new).all() for new in moved)
    # The trunk and the three heads.
    assert sum((old != new).any() for old, new in zip(start, moved, strict=True)) >= 8


WITH_STATE = (
    "Uncertainty",
    "PCGrad now and then",
    "MoCo",
    "CRMOGM of one with state",
    "PSMGD of one with state",
)
RESUME = """
import sys, numpy as np, keras, plait
model = keras.models.load_model(sys.argv[1])
data = np.load(sys.argv[2])
y = {name: data[name] for name in "abc"}
model.fit(data["x"], y, batch_size=12, epochs=2, shuffle=False, verbose=0)
np.savez(sys.argv[3], *model.get_weights())
"""


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(ON_BACKENDS, id="differ most", marks=pytest.mark.backends),
        pytest.param(WITH_STATE, id="with state"),
        pytest.param(
            tuple(n for n in VARIANTS if n not in (*WITH_STATE, *ON_BACKENDS)),
            id="others",
            marks=pytest.mark.long,
        ),
    ],
)
def test_saved_and_loaded_in_a_fresh_process_it_goes_on_as_if_nothing_had_been(names, tmp_path):
    """One process for several variants: its start is what takes the time."""
    x, y = data_of()
    np.savez(tmp_path / "data.npz", x=x, **y)
    expected, script = {}, ""
    for number, name in enumerate(names):
        model = started(VARIANTS[name])
        fit(model, x, y, epochs=2)
        model.save(tmp_path / f"{number}.keras")
        fit(model, x, y, epochs=2)
        expected[number] = model.get_weights()
        script += f"sys.argv[1:] = ['{number}.keras', 'data.npz', '{number}.npz']\n" + RESUME
    subprocess.run(
        [sys.executable, "-c", "import sys\n" + script], cwd=tmp_path, check=True, timeout=900
    )
    for number, weights in expected.items():
        resumed = np.load(tmp_path / f"{number}.npz")
        for ours, theirs in zip(weights, resumed.values(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
