import keras
import numpy as np
import pytest
from keras import layers, ops

from plait.errors import ConfigError
from plait.sharing import CGC, PLE, DSelectK, HardSharing, MMoE

TOKENS = np.random.default_rng(0).normal(size=(4, 2, 6)).astype("float32")
MASK = np.ones((4, 2), bool)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mixture(gate, read, experts):
    shares = softmax(read @ array(gate.kernel))
    return sum(shares[..., k : k + 1] * x for k, x in enumerate(experts))


def test_mmoe_is_each_tasks_own_mixture():
    layer = MMoE(experts=3, expert=layers.Dense(5, activation="relu"))
    shared = layer(TOKENS, MASK)
    kernels = [[array(v) for v in expert.weights] for expert in layer.made]
    experts = [np.maximum(TOKENS @ w + b, 0) for w, b in kernels]
    answers = []
    for task in "ab":
        branch = layer.branch(task)
        answers.append(array(branch(layer.part(shared, task), TOKENS, MASK)))
        np.testing.assert_allclose(
            answers[-1], mixture(branch.gate, TOKENS, experts), rtol=1e-4, atol=1e-6
        )
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_cgc_mixes_the_shared_experts_and_the_tasks_own():
    layer = CGC(shared_experts=2, task_experts=2, expert=layers.Dense(5, activation="relu"))
    shared = layer(TOKENS, MASK)
    branch = layer.branch("a")
    answer = array(branch(shared, TOKENS, MASK))
    experts = [*map(array, shared), *(array(expert(TOKENS)) for expert in branch.own)]
    assert len(experts) == 4
    np.testing.assert_allclose(answer, mixture(branch.gate, TOKENS, experts), rtol=1e-4, atol=1e-6)


def test_one_level_of_ple_is_cgc():
    """What a task reads of it: the fused tokens and the shared experts, and nothing of other tasks."""
    layer = PLE(levels=1, shared_experts=2, tasks=["a", "b"])
    part = layer.part(layer(TOKENS, MASK), "b")
    np.testing.assert_array_equal(array(part[0]), TOKENS)
    assert len(part) == 3


def test_two_levels_of_ple():
    layer = PLE(
        levels=2,
        shared_experts=1,
        task_experts=1,
        expert=layers.Dense(6, activation="tanh"),
        tasks=["a", "b"],
    )
    shared = layer(TOKENS, MASK)
    (level,) = layer.below
    a, b, common = (array(expert(TOKENS)) for expert in level.experts)
    own = {
        "a": mixture(level.gates[0], TOKENS, [a, common]),
        "b": mixture(level.gates[1], TOKENS, [b, common]),
    }
    above = array(layer.last[0](mixture(level.shared_gate, TOKENS, [a, b, common])))
    for task in "ab":
        part = [array(x) for x in layer.part(shared, task)]
        np.testing.assert_allclose(part[0], own[task], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(part[1], above, rtol=1e-4, atol=1e-6)
        branch = layer.branch(task)
        answer = array(branch(layer.part(shared, task), TOKENS, MASK))
        (mine,) = branch.own
        experts = [above, array(mine(own[task]))]
        np.testing.assert_allclose(
            answer, mixture(branch.gate, own[task], experts), rtol=1e-4, atol=1e-6
        )


def chosen_layer(**arguments):
    layer = DSelectK(**{"experts": 4, "k": 2, "tasks": ["a", "b"], **arguments})
    layer(TOKENS, MASK)
    return layer


def test_dselect_k_begins_with_equal_shares_and_ends_with_k_experts():
    layer = chosen_layer()
    np.testing.assert_allclose(array(layer.shares()), 0.25, atol=0.02)
    # Task a: experts 1 (digits 1, 0) and 2 (0, 1); task b twice 3 (1, 1).
    layer.digits.assign([[[1, -1], [-1, 1]], [[1, 1], [0.5, 0.5]]])
    layer.selectors.assign([[0, np.log(3)], [0, 0]])
    np.testing.assert_allclose(array(layer.shares()), [[0, 0.25, 0.75, 0], [0, 0, 0, 1]], atol=1e-6)


def test_dselect_k_answers_with_k_experts_before_its_digits_have_come_to_an_end():
    layer = chosen_layer()
    half = layer.gamma / 4
    layer.digits.assign([[[half, -half], [-half, half]], [[half, half], [0.1 * half, half]]])
    layer.selectors.assign([[0, np.log(3)], [0, 0]])
    shares = array(layer.shares())
    assert (shares > 0).all()
    # Of experts 0 to 3 by hand: a digit of γ/4 is a step of 27/32, one of γ/40 of 0.5374875.
    a, b, c = 27 / 32, 5 / 32, 0.5374875
    first, second = [b * a, a * a, b * b, a * b], [a * b, b * b, a * a, b * a]
    expected = np.array([0.25 * np.array(first) + 0.75 * np.array(second), np.zeros(4)])
    first, second = [b * b, a * b, b * a, a * a], [(1 - c) * b, c * b, (1 - c) * a, c * a]
    expected[1] = 0.5 * np.array(first) + 0.5 * np.array(second)
    np.testing.assert_allclose(shares, expected, rtol=1e-4)
    expected[0, [0, 3]] = expected[1, [0, 1]] = 0
    shared = layer(TOKENS, MASK, training=False)
    np.testing.assert_allclose(
        [array(layer.part(shared, task)[0])[0, 0] for task in "ab"],
        expected / expected.sum(1, keepdims=True),
        rtol=1e-4,
    )


def test_dselect_k_is_driven_to_k_experts():
    """By the entropy alone: all that the tasks ask for is what they get."""
    tokens = keras.Input(TOKENS.shape[1:])
    sharing = DSelectK(expert=layers.Dense(4, trainable=False), tasks=["a", "b"])
    shared = sharing(tokens)
    answers = [sharing.branch(task)(sharing.part(shared, task), tokens) for task in "ab"]
    model = keras.Model(tokens, [keras.ops.stop_gradient(answer) for answer in answers])
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    assert (array(sharing.shares()) > 0.1).all()
    model.fit(
        TOKENS, [np.zeros((len(TOKENS), *a.shape[1:])) for a in answers], epochs=60, verbose=0
    )
    assert set((array(sharing.shares()) > 0).sum(axis=1)) <= {1, 2}
    assert set(np.unique(array(sharing.chosen()))) == {0, 1}


@pytest.mark.parametrize(
    ("t", "step"), [(-0.5, 0), (-0.25, 0.15625), (0, 0.5), (0.25, 0.84375), (2, 1)]
)
def test_the_smooth_step(t, step):
    """-2 t³ + 3/2 t + 1/2 within half of gamma of 0."""
    layer = chosen_layer(experts=2, k=1, gamma=2.0, tasks=["a"])
    layer.digits.assign([[[2 * t]]])
    np.testing.assert_allclose(array(layer.shares()), [[1 - step, step]], atol=1e-6)


@pytest.mark.backends
def test_an_expert_that_no_task_has_is_skipped_when_the_model_answers():
    layer = chosen_layer()
    layer.digits.assign([[[1, -1], [-1, 1]], [[1, -1], [1, -1]]])
    for unused in (0, 3):
        for variable in layer.made[unused].weights:
            variable.assign(np.full(variable.shape, np.nan))
    shared = layer(TOKENS, MASK, training=False)
    for task in "ab":
        assert np.isfinite(array(layer.branch(task)(layer.part(shared, task), TOKENS, MASK))).all()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="looks at what JAX compiles")
def test_the_compiled_answer_branches_around_each_expert_and_a_training_step_around_none():
    import jax

    layer = chosen_layer()

    def program(training):
        def call(values, tokens):
            with keras.StatelessScope(zip(layer.variables, values, strict=True)):
                return layer(tokens, MASK, training=training)

        return jax.jit(call).lower([v.value for v in layer.variables], TOKENS).compile().as_text()

    assert program(training=False).count(" conditional(") == layer.experts
    assert program(training=True).count(" conditional(") == 0


def test_dselect_k_is_the_mixture_of_what_is_chosen():
    layer = chosen_layer(expert=layers.Dense(6, activation="tanh"))
    shared = layer(TOKENS, MASK, training=True)
    shares = array(layer.shares())
    assert (shares > 0).all()
    expected = sum(shares[1, n] * array(expert(TOKENS)) for n, expert in enumerate(layer.made))
    answer = layer.branch("b")(layer.part(shared, "b"), TOKENS, MASK)
    np.testing.assert_allclose(array(answer), expected, rtol=1e-4, atol=1e-5)


def test_the_entropy_of_the_selectors_is_a_loss_in_training_alone():
    layer = chosen_layer(entropy=0.5)
    layer(TOKENS, MASK, training=False)
    assert layer.losses == []
    layer(TOKENS, MASK, training=True)
    (loss,) = layer.losses
    # Four selectors, each of equal shares of four experts.
    np.testing.assert_allclose(array(loss), 0.5 * 4 * np.log(4), rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MMoE(experts=1), "experts is a whole number, 2 or more"),
        (lambda: MMoE(expert="Dense"), "expert is a Keras layer"),
        (lambda: MMoE(expert=[]), "expert is a Keras layer"),
        (lambda: CGC(task_experts=0), "task_experts is a whole number"),
        (lambda: PLE(levels=0), "levels is a whole number"),
        (lambda: DSelectK(k=5), "k is a whole number, from 1 to 4"),
        (lambda: DSelectK(experts=6), "experts is a power of two"),
        (lambda: MMoE(20_000), "at most 10000 are made"),
        (lambda: MMoE(2, HardSharing(blocks=10**8)), "at most 10000 are made"),
        (lambda: PLE(levels=10**8), "at most 10000 are made"),
        (lambda: DSelectK(gamma=0), "gamma is more than 0"),
        (lambda: DSelectK(kept=[]), "kept is a list of numbers of experts"),
        (lambda: DSelectK(kept=3), "kept is a list of numbers of experts"),
        (lambda: DSelectK(kept=[4]), "kept is a whole number, from 0 to 3"),
        (lambda: DSelectK(kept=[True]), "kept is a whole number, from 0 to 3"),
    ],
)
def test_refuses_what_cannot_be(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_an_expert_that_makes_another_number_of_tokens_is_refused():
    with pytest.raises(ConfigError, match="keeps the number of tokens"):
        MMoE(expert=layers.Conv1D(6, 2))(TOKENS, MASK)


def test_an_encoder_is_an_expert():
    from plait.encoders import SeriesConv

    layer = MMoE(experts=2, expert=SeriesConv(width=5, channels=4, dilations=(1,)))
    assert [tuple(x.shape) for x in layer(TOKENS, MASK)] == [(4, 2, 5)] * 2
