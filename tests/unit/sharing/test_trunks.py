import keras
import numpy as np
import pytest
from keras import layers, ops

from plait.errors import ConfigError
from plait.sharing import (
    MTAN,
    Adapters,
    CrossStitch,
    HardSharing,
    LoRA,
    Sluice,
    SoftSharing,
    TaskRouting,
)

TOKENS = np.random.default_rng(0).normal(size=(4, 2, 6)).astype("float32")
MASK = np.ones((4, 2), bool)
TASKS = ("a", "b")


def array(tensor):
    return ops.convert_to_numpy(tensor)


def relu(dense, x):
    return np.maximum(x @ array(dense.kernel) + array(dense.bias), 0)


def two_dense():
    return [layers.Dense(5, activation="relu"), layers.Dense(3, activation="relu")]


@pytest.mark.parametrize("per_channel", [False, True])
def test_cross_stitch_mixes_the_tasks_after_each_stage(per_channel):
    layer = CrossStitch(two_dense(), per_channel, TASKS)
    layer(TOKENS, MASK)
    draw = np.random.default_rng(1)
    for stitch in layer.stitches:
        stitch.assign(draw.normal(size=stitch.shape))
    found = [TOKENS, TOKENS]
    for number, stitch in enumerate(layer.stitches):
        made = [
            relu(copy.steps[0], x) for copy, x in zip(layer.copies_of(number), found, strict=True)
        ]
        w = array(stitch)
        found = [w[i, 0] * made[0] + w[i, 1] * made[1] for i in range(2)]
    for answer, expected in zip(layer(TOKENS, MASK), found, strict=True):
        np.testing.assert_allclose(array(answer), expected, rtol=1e-4, atol=1e-5)


def test_cross_stitches_begin_with_nine_tenths_of_the_tasks_own():
    layer = CrossStitch(1, tasks=["a", "b", "c"])
    layer(TOKENS, MASK)
    expected = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    np.testing.assert_allclose(array(layer.stitches[0]), expected, rtol=1e-6)


def test_sluice_mixes_subspaces_and_stages():
    layer = Sluice(2, tasks=TASKS)
    layer(TOKENS, MASK)
    draw = np.random.default_rng(1)
    for weight in [*layer.alphas, layer.beta]:
        weight.assign(draw.normal(size=weight.shape))

    def gelu(x):
        return array(keras.activations.gelu(x))

    found, stages = [TOKENS, TOKENS], []
    for number, alpha in enumerate(layer.alphas):
        # Task a's subspaces, then task b's.
        read = [found[0], found[0], found[1], found[1]]
        made = [
            gelu(x @ array(piece.steps[0].kernel) + array(piece.steps[0].bias))
            for piece, x in zip(layer.pieces_of(number), read, strict=True)
        ]
        w = array(alpha)
        made = [sum(w[i, j] * made[j] for j in range(4)) for i in range(4)]
        found = [np.concatenate(made[:2], -1), np.concatenate(made[2:], -1)]
        stages.append(found)
    beta = array(layer.beta)
    for task, answer in enumerate(layer(TOKENS, MASK)):
        expected = beta[task, 0] * stages[0][task] + beta[task, 1] * stages[1][task]
        np.testing.assert_allclose(array(answer), expected, rtol=1e-3, atol=1e-4)


def test_sluice_begins_with_nine_tenths_of_its_own_and_of_the_last_stage():
    layer = Sluice(3, tasks=TASKS)
    layer(TOKENS, MASK)
    for alpha in layer.alphas:
        np.testing.assert_allclose(array(alpha), np.where(np.eye(4), 0.9, 0.1 / 3), rtol=1e-6)
    np.testing.assert_allclose(array(layer.beta), [[0.05, 0.05, 0.9]] * 2, rtol=1e-6)


def test_sluice_keeps_the_subspaces_of_a_task_apart():
    layer = Sluice(1, orthogonality=0.5, tasks=TASKS)
    layer(TOKENS, MASK, training=True)
    g = [array(piece.steps[0].kernel) for piece in layer.pieces_of(0)]
    expected = np.square(g[0].T @ g[1]).sum() + np.square(g[2].T @ g[3]).sum()
    np.testing.assert_allclose(array(layer.losses[0]), 0.5 * expected, rtol=1e-5)


def test_soft_sharing_draws_the_trunks_to_their_mean():
    layer = SoftSharing(two_dense(), strength=0.1, tasks=TASKS)
    layer(TOKENS, MASK, training=True)
    total = 0.0
    for number in range(2):
        a, b = (copy.trainable_variables for copy in layer.copies_of(number))
        # Both are half their difference from the mean.
        total += sum(np.square(array(v) - array(w)).sum() / 2 for v, w in zip(a, b, strict=True))
    np.testing.assert_allclose(array(layer.losses[0]), 0.1 * total, rtol=1e-5)
    layer = SoftSharing(1, strength=0, tasks=TASKS)
    layer(TOKENS, MASK, training=True)
    assert layer.losses == []


def test_lora_is_the_trunk_with_low_rank_weights_added():
    layer = LoRA(stages=2, rank=2, alpha=3.0, tasks=TASKS)
    layer(TOKENS, MASK)
    low = random_low(layer)
    assert len(low) == 4  # Two layers of each block.
    for task, answer in enumerate(layer(TOKENS, MASK)):
        hard = HardSharing(blocks=2)
        hard(TOKENS)
        for number, block in enumerate(hard.trunk):
            own = layer.trunk[number].steps[0].trunk[0]
            for place, (mine, dense) in enumerate(
                zip(own.layers[:3], block.layers[:3], strict=True)
            ):
                weights = mine.get_weights()
                if place:
                    a, b = low[2 * number + place - 1]
                    weights[0] = weights[0] + 3.0 / 2 * a[task] @ b[task]
                dense.set_weights(weights)
        np.testing.assert_allclose(array(answer), array(hard(TOKENS)), rtol=1e-3, atol=1e-4)


def random_low(layer):
    """Gives a LoRA's B random values, and returns each kernel's A and B."""
    draw = np.random.default_rng(1)
    for weight in layer.b:
        weight.assign(draw.normal(size=weight.shape))
    return [(array(a), array(b)) for a, b in zip(layer.a, layer.b, strict=True)]


def test_lora_reaches_the_kernels_of_any_layer():
    pictures = np.random.default_rng(0).random((2, 6, 5, 3), "float32")
    stages = [
        layers.Conv2D(4, (2, 3), activation="relu"),
        layers.BatchNormalization(),
        layers.EinsumDense("abcd,dxy->abcxy", output_shape=(5, 3, 2, 5)),
    ]
    layer = LoRA(stages, rank=2, alpha=1.0, tasks=TASKS)
    layer(pictures)
    low = random_low(layer)
    assert [(a.shape, b.shape) for a, b in low] == [
        ((2, 18, 2), (2, 2, 4)),
        ((2, 8, 2), (2, 2, 5)),
    ]
    convolution, norm, einsum = (stage.steps[0] for stage in layer.trunk)
    norm.set_weights([np.random.default_rng(2).random(4) + 0.5 for _ in range(4)])
    for task, answer in enumerate(layer(pictures)):
        (a, b), (c, d) = [(a[task], b[task]) for a, b in low]
        kernel = array(convolution.kernel) + (a @ b / 2).reshape(2, 3, 3, 4)
        x = np.zeros((2, 5, 3, 4))
        for y in range(5):
            for z in range(3):
                x[:, y, z] = np.einsum("rijc,ijcd->rd", pictures[:, y : y + 2, z : z + 3], kernel)
        x = np.maximum(x + array(convolution.bias), 0)
        gamma, beta, mean, variance = (array(w) for w in norm.weights)
        x = (x - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta
        expected = np.einsum(
            "abcd,dxy->abcxy", x, array(einsum.kernel) + (c @ d / 2).reshape(4, 2, 5)
        )
        np.testing.assert_allclose(array(answer), expected, rtol=1e-3, atol=1e-4)


def test_what_a_stage_of_lora_counts_and_adds_reaches_it():
    layer = LoRA([layers.BatchNormalization(momentum=0.5), Noted()], tasks=TASKS)
    layer(TOKENS, MASK, training=True)
    # Twice, once for each task.
    mean = TOKENS.mean((0, 1))
    np.testing.assert_allclose(
        array(layer.trunk[0].steps[0].moving_mean), 0.75 * mean, rtol=1e-4, atol=1e-6
    )
    assert [float(loss) for loss in layer.losses] == [3.0, 3.0]
    draws = LoRA([layers.Dropout(0.5)], tasks=TASKS)
    a, b = draws(TOKENS, MASK, training=True)
    c, _ = draws(TOKENS, MASK, training=True)
    assert (array(a) != array(b)).any()
    assert (array(a) != array(c)).any()


class Noted(layers.Layer):
    def call(self, x):
        self.add_loss(ops.cast(3.0, "float32"))
        return x


def test_the_losses_of_loras_stages_count_once_wherever_they_are_asked_for():
    layer = LoRA([Noted()], tasks=TASKS)
    layer(TOKENS, MASK)
    with keras.StatelessScope(collect_losses=True) as scope:
        layer(TOKENS, MASK)
        # As a compiled step asks, and a compiled evaluation.
        assert [float(loss) for loss in scope.losses] == [3.0, 3.0]
        assert [float(loss) for loss in layer.losses] == [3.0, 3.0]


def test_loras_rank_is_at_most_that_of_the_kernel():
    layer = LoRA([layers.Dense(2), layers.Dense(6)], rank=4, tasks=TASKS)
    layer(TOKENS, MASK)
    assert [tuple(a.shape) for a in layer.a] == [(2, 6, 2), (2, 2, 2)]
    assert [tuple(b.shape) for b in layer.b] == [(2, 2, 2), (2, 2, 6)]


def test_lora_begins_with_one_trunk():
    a, b = LoRA(tasks=TASKS)(TOKENS, MASK)
    np.testing.assert_array_equal(array(a), array(b))


def test_a_task_has_its_share_of_the_units_and_no_say_over_others():
    layer = TaskRouting(stages=2, share=0.25, tasks=TASKS)
    tokens = np.random.default_rng(0).normal(size=(4, 2, 8)).astype("float32")
    layer(tokens, MASK)
    assert [routes.shape for routes in layer.routes] == [(2, 8)] * 2
    assert all((routes.sum(-1) == 2).all() for routes in layer.routes)
    before = array(layer(tokens, MASK)[0])
    for stage, routes in zip(layer.trunk, layer.routes, strict=True):
        rise = stage.steps[0].trunk[0].layers[1]
        kernel, bias = rise.get_weights()
        kernel[:, ~routes[0]] = 100.0
        rise.set_weights([kernel, bias])
    np.testing.assert_array_equal(array(layer(tokens, MASK)[0]), before)
    assert (array(layer(tokens, MASK)[1]) != before).any()
    other = TaskRouting(stages=2, share=0.25, seed=1, tasks=TASKS)
    other(tokens, MASK)
    assert any((a != b).any() for a, b in zip(other.routes, layer.routes, strict=True))


def test_a_block_with_all_its_units_is_that_of_hard_sharing():
    layer = TaskRouting(stages=1, share=1, tasks=TASKS)
    layer(TOKENS, MASK)
    hard = layer.trunk[0].steps[0]
    for answer in layer(TOKENS, MASK):
        np.testing.assert_array_equal(array(answer), array(hard(TOKENS)))
        assert (array(answer) != TOKENS).any()


def test_of_given_stages_a_task_has_some_of_the_units_behind_each():
    layer = TaskRouting(two_dense(), share=0.5, tasks=TASKS)
    answers = layer(TOKENS, MASK)
    assert [routes.sum(-1).tolist() for routes in layer.routes] == [[2, 2], [2, 2]]
    for task, answer in enumerate(answers):
        x = TOKENS
        for stage, routes in zip(layer.trunk, layer.routes, strict=True):
            x = relu(stage.steps[0], x) * routes[task]
        np.testing.assert_allclose(array(answer), x, rtol=1e-4, atol=1e-5)


def test_which_units_are_a_tasks_is_the_same_in_every_process():
    layer = TaskRouting(stages=1, share=0.5, tasks=["b", "a"])
    layer(TOKENS, MASK)
    # The three least of .92 .50 .77 .54 .68 .83
    assert layer.routes[0][1].tolist() == [False, True, False, True, True, False]


def test_an_adapter_is_beside_the_identity():
    layer = Adapters(bottleneck=3)
    branch = layer.branch("a")
    shared = array(layer(TOKENS, MASK))
    answer = array(branch(shared, TOKENS, MASK))
    assert 0 < np.abs(answer - shared).max() < 0.5
    np.testing.assert_allclose(
        answer - shared, array(branch.up(branch.down(branch.norm(shared)))), atol=1e-6
    )


def test_mtan_masks_what_the_stages_give():
    layer = MTAN([*two_dense(), *two_dense()], TASKS)
    layer(TOKENS, MASK)
    x, found = TOKENS, [None, None]
    for number in range(2):
        first, second = layer.trunk[2 * number : 2 * number + 2]
        u = relu(first.steps[0], x)
        x = relu(second.steps[0], u)
        for task in range(2):
            place = 2 * number + task
            read = u
            if number:
                read = np.concatenate([u, array(layer.carry[0](found[task]))], -1)
            inner = array(layer.reads[place](read))
            dense, norm, _ = layer.masks[place].layers
            logits = array(norm(inner @ array(dense.kernel) + array(dense.bias)))
            found[task] = x / (1 + np.exp(-logits))
    for answer, expected in zip(layer(TOKENS, MASK), found, strict=True):
        np.testing.assert_allclose(array(answer), expected, rtol=1e-3, atol=1e-5)


def test_mtan_pays_attention_to_maps():
    stages = [
        layers.Conv2D(4, 3, padding="same"),
        layers.Conv2D(4, 3, padding="same"),
        layers.Conv2D(6, 3, strides=2, padding="same"),
        layers.Conv2D(6, 3, padding="same"),
    ]
    pictures = np.random.default_rng(0).random((2, 8, 6, 3), "float32")
    layer = MTAN(stages, TASKS)
    answers = layer(pictures)
    (carry,) = layer.carry
    x, found = pictures, [None, None]
    for number in range(2):
        first, second = layer.trunk[2 * number : 2 * number + 2]
        u = array(first(x))
        x = array(second(u))
        for task in range(2):
            place = 2 * number + task
            read = u
            if number:
                read = np.concatenate([u, carried(carry, found[task])], -1)
            dense, norm, _ = layer.reads[place].layers
            inner = np.maximum(normed(read @ array(dense.kernel) + array(dense.bias), norm), 0)
            dense, norm, _ = layer.masks[place].layers
            logits = normed(inner @ array(dense.kernel) + array(dense.bias), norm)
            found[task] = x / (1 + np.exp(-logits))
    for answer, expected in zip(answers, found, strict=True):
        assert answer.shape == (2, 4, 3, 6)
        np.testing.assert_allclose(array(answer), expected, rtol=1e-3, atol=1e-5)


def normed(x, norm):
    """Of each pixel over its channels."""
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + norm.epsilon) * array(norm.gamma) + array(norm.beta)


def carried(carry, maps):
    """A 3 x 3 convolution, normalisation, a relu, and the largest of each 2 x 2, pixel by pixel."""
    convolution, norm, _, _ = carry.layers
    kernel, bias = array(convolution.kernel), array(convolution.bias)
    rows, height, width, _ = maps.shape
    around = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    made = np.zeros((rows, height, width, kernel.shape[-1]))
    for y in range(height):
        for x in range(width):
            patch = around[:, y : y + 3, x : x + 3]
            made[:, y, x] = np.einsum("rijc,ijcd->rd", patch, kernel) + bias
    made = np.maximum(normed(made, norm), 0)
    return made.reshape(rows, height // 2, 2, width // 2, 2, -1).max(axis=(2, 4))


reading = pytest.mark.parametrize("cls", [CrossStitch, LoRA, Sluice, SoftSharing, TaskRouting])


@reading
def test_stages_may_read_pictures(cls):
    stages = [layers.Conv2D(4, 3, padding="same"), layers.Conv2D(4, 3, padding="same")]
    pictures = np.random.default_rng(0).random((2, 8, 6, 3), "float32")
    answers = cls(stages, tasks=TASKS)(pictures)
    units = 8 if cls is Sluice else 4  # Of each of its two subspaces.
    assert [tuple(x.shape) for x in answers] == [(2, 8, 6, units)] * 2


@pytest.mark.backends
@reading
def test_stages_may_read_whole_numbers(cls):
    stages = [layers.Embedding(10, 4), layers.Dense(4)]
    numbers = np.array([[1, 5, 9], [0, 2, 2]], "int32")
    for answer in cls(stages, tasks=TASKS)(numbers):
        assert np.abs(array(answer)).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CrossStitch(0), "stages is a whole number"),
        (lambda: CrossStitch([3]), "stages is a Keras layer"),
        (lambda: SoftSharing(strength=-1), "strength is a number, 0 or more"),
        (lambda: Sluice(subspaces=0), "subspaces is a whole number"),
        (lambda: Sluice(subspaces=4, tasks=TASKS)(TOKENS, MASK), "part the width evenly"),
        (lambda: Sluice(two_dense(), tasks=TASKS)(TOKENS, MASK), "all give one shape"),
        (lambda: CrossStitch(10**8), "at most 10000 are made"),
        (lambda: CrossStitch(1, tasks=list(map(str, range(3000)))), "at most 10000 are made"),
        (lambda: Sluice([layers.ReLU()], subspaces=10**8), "at most 10000 are made"),
        (lambda: TaskRouting(10**8), "at most 10000 are made"),
        (lambda: LoRA(rank=0), "rank is a whole number"),
        (lambda: TaskRouting(share=0), "share is above 0"),
        (lambda: Adapters(bottleneck=0), "bottleneck is a whole number"),
        (lambda: MTAN(two_dense()[:1]), "two layers each"),
        (lambda: MTAN(tasks=TASKS)(TOKENS[:, 0]), "tokens or maps"),
    ],
)
def test_refuses_what_cannot_be(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
