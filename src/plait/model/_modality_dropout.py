"""Modality dropout: whole features leave single rows, so that their absent token is learnt."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from plait._hash import name_key, uniform


class ModalityDropout:
    """Marks features absent, row by row and at random, in the training step only.

    A row never loses its last present feature. The choice is a function of the row's key, so it does
    not depend on the batch that the row is in.

    Args:
        features: the features that may leave; each has an input `<feature>__present`.
        rate: the share of present cells that leave, in [0, 1).
    """

    def __init__(self, features: Sequence[str], rate: float = 0.1) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"ModalityDropout: rate must be in [0, 1). Received: {rate}")
        self.features = tuple(features)
        self.rate = rate

    def __call__(self, x: Mapping[str, Any], row_key: Any) -> dict[str, Any]:
        """The inputs with other presence flags.

        Args:
            x: the model's inputs by name.
            row_key: `(batch, 2)` int32, different for each row and epoch.
        """
        ops = keras.ops
        flags = [f"{feature}__present" for feature in self.features]
        draws = ops.stack(
            [uniform(row_key[:, 0], row_key[:, 1], name_key(f)) for f in self.features], axis=1
        )
        present = ops.stack([ops.cast(x[flag], "bool") for flag in flags], axis=1)
        # The present feature with the largest draw always stays.
        ranked = ops.where(present, draws, -1.0)
        last = ranked >= ops.max(ranked, axis=1, keepdims=True)
        kept = ops.logical_and(present, ops.logical_or(draws >= self.rate, last))
        return {**x, **{flag: kept[:, n] for n, flag in enumerate(flags)}}
