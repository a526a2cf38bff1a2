"""OGM-GE: the feature that answers better has its encoder slowed down."""

from collections.abc import Sequence
from typing import Any

import keras

from plait._names import did_you_mean
from plait.balancing._balancer import Evidence, StepContext, mask
from plait.balancing._feature_balancer import FeatureBalancer
from plait.errors import BalancingError


@keras.saving.register_keras_serializable(package="plait")
class OGMGE(FeatureBalancer):
    """On-the-fly gradient modulation, with generalisation enhancement.

    With s_f the summed probability that the model gives to the right classes from feature f alone,
    and rho_f = s_f / s_g for the other feature g: the gradient of f's encoder is multiplied by
    k_f = 1 - tanh(alpha rho_f) where rho_f > 1, else 1, and gets Gaussian noise with the standard
    deviation of each variable's gradient. Of several tasks with classes, s_f is the mean over the
    rows that have the feature and the label, summed over the tasks that read both features.

    Args:
        alpha: how strongly; to be tuned.
        features: the two features that are weighed; needed where the model has more, since the
            paper's rule is of two.
        epochs: the first epoch in which it is done, and the first in which it no longer is; None
            for no end.
        enhancement: whether the noise is added (OGM-GE), or not (OGM).

    Raises:
        ValueError: an `alpha` that is not positive, or not two features.
        BalancingError: of a model: two features are not named and there are not two, one of them is
            not there, or no task has classes.

    References:
        X. Peng, Y. Wei, A. Deng, D. Wang, D. Hu, "Balanced Multimodal Learning via On-the-fly
        Gradient Modulation", CVPR 2022, Algorithm 1; the epochs as in their code, which has no
        default for alpha. It modulates the weights of convolutions only, which the paper does not
        say; here all of an encoder's. What a feature answers alone is there its part of the last
        layer's sum, and here the model's answer with the other features absent.
    """

    needs = frozenset({"feature_scores"})

    def __init__(
        self,
        alpha: float = 0.1,
        features: Sequence[str] | None = None,
        epochs: tuple[int, int | None] = (0, 51),
        enhancement: bool = True,
    ) -> None:
        super().__init__()
        if not alpha > 0:
            raise ValueError(f"OGMGE: alpha is above 0. Received: {alpha}")
        if features is not None and len(set(features)) != 2:
            raise ValueError(f"OGMGE: features names two. Received: {list(features)}")
        self.alpha = alpha
        self.features = None if features is None else tuple(features)
        self.epochs = tuple(epochs)
        self.enhancement = enhancement

    def build_features(self, features: tuple[str, ...]) -> None:
        super().build_features(features)
        chosen = self.features or features
        for name in chosen:
            if name not in features:
                raise BalancingError(
                    f"OGMGE(features=...): the model has no feature '{name}'."
                    f"{did_you_mean(name, features)}"
                )
        if len(chosen) != 2:
            raise BalancingError(
                f"OGMGE weighs two features, and the model has {len(features)}: "
                f"{', '.join(features)}. Name two: OGMGE(features=[...])."
            )
        self._pair = tuple(features.index(name) for name in chosen)

    def encoder_scales(self, evidence: Evidence, context: StepContext) -> Any:
        ops = keras.ops
        scores = mask(evidence.feature_scores, context.active)
        pair = ops.stack([scores[:, place] for place in self._pair], axis=1)
        # Of the tasks that both answer in this batch.
        both = ops.all(pair > 0, axis=1, keepdims=True)
        one, other = ops.unstack(ops.sum(ops.where(both, pair, 0.0), axis=0), num=2)
        known = ops.logical_and(one > 0, other > 0)
        ratio = ops.where(known, one, 1.0) / ops.where(known, other, 1.0)
        slowed = {
            self._pair[0]: ops.where(ratio > 1, 1 - ops.tanh(self.alpha * ratio), 1.0),
            self._pair[1]: ops.where(ratio < 1, 1 - ops.tanh(self.alpha / ratio), 1.0),
        }
        one = ops.ones((), "float32")
        scales = ops.stack([slowed.get(place, one) for place in range(len(context.features))])
        scales = ops.where(self._due(context), scales, 1.0)
        return ops.stack([scales, ops.ones_like(scales)], axis=1)

    def encoder_noise(self, evidence: Evidence, context: StepContext) -> Any:
        if not self.enhancement:
            return None
        chosen = [float(place in self._pair) for place in range(len(context.features))]
        return keras.ops.convert_to_tensor(chosen) * keras.ops.cast(self._due(context), "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            "alpha": self.alpha,
            "features": None if self.features is None else list(self.features),
            "epochs": list(self.epochs),
            "enhancement": self.enhancement,
        }

    def _due(self, context: StepContext) -> Any:
        first, end = self.epochs
        epoch = keras.ops.convert_to_tensor(context.epoch)
        return keras.ops.logical_and(epoch >= first, True if end is None else epoch < end)
