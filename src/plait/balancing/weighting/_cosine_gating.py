"""CosineGating: an auxiliary task helps only where its gradient agrees with the main ones'."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext, mask
from plait.balancing._gramian_weighting import GramianWeighting


@keras.saving.register_keras_serializable(package="plait")
class CosineGating(GramianWeighting):
    """Weighs each auxiliary task by the cosine of its gradient with the main tasks' sum.

    With g the sum of the main tasks' gradients and g_a an auxiliary one's, task a has the weight
    max(0, cos(g, g_a)), or unweighted 1 where the cosine is at least 0, else 0. Main tasks have 1.
    Without a main task in the batch, auxiliary tasks have weight 0.

    Which tasks are auxiliary is said by `compile(auxiliary=[...])` or `auxiliary: true` on a task.

    Args:
        weighted: whether the cosine itself is the weight, or only its sign decides.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        Y. Du, W. Czarnecki, S. Jayakumar, M. Farajtabar, R. Pascanu, B. Lakshminarayanan, "Adapting
        Auxiliary Losses Using Gradient Similarity", 2018, arXiv 1812.02224, Algorithms 1 and 2; there
        with one main and one auxiliary task.
    """

    needs = frozenset({"gramian", "auxiliary"})

    def __init__(
        self,
        weighted: bool = True,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
        refresh_every: int = 1,
        gram_batch: int | None = None,
    ) -> None:
        super().__init__(
            level=level,
            weight_heads=weight_heads,
            refresh_every=refresh_every,
            gram_batch=gram_batch,
        )
        self.weighted = weighted

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops, gramian = keras.ops, evidence.gramian
        main = mask(1.0 - ops.convert_to_tensor(context.auxiliary, "float32"), context.active)
        towards = (gramian @ main[:, None])[:, 0]
        square = ops.sum(main * towards)
        lengths = ops.sqrt(ops.maximum(ops.diagonal(gramian) * square, 0.0))
        cosines = towards / ops.where(lengths > 0, lengths, 1.0)
        agree = ops.maximum(cosines, 0.0) if self.weighted else ops.cast(cosines >= 0, "float32")
        gates = ops.where(ops.any(main > 0), agree, 0.0)
        return mask(ops.where(main > 0, main, gates), context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"weighted": self.weighted, **super().get_config()}
