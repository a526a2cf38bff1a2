"""Gradient blending: a branch counts as much as it generalises, and the less the more it overfits."""

from typing import Any

import keras
import numpy as np

from plait._ranges import demand_whole
from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._feature_balancer import TrialBalancer


@keras.saving.register_keras_serializable(package="plait")
class GradientBlending(TrialBalancer):
    """sum over branches k of w_k L_k: each feature alone, and all together; w_k ∝ G_k / O_k².

    At the start of every super-epoch each branch is trained by itself for the epochs of one. With
    L^T and L^V its losses over the training and the validation rows before (0) and after (n):

    - G = L^V_0 - L^V_n, how much it gained;
    - O = (L^V_n - L^T_n) - (L^V_0 - L^T_0), how much of what it learnt it only memorised.

    The weights sum to 1. Then everything is put back, and the model trains for the super-epoch with
    these weights. A branch that gained nothing gets none; if no branch gained, all count equally.
    L is the sum over the tasks.

    Args:
        super_epoch: n, in epochs of `fit`.

    Raises:
        ValueError: a `super_epoch` that is no whole number from 1 on.

    References:
        W. Wang, D. Tran, M. Feiszli, "What Makes Training Multi-Modal Classification Networks
        Hard?", CVPR 2020, Algorithms 1 and 2 (online G-Blend). That no weight is below 0 is added
        here: the paper has no rule for a loss that rose. There each feature has a classifier of its
        own; here the model answers with the other features absent.
    """

    def __init__(self, super_epoch: int = 10) -> None:
        super().__init__()
        demand_whole("GradientBlending", super_epoch=super_epoch)
        self.super_epoch = self.trial_epochs = super_epoch

    def build_features(self, features: tuple[str, ...]) -> None:
        super().build_features(features)
        branches = len(features) + 1
        self._blend = keras.Variable(
            np.full(branches, 1 / branches), dtype="float32", trainable=False, name="blend"
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._blend] if self.model_features else []

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        whole = keras.ops.convert_to_tensor(self._blend)[-1]
        return keras.ops.cast(context.active, "float32") * whole, []

    def feature_weights(self, evidence: Evidence, context: StepContext) -> Any:
        blend = keras.ops.convert_to_tensor(self._blend)
        return keras.ops.ones_like(evidence.feature_losses) * blend[None, :-1]

    def begin_trial(self, branch: int) -> None:
        self._blend.assign(np.eye(self._blend.shape[0])[branch])

    def after_trials(self, before: Any, after: Any) -> None:
        self._blend.assign(blend(before, after))

    def get_config(self) -> dict[str, Any]:
        return {"super_epoch": self.super_epoch}


def blend(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The weights `(branches,)` from each branch's training and validation loss `(branches, 2)`."""
    gained = before[:, 1] - after[:, 1]
    overfitted = (after[:, 1] - after[:, 0]) - (before[:, 1] - before[:, 0])
    gained = np.where(np.isfinite(gained + overfitted) & (gained > 0), gained, 0.0)
    overfitted = np.where(gained > 0, overfitted, 1.0)
    # A branch that gained and memorised nothing at all would count alone.
    found = gained / np.maximum(overfitted**2, np.finfo("float32").eps)
    total = found.sum()
    return found / total if total > 0 else np.full(len(found), 1 / len(found))
