"""What a balancer asks for is there, or is refused when the model is compiled."""

from itertools import combinations_with_replacement
from typing import get_args

import keras
import numpy as np
import pytest

import plait
from plait.balancing._balancer import Need
from plait.errors import BalancingError

OF_FEATURES = {"feature_losses", "feature_scores", "feature_gramians"}
PAIRS = sorted({frozenset(p) for p in combinations_with_replacement(get_args(Need), 2)}, key=sorted)
FIELDS = {
    "losses": "losses",
    "gramian": "gramian",
    "cross_gramian": "gramian",
    "cross_product": "cross_product",
    "gradients": "gradients",
    "metrics": "metrics",
    "feature_losses": "feature_losses",
    "feature_scores": "feature_scores",
    "feature_gramians": "feature_gramians",
}


class Asking:
    """Notes which of its needs came."""

    def look(self, evidence, context):
        came = {need for need, field in FIELDS.items() if here(getattr(evidence, field))}
        self.came |= came | ({"auxiliary"} if any(context.auxiliary) else set())

    def weights(self, evidence, context):
        self.look(evidence, context)
        return keras.ops.cast(context.active, "float32"), []

    def update(self, evidence, context):
        self.look(evidence, context)
        sums = [keras.ops.sum(rows, axis=0) for rows in evidence.gradients]
        return plait.Update(sums, keras.ops.cast(context.active, "float32"))

    def encoder_scales(self, evidence, context):
        self.look(evidence, context)
        return super().encoder_scales(evidence, context)

    def after_step(self, before, after, context):
        self.came.add("losses_after")

    def begin_trial(self, branch):
        pass

    def after_trials(self, before, after):
        self.came.add("validation_losses")

    def get_config(self):
        return {}


def here(field):
    return field is not None and not (isinstance(field, list | tuple) and not field)


def asking(needs, **attributes):
    base = plait.Balancer
    if "gradients" in needs:
        base = plait.Aggregator
    if OF_FEATURES & needs:
        base = plait.FeatureBalancer
    if "validation_losses" in needs:
        base = plait.TrialBalancer
    level = {"gramian": "representation", "cross_gramian": "parameters"}
    levels = {level[need] for need in needs if need in level}
    found = {"level": levels.pop()} if len(levels) == 1 else {}
    named = {"needs": frozenset(needs), "trial_epochs": 1, "came": set(), **found, **attributes}
    return type("Asker", (Asking, base), named)()


def compiled(balancing):
    """Two tasks with classes and metrics, one of them auxiliary, from two features."""
    inputs, read = {}, []
    for name in ("picture", "sound"):
        inputs[name] = keras.Input((3,), name=name)
        inputs[f"{name}__present"] = keras.Input((1,), dtype="bool", name=f"{name}__present")
        there = keras.ops.cast(inputs[f"{name}__present"], "float32")
        read.append(keras.layers.Dense(2)(inputs[name]) * there)
    z = keras.layers.Dense(3)(keras.layers.Concatenate()(read))
    model = plait.MultiTaskModel(inputs, {t: keras.layers.Dense(2)(z) for t in "ab"})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "sgd",
        loss=dict.fromkeys("ab", loss),
        metrics={t: ["accuracy"] for t in "ab"},
        balancing=balancing,
        auxiliary=["b"],
    )
    return model


def data(rows=6):
    draw = np.random.default_rng(0)
    x = {n: draw.normal(size=(rows, 3)).astype("float32") for n in ("picture", "sound")}
    x |= {f"{n}__present": np.ones((rows, 1), bool) for n in list(x)}
    return x, {t: np.arange(rows) % 2 for t in "ab"}


@pytest.mark.parametrize("needs", PAIRS, ids=lambda needs: "+".join(sorted(needs)))
def test_needs_are_met_together_or_refused(needs):
    balancing = asking(needs)
    comes_with_all = {"losses", "metrics", "auxiliary", "losses_after"}
    try:
        model = compiled(balancing)
    except BalancingError:
        # What every step has is refused beside nothing but what features give.
        assert not needs & comes_with_all or needs & (OF_FEATURES | {"validation_losses"})
        return
    model.fit(*data(), batch_size=6, verbose=0, validation_data=data())
    assert needs <= balancing.came


@pytest.mark.parametrize("needs", [{"gradients"}, {"validation_losses"}])
def test_a_need_that_only_another_class_is_given(needs):
    plain = type("Plain", (Asking, plait.Balancer), {"needs": frozenset(needs), "came": set()})
    with pytest.raises(BalancingError, match=r"which only a \w+ is given"):
        compiled(plain())


@pytest.mark.parametrize(
    "needs", [{"losses"}, {"gradients"}, {"cross_gramian"}, {"feature_losses"}]
)
@pytest.mark.parametrize("attribute", [{"refresh_every": 4}, {"gram_batch": 2}])
def test_a_gramian_is_not_spared_where_nobody_looks_at_it(needs, attribute):
    with pytest.raises(BalancingError, match="Asker does not look at it"):
        compiled(asking(needs, **attribute))


@pytest.mark.parametrize("attribute", [{"refresh_every": 2.5}, {"gram_batch": 0}])
def test_a_custom_balancers_counts_are_whole_numbers(attribute):
    with pytest.raises(ValueError, match="is a whole number, 1 or more"):
        compiled(asking({"gramian"}, **attribute))


def test_a_balancer_that_was_refused_serves_another_model():
    balancing = plait.DTP()
    x = keras.Input((3,))
    scoreless = plait.MultiTaskModel(x, {t: keras.layers.Dense(2)(x) for t in "ab"})
    with pytest.raises(BalancingError, match="needs a metric"):
        scoreless.compile("sgd", loss="mse", balancing=balancing)
    assert compiled(balancing).balancing is balancing
