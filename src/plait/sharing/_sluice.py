"""Trunks of their own whose parts are mixed, and whose layers are."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_number, demand_whole
from plait._shares import numbered, tell_shares
from plait.errors import ConfigError
from plait.sharing._cross_stitch import Biased
from plait.sharing._template import Follow
from plait.sharing._trunk_sharing import TrunkSharing, stitched


@keras.saving.register_keras_serializable(package="plait")
class Sluice(TrunkSharing):
    """A trunk for each task whose stages are in subspaces, all mixed by what is learnt.

    Each stage of a task has a layer for each subspace, which reads the whole of what the task has; α
    mixes the subspaces of all tasks after each stage, as `CrossStitch` mixes tasks; β mixes the
    outputs of all stages into what the task's head reads. The subspaces of a task are kept apart by
    the loss `orthogonality` · Σ ‖G_aᵀ G_b‖², over the kernels of its subspaces in a stage.

    α begins at .9 for the subspace itself and the rest in equal parts, β at .9 for the last stage.

    Args:
        stages: how many; each is a Dense with a gelu, whose subspaces make up the width of the tokens.
            Or the stages, Keras layers: of each, there is one for each subspace.
        subspaces: how many.
        orthogonality: the weight of that loss.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: see `TrunkSharing`; a width that the subspaces do not part evenly, stages of
            different widths.

    References:
        S. Ruder et al., "Latent Multi-task Architecture Learning" (2019).
    """

    weighs = True

    def __init__(
        self,
        stages: int | Sequence[keras.layers.Layer] = 2,
        subspaces: int = 2,
        orthogonality: float = 0.01,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(stages, tasks, **kwargs)
        demand_whole("Sluice", subspaces=subspaces)
        demand_number("Sluice", orthogonality=orthogonality)
        self.subspaces = subspaces
        self.orthogonality = orthogonality
        self.demand_few(subspaces * len(tasks or ["one"]))

    def demand_few(self, copies: int) -> None:
        super().demand_few(copies * copies)

    def default_stage(self, shape: Any) -> keras.layers.Layer:
        if shape[-1] % self.subspaces:
            raise ConfigError(
                f"Sluice: the subspaces part the width evenly. Received: subspaces={self.subspaces}, "
                f"and tokens of {shape[-1]} numbers.",
                ("subspaces",),
            )
        return keras.layers.Dense(shape[-1] // self.subspaces, activation="gelu")

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        count = len(self.known()) * self.subspaces
        shape, widths = tokens_shape, set()
        # One list: of each stage, each task's subspaces.
        self.pieces = []
        self.alphas = []
        for number in range(self.count):
            made = [self.stage(number, f"stage_{number}_{n}", shape) for n in range(count)]
            self.pieces += made
            piece = made[0].compute_output_shape(shape)
            shape = (*piece[:-1], piece[-1] * self.subspaces)
            widths.add(tuple(shape[1:]))
            if count > 1:
                self.alphas.append(
                    self.add_weight(
                        name=f"alpha_{number}",
                        shape=(count, count),
                        initializer=Biased(),
                        dtype="float32",
                    )
                )
        if len(widths) > 1:
            raise ConfigError(
                f"Sluice: the stages are mixed, so all give one shape. Received: {sorted(widths)}.",
                ("stages",),
            )
        if self.count > 1:
            self.beta = self.add_weight(
                name="beta",
                shape=(len(self.known()), self.count),
                initializer=Latest(),
                dtype="float32",
            )

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        tasks, parts = len(self.known()), self.subspaces
        found = [tokens] * tasks
        by_stage = []
        for number in range(self.count):
            made = [
                piece(found[n // parts], mask, training=training)
                for n, piece in enumerate(self.pieces_of(number))
            ]
            if self.alphas:
                self._tell_parts(number)
                made = stitched(self.alphas[number], made)
            found = [
                ops.concatenate(made[task * parts : (task + 1) * parts], axis=-1)
                for task in range(tasks)
            ]
            by_stage.append(found)
        if training and self.orthogonality and parts > 1:
            self.add_loss(self.once(self.orthogonality * self.overlap()))
        if self.count == 1:
            return found
        self._tell_stages()
        beta = ops.cast(self.beta, found[0].dtype)
        return [
            sum(beta[task, n] * stage[task] for n, stage in enumerate(by_stage))
            for task in range(tasks)
        ]

    def _tell_parts(self, number: int) -> None:
        """What each subspace of a task takes of all behind a stage."""
        known, alpha = self.known(), self.alphas[number]
        spaces = numbered("part", self.subspaces)
        sources = [f"{space} of {task}" for task in known for space in spaces]
        for place, task in enumerate(known):
            for part, space in enumerate(spaces):
                row = place * self.subspaces + part
                tell_shares(
                    f"stage {number + 1}, {space}", sources, alpha[row : row + 1], task=task
                )

    def _tell_stages(self) -> None:
        """What a task takes of each stage."""
        for place, task in enumerate(self.known()):
            own = self.beta[place : place + 1]
            tell_shares("stages", numbered("stage", self.count), own, task=task)

    def pieces_of(self, number: int) -> list[Follow]:
        """The layers of a stage: each task's subspaces, one task after the other."""
        count = len(self.known()) * self.subspaces
        return list(self.pieces[number * count : (number + 1) * count])

    def overlap(self) -> Any:
        """Σ ‖G_aᵀ G_b‖² over stages, tasks, and pairs of a task's subspaces."""
        total = ops.zeros((), "float32")
        for start in range(0, len(self.pieces), self.subspaces):
            kernels = [_kernels(piece) for piece in self.pieces[start : start + self.subspaces]]
            for a in range(self.subspaces):
                for b in range(a):
                    for g, h in zip(kernels[a], kernels[b], strict=True):
                        total = total + ops.sum(ops.square(ops.matmul(ops.transpose(g), h)))
        return total

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "subspaces": self.subspaces,
            "orthogonality": self.orthogonality,
        }


def _kernels(piece: Follow) -> list[Any]:
    """The matrices of a layer, what comes in along the rows."""
    return [
        ops.reshape(ops.cast(v, "float32"), (-1, v.shape[-1]))
        for v in piece.trainable_variables
        if len(v.shape) > 1
    ]


class Latest(keras.initializers.Initializer):
    """.9 for the last of each row, and the rest in equal parts."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        row = [0.1 / (shape[1] - 1)] * (shape[1] - 1) + [0.9]
        return keras.ops.convert_to_tensor([row] * shape[0], dtype=dtype)
