"""Fusion by modulation."""

from collections.abc import Collection
from typing import Any

import keras
from keras import ops

from plait._names import did_you_mean
from plait.errors import ConfigError
from plait.fusion._pooled_fusion import Projecting


@keras.saving.register_keras_serializable(package="plait")
class FiLM(Projecting):
    """One feature, scaled and shifted channel by channel by what the others say: (1 + γ) ⊙ W h + β.

    γ and β are linear in the vectors of all other features. Without `of`, each feature is modulated
    by the others in turn and the mean is taken, so that none is set apart. An absent feature counts
    with its absent token.

    Args:
        width: the size of the token that comes out.
        of: the feature that is modulated; None for each in turn.

    Raises:
        ConfigError: there is no such feature.

    References:
        E. Perez, F. Strub, H. de Vries, V. Dumoulin and A. Courville. FiLM: Visual Reasoning with a
        General Conditioning Layer, 2018.
    """

    def __init__(self, width: int = 128, of: str | None = None, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        self.of = of

    def check(self, features: Collection[str]) -> None:
        if self.of is not None and self.of not in features:
            raise ConfigError(
                f"FiLM: there is no feature '{self.of}' to modulate."
                f"{did_you_mean(self.of, features)}",
                ("of",),
            )

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        names = sorted(tokens_shape)
        self.check(names)
        modulated = names if self.of is None else [self.of]
        self.build_queries(tokens_shape)
        self.build_projections({name: tokens_shape[name] for name in modulated})
        sizes = {name: tokens_shape[name][-1] for name in names}
        self.modulations = {
            name: self.dense(2 * self.width, sum(sizes.values()) - sizes[name], f"modulation_{n}")
            for n, name in enumerate(modulated)
            if len(names) > 1
        }

    def join(self, vectors: dict[str, Any]) -> Any:
        found = []
        for name, projection in self.projections.items():
            own = projection(vectors[name])
            if name in self.modulations:
                others = [vector for other, vector in vectors.items() if other != name]
                told = self.modulations[name](ops.concatenate(others, axis=-1))
                scale, shift = ops.split(told, 2, axis=-1)
                own = (1 + scale) * own + shift
            found.append(own)
        return sum(found[1:], found[0]) / len(found)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "of": self.of}
