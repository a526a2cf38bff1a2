"""Compact bilinear fusion."""

from typing import Any

import keras
import numpy as np
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._pairs import of_length_1, pair_products, signed_root
from plait.fusion._pooled_fusion import PooledFusion


@keras.saving.register_keras_serializable(package="plait")
class MCB(PooledFusion):
    """Compact bilinear pooling: the outer product of two vectors in `size` numbers, by count sketches.

    A sketch adds each number of a vector, with a random sign, to one of `size` places at random. The
    convolution of two sketches, by Fourier's transform, is a sketch of the outer product. Its
    elements' roots with their signs, the whole to length 1, and a Dense follow. Of more than two
    features the sketches of all pairs are added; one alone stands for itself. Signs and places are
    drawn once, by `seed`, and are weights that do not train. An absent feature counts with its absent
    token.

    Args:
        width: the size of the token that comes out.
        size: of a sketch. The paper's is 16,000.
        seed: of the signs and places.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        A. Fukui, D. H. Park, D. Yang, A. Rohrbach, T. Darrell and M. Rohrbach. Multimodal Compact
        Bilinear Pooling for Visual Question Answering and Visual Grounding, 2016.
    """

    def __init__(self, width: int = 128, size: int = 1024, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        demand_whole("MCB", least=2, size=size)
        demand_whole("MCB", least=0, seed=seed)
        self.size = size
        self.seed = seed

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        draw = np.random.default_rng(self.seed)
        self.sketches = {}
        for number, name in enumerate(sorted(tokens_shape)):
            rows = tokens_shape[name][-1]
            drawn = np.zeros((rows, self.size), "float32")
            drawn[np.arange(rows), draw.integers(0, self.size, rows)] = draw.choice([-1, 1], rows)
            self.sketches[name] = self.add_weight(
                name=f"sketch_{number}",
                shape=drawn.shape,
                initializer=lambda shape, dtype=None, drawn=drawn: ops.cast(drawn, dtype),
                trainable=False,
            )
        self.joined = self.dense(self.width, self.size, "joined")

    def join(self, vectors: dict[str, Any]) -> Any:
        sketched = [ops.matmul(vector, self.sketches[name]) for name, vector in vectors.items()]
        if len(sketched) == 1:
            found = ops.cast(sketched[0], "float32")
        else:
            found = self._convolved(sketched)
        return self.joined(of_length_1(signed_root(found)))

    def _convolved(self, sketched: list[Any]) -> Any:
        """The sum over pairs of their circular convolutions."""
        spectra = [ops.rfft(ops.cast(one, "float32")) for one in sketched]
        real, imaginary = (ops.stack([of[n] for of in spectra], axis=1) for n in range(2))
        # (a + ib)(c + id) by three sums over pairs: of the sums, and of each part.
        both = pair_products(real + imaginary)
        alike, other = pair_products(real), pair_products(imaginary)
        return ops.irfft((alike - other, both - alike - other), fft_length=self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "seed": self.seed}
