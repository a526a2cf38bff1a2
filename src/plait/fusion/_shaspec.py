"""Fusion by what features have in common, which stands in for a missing one."""

from itertools import combinations
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_number
from plait.fusion._pooled_fusion import Projections


@keras.saving.register_keras_serializable(package="plait")
class ShaSpec(Projections):
    """Of each feature a shared part and a specific one; where it is missing, the others' shared parts.

    A feature's vector x_m = W_m h_m goes through one layer for all features, r_m = gelu(S x_m), and one
    of its own, s_m = gelu(P_m x_m). The feature counts as f_m = r_m + V [r_m; s_m], with one V for all;
    a missing one as the mean of r over those that the row has (over all absent tokens, of a row
    that has none). All f_m side by side pass a Dense.

    Two losses stand beside those of the tasks: `alignment` times the mean distance |r_m - r_n| of two
    features that a row has, which makes the shared parts alike, and `specificity` times the
    cross-entropy of telling the feature from s_m, which keeps the specific parts apart.

    Tasks that read different features call the layer for each set of them, and each call adds its
    losses.

    Args:
        width: the size of the token that comes out, and of all parts.
        alignment: the weight of the first loss.
        specificity: the weight of the second.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        H. Wang et al., "Multi-modal Learning with Missing Modality via Shared-Specific Feature
        Modelling" (2023), with its L1 distance and its weights. Its shared and specific networks
        read pictures; here they read what each feature's encoder made.
    """

    def __init__(
        self,
        width: int = 128,
        alignment: float = 0.1,
        specificity: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        demand_number("ShaSpec", alignment=alignment, specificity=specificity)
        self.alignment = alignment
        self.specificity = specificity

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        count = len(tokens_shape)
        self.shared = self.dense(self.width, self.width, "shared", activation="gelu")
        self.specific = [
            self.dense(self.width, self.width, f"specific_{n}", activation="gelu")
            for n in range(count)
        ]
        self.added = self.dense(self.width, 2 * self.width, "added")
        self.joined = self.dense(self.width, count * self.width, "joined")
        if count > 1 and self.specificity:
            self.tells = self.dense(count, self.width, "tells")

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        x = self.projected(self.pooled(tokens, masks))
        here = ops.stack([presence[name] for name in sorted(tokens)], axis=1)
        common = self.shared(x)
        own = ops.stack([dense(x[:, n]) for n, dense in enumerate(self.specific)], axis=1)
        found = common + self.added(ops.concatenate([common, own], axis=-1))
        counts = ops.logical_or(here, ops.logical_not(ops.any(here, axis=1, keepdims=True)))
        shares = ops.cast(ops.expand_dims(counts, -1), common.dtype)
        mean = ops.sum(common * shares, axis=1, keepdims=True) / ops.sum(
            shares, axis=1, keepdims=True
        )
        found = ops.where(ops.expand_dims(here, -1), found, mean)
        if training and len(self.specific) > 1:
            self._add_losses(common, own, here)
        flat = ops.reshape(found, (-1, len(self.specific) * self.width))
        return self.one_token(self.joined(flat))

    def _add_losses(self, common: Any, own: Any, here: Any) -> None:
        common, own = ops.cast(common, "float32"), ops.cast(own, "float32")
        here = ops.cast(here, "float32")
        if self.alignment:
            far = count = 0.0
            for a, b in combinations(range(len(self.specific)), 2):
                both = here[:, a] * here[:, b]
                far = far + ops.sum(both * ops.mean(ops.abs(common[:, a] - common[:, b]), axis=-1))
                count = count + ops.sum(both)
            self.add_loss(self.alignment * far / ops.maximum(count, 1.0))
        if self.specificity:
            which = ops.broadcast_to(ops.arange(len(self.specific)), ops.shape(here))
            told = ops.cast(self.tells(own), "float32")
            wrong = ops.sparse_categorical_crossentropy(which, told, from_logits=True)
            wrong = ops.sum(here * wrong) / ops.maximum(ops.sum(here), 1.0)
            self.add_loss(self.specificity * wrong)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alignment": self.alignment,
            "specificity": self.specificity,
        }
