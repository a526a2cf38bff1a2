"""What Keras' optimizers do with a gradient, they do with the balanced one."""

import functools

import keras
import pytest

import plait

from .ways import WAYS, OfGramian, assert_same, batches, distance, net, trained, weights_of

SGD = keras.optimizers.SGD
OPTIMIZERS = {
    "clipnorm": lambda: SGD(0.1, clipnorm=0.2),
    "global_clipnorm": lambda: SGD(0.1, global_clipnorm=0.2),
    "clipvalue": lambda: SGD(0.1, clipvalue=0.05),
    "accumulation": lambda: SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    "averages": lambda: SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
    "decay and schedule": lambda: SGD(
        keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.03]), weight_decay=0.3
    ),
}
# The two that look at more than one variable or more than one step, at once.
OPTIMIZERS["global_clipnorm and accumulation"] = lambda: SGD(
    0.1, momentum=0.9, global_clipnorm=0.2, gradient_accumulation_steps=2
)
FOR_EVERY_WAY = "global_clipnorm and accumulation"


@functools.cache
def plain(name=None):
    return weights_of(trained(None, OPTIMIZERS[name]() if name else SGD(0.1), batches()))


@pytest.mark.parametrize(
    ("way", "name"),
    [
        *((way, FOR_EVERY_WAY) for way in WAYS),
        *(("gramian", name) for name in OPTIMIZERS if name != FOR_EVERY_WAY),
    ],
)
def test_an_optimizer_does_what_it_does_in_a_plain_step(way, name):
    """With batch statistics, sample weights and missing labels."""
    found = weights_of(trained(way, OPTIMIZERS[name](), batches()))
    assert_same(found, plain(name), atol=1e-5)
    others = (None, "global_clipnorm", "accumulation") if name == FOR_EVERY_WAY else (None,)
    assert all(distance(plain(name), plain(other)) > 1e-3 for other in others)


def test_two_half_batches_accumulated_are_one_batch():
    x, y, _ = batches(count=2)
    found = []
    for batch, steps in ((12, 2), (24, None)):
        inputs, outputs = net(normalised=False)
        model = plait.MultiTaskModel(inputs, outputs)
        ones = OfGramian({"a": 1.0, "b": 1.0})
        model.compile(SGD(0.1, gradient_accumulation_steps=steps), loss="mse", balancing=ones)
        model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        found.append(model.get_weights())
    assert_same(*found, atol=1e-6)


def test_while_gradients_accumulate_a_balancer_weighs_every_batch_of_one_optimizer_step():
    class Watching(OfGramian):
        """Keeps the step in the place of the Gramian."""

        def weights(self, evidence, context):
            found = super().weights(evidence, context)
            self.seen.assign(0 * self.seen + keras.ops.cast(context.step, "float32"))
            return found

    model, balancing = plait.MultiTaskModel(*net()), Watching()
    optimizer = SGD(0.1, gradient_accumulation_steps=2)
    model.compile(optimizer, loss="mse", balancing=balancing)
    x, y, _ = batches(1)
    seen = []
    for _ in range(5):
        model.train_on_batch(x, y)
        seen.append(int(keras.ops.convert_to_numpy(balancing.seen)[0, 0]))
    assert seen == [0, 0, 1, 1, 2]


def test_losses_after_a_step_that_only_accumulated_are_not_told():
    """They are the losses before it."""
    model = plait.MultiTaskModel(*net())
    balancer = plait.FAMO(learning_rate=0.1)
    model.compile(SGD(0.1, gradient_accumulation_steps=2), loss="mse", balancing=balancer)
    x, y, _ = batches(1)
    told = []
    for _ in range(4):
        before = [keras.ops.convert_to_numpy(v).copy() for v in balancer.variables]
        model.train_on_batch(x, y)
        after = [keras.ops.convert_to_numpy(v) for v in balancer.variables]
        told.append(any((b != a).any() for b, a in zip(before, after, strict=True)))
    assert told == [False, True, False, True]


@pytest.mark.parametrize(("make", "scaled"), [(plait.Uncertainty, True), (plait.IMTLL, False)])
def test_weight_decay_is_not_of_what_a_balancer_learns(make, scaled):
    def after_a_step(decay):
        model = plait.MultiTaskModel(*net())
        optimizer = keras.optimizers.AdamW(0.1, weight_decay=decay)
        optimizer.exclude_from_weight_decay(var_list=[model.get_layer("a").kernel])
        whole = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
        model.compile(whole, loss="mse", balancing=make(1.0))
        x, y, weights = batches(1)
        model.fit(x, y, sample_weight=weights, batch_size=12, verbose=0)
        learnt = [keras.ops.convert_to_numpy(v) for v in model.balancing.trainable_variables]
        kept, decayed = (keras.ops.convert_to_numpy(model.get_layer(t).kernel) for t in "ab")
        return [*learnt, kept], decayed

    (same, decayed), (plain, undecayed) = after_a_step(0.5), after_a_step(0.0)
    assert_same(same, plain, atol=1e-6)
    assert distance([decayed], [undecayed]) > 1e-3
