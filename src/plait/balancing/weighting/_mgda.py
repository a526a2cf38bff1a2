"""MGDA: the shortest convex combination of the tasks' gradients."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import on_active, shortest_combination


@keras.saving.register_keras_serializable(package="plait")
class MGDA(GramianWeighting):
    """The point of least norm in the convex hull of the gradients: w minimises w^T G w on the simplex.

    At the representation this is the paper's MGDA-UB. Where 0 is in the hull (no direction decreases
    all losses) the combination is 0.

    Args:
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        J.-A. Désidéri, "Multiple-Gradient Descent Algorithm (MGDA)", Comptes Rendus Mathématique
        2012; O. Sener, V. Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS
        2018, equation 3. Both solve for the same point; the solver here is exact.
    """

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        return on_active(shortest_combination, evidence.gramian, context.active), []
