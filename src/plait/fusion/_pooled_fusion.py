"""Fusions that see each feature as one vector."""

import abc
from typing import Any, ClassVar

import keras
from keras import ops

from plait.fusion._fusion import Fusion


def attention_pool(tokens: Any, mask: Any, query: Any) -> Any:
    """The mean of a row's valid tokens, weighted by softmax(tokens · query / sqrt(width)).

    A query of zeros gives the plain mean, and a single token is returned as it is.

    Args:
        tokens: `(batch, tokens, width)`.
        mask: `(batch, tokens)` bool, at least one True in each row.
        query: `(width,)`.

    Returns:
        `(batch, width)`.
    """
    # Zeros first: a padded token that is not finite would survive a weight of 0.
    tokens = ops.where(ops.expand_dims(mask, -1), tokens, ops.zeros_like(tokens))
    scores = ops.cast(ops.matmul(tokens, ops.expand_dims(query, -1)), "float32")
    scores = ops.squeeze(scores, -1) / tokens.shape[-1] ** 0.5
    weights = ops.softmax(ops.where(mask, scores, -1e9), axis=-1)
    return ops.sum(tokens * ops.expand_dims(ops.cast(weights, tokens.dtype), -1), axis=1)


class Pooling(Fusion, abc.ABC):
    """Sees each feature as one vector, of its tokens by a learnt query: see `PooledFusion`."""

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        self.build_queries(tokens_shape)

    def build_queries(self, tokens_shape: dict[str, Any]) -> None:
        """Makes the queries of the features that have more than one token."""
        self.queries = {}
        for number, name in enumerate(sorted(tokens_shape)):
            _, count, width = tokens_shape[name]
            if count != 1:
                self.queries[name] = self.add_weight(
                    name=f"query_{number}", shape=(width,), initializer="zeros"
                )

    def pooled(self, tokens: dict[str, Any], masks: dict[str, Any]) -> dict[str, Any]:
        """Each feature's vector, in the order of their names."""
        return {
            name: attention_pool(tokens[name], masks[name], self.queries[name])
            if name in self.queries
            else ops.squeeze(tokens[name], 1)
            for name in sorted(tokens)
        }

    def one_token(self, vector: Any) -> dict[str, Any]:
        """What a fusion returns, of one vector a row."""
        fused = ops.expand_dims(vector, 1)
        return {"tokens": fused, "mask": ops.ones_like(fused[..., 0], dtype="bool")}

    def dense(self, units: int, size: int, name: str, **given: Any) -> keras.layers.Dense:
        """A built Dense that reads `size` numbers."""
        made = keras.layers.Dense(units, dtype=self.dtype_policy, name=name, **given)
        made.build((None, size))
        return made


class PooledFusion(Pooling, abc.ABC):
    """Pools each feature's tokens to one vector by a learnt query, and joins the vectors.

    Each feature with more than one token has a query of its own, which starts as the plain mean.
    The vectors are in the order of the features' names, so the order of declaration changes
    nothing: neither the answer nor the initial weights.

    Call arguments and Returns: see `Fusion`; one token comes out, `(batch, 1, width)`.
    """

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        return self.one_token(self.join(self.pooled(tokens, masks)))

    @abc.abstractmethod
    def join(self, vectors: dict[str, Any]) -> Any:
        """One vector `(batch, width)` of those of the features, `(batch, width_of_the_feature)`."""


class Projections(Pooling, abc.ABC):
    """Brings each feature's vector to `units` numbers by a Dense of its own.

    Without an activation unless the subclass names one, so that a linear path of an encoder stays one.
    """

    activation: ClassVar[str | None] = None
    bias_initializer: ClassVar[str] = "zeros"

    @property
    def units(self) -> int:
        """How many."""
        return self.width

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.build_projections(tokens_shape)

    def build_projections(self, tokens_shape: dict[str, Any]) -> None:
        """Makes the Dense of each of these features."""
        self.projections = {
            name: self.dense(
                self.units,
                tokens_shape[name][-1],
                f"projection_{number}",
                activation=self.activation,
                bias_initializer=self.bias_initializer,
            )
            for number, name in enumerate(sorted(tokens_shape))
        }

    def projected(self, vectors: dict[str, Any]) -> Any:
        """`(batch, features, units)`, in the order of `vectors`."""
        return ops.stack([self.projections[name](v) for name, v in vectors.items()], axis=1)


class Projecting(Projections, PooledFusion, abc.ABC):
    """Joins the vectors after a Dense of each feature's own."""


class ProjectedFusion(Projecting, abc.ABC):
    """Brings each feature's vector to the common width, then reduces."""

    def join(self, vectors: dict[str, Any]) -> Any:
        return self.reduce(self.projected(vectors))

    @abc.abstractmethod
    def reduce(self, stacked: Any) -> Any:
        """`(batch, width)` of `(batch, features, width)`."""
