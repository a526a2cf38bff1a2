"""MixUp: in training a row is a mixture of two, and so is its loss."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from plait._hash import name_key, uniform
from plait.model._losses import spread
from plait.model._mixed import Mixed, mixed_labels

_QUANTILES = 4096


class MixUp:
    """Mixes each labelled row with the next labelled one of its batch, if both have the same features.

    With a share s, x = s x_i + (1 - s) x_j in every feature, and the loss of a task is s L(y_i) +
    (1 - s) L(y_j) at what the model says of x. Where a label is missing its part is left out, with its
    weight. s is the larger part of what Beta(alpha, alpha) draws, a function of the row's key. Other
    rows stay as they are; so does one that has none of the features.

    Args:
        features: all of the model's; each has an input of numbers and `<feature>__present`.
        alpha: above 0: the larger, the nearer to halves.

    References:
        H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk Minimization"
        (2018). There one share is drawn for a batch, and each row has the smaller part of two as often
        as the larger one.
    """

    def __init__(self, features: Sequence[str], alpha: float) -> None:
        self.features = tuple(features)
        inverse = importlib.import_module("scipy.special").betaincinv
        drawn = inverse(alpha, alpha, (np.arange(_QUANTILES) + 0.5) / _QUANTILES)
        self._shares = np.maximum(drawn, 1 - drawn).astype("float32")

    def __call__(
        self,
        x: Mapping[str, Any],
        there: Mapping[str, Any],
        labels: Mapping[str, tuple[Any, Any]],
        labelled: Any,
        row_key: Any,
    ) -> tuple[dict[str, Any], dict[str, Mixed]]:
        """The inputs and the labels of mixed rows.

        Args:
            x: the inputs by name, as training sees them.
            there: the inputs of which the presence flags tell what the rows have; those of `x` may
                lack what modality dropout has taken.
            labels: by output.
            labelled: `(batch,)` bool, whether a row has a label of any output.
            row_key: `(batch, 2)` int32.
        """
        other, able = self._others(there, labelled)
        place = ops.cast(
            _QUANTILES * uniform(row_key[:, 0], row_key[:, 1], name_key("mixup")), "int32"
        )
        drawn = ops.take(ops.convert_to_tensor(self._shares), place)
        share = ops.where(able, drawn, 1.0)
        mixed = dict(x)
        for name in self.features:
            values, length = x[name], x.get(f"{name}__length")
            if length is not None:
                values = _within(values, length)
                both = ops.maximum(length, ops.take(length, other, axis=0))
                mixed[f"{name}__length"] = ops.where(able, both, length)
            mixed[name] = _mixture(values, ops.take(values, other, axis=0), share)
        return mixed, mixed_labels(labels, other, share)

    def _others(self, there: Mapping[str, Any], labelled: Any) -> tuple[Any, Any]:
        """The next labelled row of each, and whether both have the same features, one at least."""
        place = ops.cumsum(ops.ones_like(labelled, dtype="int32")) - 1
        count, known = ops.shape(labelled)[0], ops.cast(labelled, "int32")
        # One key a row, so that no backend has a say in the order of equal ones.
        order = ops.argsort(ops.where(labelled, place, place + count))
        after = ops.cumsum(known) % ops.maximum(ops.sum(known), 1)
        other = ops.where(labelled, ops.take(ops.cast(order, "int32"), after), place)
        flags = [ops.cast(there[f"{name}__present"], "bool") for name in self.features]
        present = ops.stack(flags, axis=1)
        same = ops.all(ops.equal(present, ops.take(present, other, axis=0)), axis=1)
        able = ops.logical_and(same, ops.any(present, axis=1))
        return other, ops.logical_and(able, other != place)


def _mixture(own: Any, other: Any, share: Any) -> Any:
    """The rows mixed; those of a share of 1 as they are, whatever stands in the other."""
    share, dtype = spread(share, len(own.shape)), keras.backend.standardize_dtype(own.dtype)
    a, b = ops.cast(own, "float32"), ops.cast(other, "float32")
    found = share * a + (1 - share) * b
    if not keras.backend.is_float_dtype(dtype):
        found = ops.round(found)
    return ops.where(share < 1, ops.cast(found, dtype), own)


def _within(values: Any, length: Any) -> Any:
    """Padded rows with zeros behind their lengths."""
    steps = ops.arange(values.shape[1], dtype="int32")[None, :] < ops.cast(length, "int32")[:, None]
    return ops.where(spread(steps, len(values.shape)), values, ops.zeros_like(values))
