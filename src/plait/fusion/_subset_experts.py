"""Fusion by experts for some of the features each."""

from itertools import combinations
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait._shares import tell_shares
from plait.fusion._pooled_fusion import Pooling


@keras.saving.register_keras_serializable(package="plait")
class SubsetExperts(Pooling):
    """A mixture of experts, each of which sees some of the features: Σ_s g_s(h) E_s(h_s).

    There is one for each feature, for each two and so on up to `together`, and for all. E_s is a Dense
    with a relu and a Dense, of the subset's vectors side by side; g is a softmax of what is linear in
    all vectors. An expert takes part in a row only if the row has all features of its subset, so that
    a missing one silences those that were made with it; where that leaves none, all take part.
    The idea is DynMM's, whose gate takes one expert a row; here they are mixed.

    Args:
        width: the size of the token that comes out.
        together: how many features an expert sees at most, beside the one that sees all.
        hidden: the size within an expert; `width` if None.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        Z. Xue and R. Marculescu. Dynamic Multimodal Fusion, 2023.
    """

    weighs = True

    def __init__(
        self, width: int = 128, together: int = 1, hidden: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(width, **kwargs)
        demand_whole("SubsetExperts", together=together)
        if hidden is not None:
            demand_whole("SubsetExperts", hidden=hidden)
        self.together = together
        self.hidden = hidden

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        names = sorted(tokens_shape)
        sizes = range(1, min(self.together, len(names) - 1) + 1)
        self.subsets = [tuple(some) for size in sizes for some in combinations(names, size)]
        self.subsets.append(tuple(names))
        inner = self.hidden or self.width
        self.experts = [
            (
                self.dense(
                    inner,
                    sum(tokens_shape[name][-1] for name in some),
                    f"rise_{n}",
                    activation="relu",
                ),
                self.dense(self.width, inner, f"fall_{n}"),
            )
            for n, some in enumerate(self.subsets)
        ]
        size = sum(tokens_shape[name][-1] for name in names)
        # The softmax over one expert is 1 whatever its weights are.
        if len(names) > 1:
            self.gate = self.dense(len(self.subsets), size, "gate")

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        vectors = self.pooled(tokens, masks)
        found = [
            fall(rise(ops.concatenate([vectors[name] for name in some], axis=-1)))
            for some, (rise, fall) in zip(self.subsets, self.experts, strict=True)
        ]
        if len(found) == 1:
            return self.one_token(found[0])
        stacked = ops.stack(found, axis=1)
        shares = self.shares(vectors, presence)
        tell_shares("fusion", [" + ".join(some) for some in self.subsets], shares)
        return self.one_token(
            ops.sum(stacked * ops.expand_dims(ops.cast(shares, stacked.dtype), -1), axis=1)
        )

    def shares(self, vectors: dict[str, Any], presence: dict[str, Any]) -> Any:
        """Each row's weight of each expert, `(batch, experts)`, in the order of `subsets`."""
        logits = ops.cast(self.gate(ops.concatenate(list(vectors.values()), axis=-1)), "float32")
        here = ops.stack(
            [
                ops.all(ops.stack([presence[name] for name in some], axis=-1), axis=-1)
                for some in self.subsets
            ],
            axis=-1,
        )
        here = ops.logical_or(here, ops.logical_not(ops.any(here, axis=-1, keepdims=True)))
        return ops.softmax(ops.where(here, logits, -1e9), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "together": self.together, "hidden": self.hidden}
