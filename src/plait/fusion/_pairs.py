"""Fusions that multiply the features' vectors two at a time."""

import abc
from typing import Any

from keras import ops

from plait.fusion._pooled_fusion import Projecting


class PairFusion(Projecting, abc.ABC):
    """Brings each feature's vector to a factor, multiplies any two factors, and adds the products up.

    The papers have two features, and so one product. Of more, the products of all pairs are added,
    as a factorisation machine does: they stay of one size, which the product of all factors would not,
    and cost no more than the factors. One feature alone has no partner: its factor stands for itself.

    References:
        S. Rendle. Factorization Machines, 2010, for the sum over pairs in linear time.
    """

    def join(self, vectors: dict[str, Any]) -> Any:
        return self.finish(pair_products(self.factors(self.projected(vectors))))

    def factors(self, projected: Any) -> Any:
        """`(batch, features, ...)` of `(batch, features, units)`."""
        return projected

    @abc.abstractmethod
    def finish(self, products: Any) -> Any:
        """`(batch, width)` of the sum of products, `(batch, ...)` in float32."""


def pair_products(factors: Any) -> Any:
    """The sum over pairs of a_i ⊙ a_j, in float32, of `(batch, features, ...)`; of one, itself."""
    first, *others = ops.unstack(ops.cast(factors, "float32"), axis=1)
    if not others:
        return first
    products, before = ops.zeros_like(first), first
    for factor in others:
        products = products + before * factor
        before = before + factor
    return products


def signed_root(x: Any) -> Any:
    """sign(x) · sqrt(|x|), with a slope at 0 that is finite."""
    least = 1e-6
    return ops.sign(x) * (ops.sqrt(ops.abs(x) + least) - least**0.5)


def of_length_1(x: Any) -> Any:
    """X / |x| over the last axis; zeros stay zeros."""
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-12)
