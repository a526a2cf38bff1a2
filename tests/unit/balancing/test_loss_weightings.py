"""The methods that see loss values only: their weights are their objectives' slopes, by hand."""

import json

import keras
import numpy as np
import pytest

import plait
from plait.balancing import Evidence, StepContext

L = np.array([0.5, 2.0, 1.0])
NAMES = ("a", "b", "c")


def weigh(balancer, losses=L, active=(True, True, True), step=0, names=NAMES):
    if balancer.tasks is None:
        balancer.build(names)
    context = StepContext(
        names,
        keras.ops.convert_to_tensor(np.array(active)),
        keras.ops.full((), step, "int32"),
    )
    evidence = Evidence(keras.ops.convert_to_tensor(np.asarray(losses, "float32")))
    weights, gradients = balancer.weights(evidence, context)
    return keras.ops.convert_to_numpy(weights), [keras.ops.convert_to_numpy(g) for g in gradients]


EXPECTED = {
    "Constant": (plait.Constant({"b": 0.25}), [1, 0.25, 1]),
    "Constant, in order": (plait.Constant([3, 2, 1]), [3, 2, 1]),
    "ScaleInvariant": (plait.ScaleInvariant(), 1 / L),
    "GLS": (plait.GLS(), np.prod(L) ** (1 / 3) / (3 * L)),
    "UWSO": (plait.UWSO(tau=2.0), np.exp(0.5 / L) / np.exp(0.5 / L).sum()),
    "Tchebycheff": (plait.Tchebycheff({"a": 6.0}), [6, 0, 0]),
    "Tchebycheff, ideal": (plait.Tchebycheff(ideal={"b": 1.8}), [0, 0, 1]),
    "STCH": (plait.STCH(mu=0.5), np.exp(2 * L) / np.exp(2 * L).sum()),
    # l = L, u = 1 / sqrt 3: d_2 = ||L - mean||, whose slope is (L - mean) / d_2.
    "PBI": (
        plait.PBI(theta=2.0),
        1 / np.sqrt(3) + 2 * (L - L.mean()) / np.linalg.norm(L - L.mean()),
    ),
}


@pytest.mark.parametrize(("balancer", "expected"), EXPECTED.values(), ids=EXPECTED)
def test_by_hand(balancer, expected):
    np.testing.assert_allclose(weigh(balancer)[0], expected, rtol=1e-5)


def test_imtll_by_hand():
    weights, (gradient,) = weigh(plait.IMTLL(initial_log_scale=float(np.log(2))))
    np.testing.assert_allclose(weights, [2, 2, 2], rtol=1e-6)
    # d/ds (exp(s) L - s) = 2 L - 1
    np.testing.assert_allclose(gradient, 2 * L - 1, rtol=1e-6)


def test_the_smooth_form_nears_the_largest_as_mu_falls():
    np.testing.assert_allclose(
        weigh(plait.STCH(mu=1e-3))[0], weigh(plait.Tchebycheff())[0], atol=1e-6
    )


def test_rlw_by_hand():
    # In Python's own integers: the numbers are -1.853814, -0.418491, -0.301693, and in step 7 with
    # seed 3 -1.178887, -0.269733, -0.743897; their softmax.
    np.testing.assert_allclose(weigh(plait.RLW())[0], [0.100781, 0.423383, 0.475836], rtol=1e-5)
    found = weigh(plait.RLW(seed=3), step=7)[0]
    np.testing.assert_allclose(found, [0.198919, 0.493761, 0.307320], rtol=1e-5)


def test_rlw_draws_anew_each_step_and_the_same_for_a_name():
    steps = np.array([weigh(plait.RLW(), step=s)[0] for s in range(3)])
    np.testing.assert_allclose(steps.sum(axis=1), 1, rtol=1e-5)
    assert len(np.unique(steps)) == steps.size
    alone = weigh(plait.RLW(), losses=[1.0, 1.0], active=[True] * 2, step=2, names=("a", "c"))[0]
    np.testing.assert_allclose(alone[0] / alone[1], steps[2][0] / steps[2][2], rtol=1e-5)


def test_a_task_without_labels_is_not_there():
    for balancer, _ in EXPECTED.values():
        given = type(balancer)(**balancer.get_config())
        config = balancer.get_config()
        for key, value in config.items():
            if isinstance(value, list):
                config[key] = [value[0], value[2]]
            if isinstance(value, dict):
                config[key] = {k: v for k, v in value.items() if k != "b"}
        found = weigh(given, losses=[0.5, 0.0, 1.0], active=[True, False, True])[0]
        alone = weigh(type(balancer)(**config), [0.5, 1.0], [True] * 2, names=("a", "c"))[0]
        np.testing.assert_allclose(found, [alone[0], 0, alone[1]], rtol=1e-5, err_msg=str(balancer))


def test_famo_takes_its_minima_by_name_and_out_of_json():
    config = json.loads(json.dumps(plait.FAMO(minimum_losses={"b": 0.5}).get_config()))
    found = weigh(plait.FAMO(**config), losses=[1.0, 1.0, 1.0])[0]
    # Each weight is z / (L - b) over the sum of all of these.
    np.testing.assert_allclose(found, [1 / 4, 2 / 4, 1 / 4], rtol=1e-5)
    in_order = json.loads(json.dumps(plait.FAMO(minimum_losses=(0.0, 0.5, 0.0)).get_config()))
    np.testing.assert_allclose(weigh(plait.FAMO(**in_order), losses=[1.0] * 3)[0], found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plait.Constant({"bb": 1.0}).build(NAMES), "names 'bb'"),
        (lambda: plait.PBI(preference=[1, 2]).build(NAMES), "has 2 values for 3 tasks"),
        (lambda: plait.FAMO(minimum_losses={"bb": 1.0}).build(NAMES), "names 'bb'"),
        (lambda: plait.FAMO(minimum_losses=(1, 2)).build(NAMES), "has 2 values for 3 tasks"),
        (lambda: plait.FAMO(learning_rate=0), "learning_rate is above 0"),
        (lambda: plait.FAMO(decay=-1), "decay is at least 0"),
        (lambda: plait.STCH(mu=0), "mu is greater than 0"),
        (lambda: plait.UWSO(tau=-1), "tau is greater than 0"),
        (lambda: plait.PBI(theta=-1), "theta is at least 0"),
    ],
)
def test_says_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
