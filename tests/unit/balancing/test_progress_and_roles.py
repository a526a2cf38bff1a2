"""DWA, DTP and CosineGating: what they know beside losses and gradients, by hand."""

import keras
import numpy as np
import pytest

import plait
from plait.balancing import Evidence, StepContext
from plait.errors import BalancingError

from .test_methods import numpy


def tensor(values, dtype="float32"):
    return keras.ops.convert_to_tensor(np.array(values), dtype)


def ask(balancer, losses, epoch=0, active=None, gramian=None, metrics=None, auxiliary=()):
    tasks = tuple("abc"[: len(losses)])
    if balancer.tasks is None:
        balancer.build(tasks)
    active = np.ones(len(tasks), bool) if active is None else np.array(active)
    where = StepContext(
        tasks, tensor(active, "bool"), tensor(0, "int32"), tensor(epoch, "int32"), auxiliary
    )
    evidence = Evidence(
        tensor(losses),
        None if gramian is None else tensor(gramian),
        metrics=None if metrics is None else tensor(metrics),
    )
    return numpy(balancer.weights(evidence, where)[0])


def test_dwa_by_hand():
    balancer = plait.DWA(tau=2.0)
    for losses in ([1.0, 4.0], [3.0, 4.0]):
        np.testing.assert_allclose(ask(balancer, losses, epoch=0), [1, 1], rtol=1e-6)
    np.testing.assert_allclose(ask(balancer, [1.0, 3.0], epoch=1), [1, 1], rtol=1e-6)
    # Means 2, 4 and then 1, 3: ratios 1/2 and 3/4.
    powers = np.exp(np.array([0.5, 0.75]) / 2)
    expected = 2 * powers / powers.sum()
    np.testing.assert_allclose(ask(balancer, [9.0, 9.0], epoch=2), expected, rtol=1e-6)
    np.testing.assert_allclose(ask(balancer, [5.0, 7.0], epoch=2), expected, rtol=1e-6)
    # Means 7, 8 over 1, 3.
    powers = np.exp(np.array([7.0, 8 / 3]) / 2)
    found = ask(balancer, [1.0, 1.0], epoch=3)
    np.testing.assert_allclose(found, 2 * powers / powers.sum(), rtol=1e-6)


def test_dwa_goes_on_from_the_epochs_in_which_a_task_had_labels():
    balancer = plait.DWA()
    ask(balancer, [2.0, 4.0], epoch=0)
    ask(balancer, [1.0, 0.0], epoch=1, active=[True, False])
    weights = ask(balancer, [1.0, 2.0], epoch=2)
    powers = np.exp(np.array([0.5, 1.0]) / 2)  # b is known from one epoch only
    np.testing.assert_allclose(weights, 2 * powers / powers.sum(), rtol=1e-6)
    np.testing.assert_allclose(ask(balancer, [1.0, 0.0], epoch=2, active=[True, False]), [1, 0])


def test_dtp_by_hand():
    balancer = plait.DTP(gamma=1.0, alpha=0.5)
    weights = ask(balancer, [1.0, 1.0], metrics=[0.5, 1.0])
    np.testing.assert_allclose(weights, [0.5 * np.log(2), 0], rtol=1e-6, atol=1e-7)
    weights = ask(balancer, [1.0, 1.0], metrics=[0.1, 0.0], active=[True, False])
    np.testing.assert_allclose(weights, [-0.7 * np.log(0.3), 0], rtol=1e-6)
    weights = ask(balancer, [1.0, 1.0], metrics=[0.3, 0.5])
    np.testing.assert_allclose(weights, [-0.7 * np.log(0.3), -0.25 * np.log(0.75)], rtol=1e-6)


def test_dtp_gets_the_batch_s_own_scores():
    inputs = keras.Input((2,))
    z = keras.layers.Dense(2, kernel_initializer="identity")(inputs)
    same = {"kernel_initializer": "identity", "activation": "softmax"}
    heads = {t: keras.layers.Dense(2, name=t, **same)(z) for t in "ab"}
    model = plait.MultiTaskModel(inputs, heads)
    model.compile(
        keras.optimizers.SGD(0.0),
        loss="sparse_categorical_crossentropy",
        weighted_metrics={t: ["accuracy"] for t in "ab"},
        balancing=plait.DTP(gamma=0.0, alpha=1.0),
    )
    x = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], "float32")
    labels = {"a": np.array([0, 0, 0, 1]), "b": np.array([0, -1, 1, 1])}
    logs = model.train_on_batch(x, labels, return_dict=True)
    # Scores 3/4 and, over the labelled rows, 1/3; and the epoch's own metrics say the same.
    assert float(logs["a_weight"]) == pytest.approx(-np.log(0.75), rel=1e-5)
    assert float(logs["b_weight"]) == pytest.approx(-np.log(1 / 3), rel=1e-5)
    assert float(logs["a_accuracy"]) == pytest.approx(0.75)
    logs = model.train_on_batch(x, {**labels, "a": np.array([1, 1, 1, 1])}, return_dict=True)
    assert float(logs["b_accuracy"]) == pytest.approx(1 / 3, rel=1e-5)


@pytest.mark.parametrize("metrics", [None, {"a": ["mae"], "b": ["accuracy"]}])
def test_dtp_without_scores_is_refused(metrics):
    inputs = keras.Input((2,))
    z = keras.layers.Dense(2)(inputs)
    model = plait.MultiTaskModel(inputs, {t: keras.layers.Dense(1, name=t)(z) for t in "ab"})
    with pytest.raises(BalancingError, match=r"DTP needs a metric in \[0, 1\].*for 'a'"):
        model.compile("sgd", loss="mse", metrics=metrics, balancing=plait.DTP())


# Lengths 2, 1 and 3; a and c agree with cosine 1/2, a and b with cosine -1/2.
GRAMIAN = [[4, -1, 3], [-1, 1, 0], [3, 0, 9]]


@pytest.mark.parametrize(
    ("weighted", "expected"), [(True, [1, 0, 0.5]), (False, [1, 0, 1])], ids=["cosine", "sign"]
)
def test_cosine_gating_by_hand(weighted, expected):
    balancer = plait.CosineGating(weighted)
    found = ask(balancer, [1, 1, 1], gramian=GRAMIAN, auxiliary=(False, True, True))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_cosine_gating_goes_by_the_sum_of_the_main_tasks():
    # g = g_a + g_c: <g, b> = -1, so b is shut out; without a it would be at a right angle.
    balancer = plait.CosineGating(weighted=False)
    auxiliary = (False, True, False)
    found = ask(balancer, [1, 1, 1], gramian=GRAMIAN, auxiliary=auxiliary)
    np.testing.assert_array_equal(found, [1, 0, 1])
    found = ask(
        balancer, [1, 1, 1], gramian=GRAMIAN, auxiliary=auxiliary, active=[False, True, True]
    )
    np.testing.assert_array_equal(found, [0, 1, 1])
    found = ask(
        balancer, [1, 1, 1], gramian=GRAMIAN, auxiliary=auxiliary, active=[False, True, False]
    )
    np.testing.assert_array_equal(found, [0, 0, 0])


def test_cosine_gating_needs_an_auxiliary_task():
    inputs = keras.Input((2,))
    z = keras.layers.Dense(2)(inputs)
    model = plait.MultiTaskModel(inputs, {t: keras.layers.Dense(1, name=t)(z) for t in "ab"})
    with pytest.raises(BalancingError, match=r"needs an auxiliary task.*compile\(auxiliary="):
        model.compile("sgd", loss="mse", balancing=plait.CosineGating())
    with pytest.raises(ValueError, match=r"auxiliary: there is no output 'B'.*Did you mean 'b'"):
        model.compile("sgd", loss="mse", auxiliary=["B"], balancing=plait.CosineGating())
    model.compile("sgd", loss="mse", auxiliary=["b"], balancing=plait.CosineGating())
    model.fit(np.ones((4, 2)), {t: np.ones((4, 1)) for t in "ab"}, verbose=0)
