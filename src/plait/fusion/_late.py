"""Fusion of answers: each feature is answered alone."""

import math
from typing import Any

import keras
from keras import ops

from plait._shares import tell_shares
from plait.errors import ConfigError
from plait.fusion._pooled_fusion import Projections


@keras.saving.register_keras_serializable(package="plait")
class Late(Projections):
    """Each feature stays a token: a head's answer is the mean of its answers to each alone.

    A token is W_m h_m + b_m, of the feature's vector. What the tasks share sees each token alone,
    and a head that reads a row as one vector (`LinearHead`, of numbers and classes) is linear in
    the mean of the tokens that count. So its logits are the mean of the logits of each feature that
    the row has; of a row that has none, of all absent tokens.

    With `product` they are the sum Σ_m a_m z_m over the features that the row has, with learnt a_m
    > 0: the product of the features' experts, each to the power a_m, which begins at 1 / M. That is
    so where nothing stands between fusion and heads, as a trunk is not linear: a table's model takes
    it with `HardSharing(blocks=0)` alone, and what is learnt of a feature is then its encoder's. The
    head's bias counts once.

    Args:
        width: the size of each token that comes out.
        product: whether features weigh as they have learnt to, and add up.

    Returns:
        A token for each feature, in the order of their names; those that count are the row's own.

    References:
        G. Hinton, "Training Products of Experts by Minimizing Contrastive Divergence" (2002), for the
        product.
    """

    def __init__(self, width: int = 128, product: bool = False, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        self.product = product
        self.weighs = product

    def check_before(self, sharing: Any) -> None:
        if self.product and not sharing.passes_on:
            raise ConfigError(
                "Late: with product the answer is a product of the features' experts where nothing "
                "stands between fusion and heads, and a trunk would. Take it with "
                "sharing: {HardSharing: {blocks: 0}}, or leave product out.",
                ("product",),
            )

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        if self.product:
            self.powers = self.add_weight(
                name="powers",
                shape=(len(tokens_shape),),
                # softplus of it is 1 / M.
                initializer=keras.initializers.Constant(_inverse_softplus(1 / len(tokens_shape))),
                dtype="float32",
                autocast=False,
            )

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        each = self.projected(self.pooled(tokens, masks))
        here = ops.stack([presence[name] for name in sorted(tokens)], axis=1)
        here = ops.logical_or(here, ops.logical_not(ops.any(here, axis=1, keepdims=True)))
        if self.product:
            count = ops.sum(ops.cast(here, "float32"), axis=1, keepdims=True)
            powers = ops.expand_dims(ops.softplus(ops.convert_to_tensor(self.powers)), 0)
            tell_shares("powers", sorted(tokens), powers)
            shares = powers * count
            each = each * ops.expand_dims(ops.cast(shares, each.dtype), -1)
        return {"tokens": each, "mask": here}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "product": self.product}


def _inverse_softplus(value: float) -> float:
    return math.log(math.expm1(value))
