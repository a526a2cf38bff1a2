"""Two features of a row, brought near each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras import ops

from plait._ranges import demand_whole
from plait.errors import ConfigError
from plait.heads import LinearHead, unit_vectors
from plait.objectives._graph import Graph
from plait.objectives._row_objective import RowObjective
from plait.tasks import infonce


@dataclass(frozen=True)
class Align(RowObjective):
    """The two features of a row should be nearer to each other than to those of other rows (InfoNCE).

    With u_i and v_i the two features' vectors in row i, projected and of length 1, s_ij = u_i · v_j / t
    and n the rows of the batch that have both: each row's loss is -(log softmax_j s_ij + log softmax_j
    s_ji) / 2 at j = i, divided by log n, so that it is 1 for what looks at nothing. Rows that lack one
    of the two count neither as a row nor as another one.

    Rows with the same value of a feature are each other's wrong answers, so it suits features in which
    rows differ: pictures, sounds, texts. Where the match itself is what is asked for, it is a task:
    `Matching`.

    Args:
        a: a feature.
        b: another one.
        width: the size of the vectors that are compared.
        temperature: t.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: one feature twice, a width or temperature that cannot be.

    Example:
        Align("photo", "title")

    References:
        A. van den Oord, Y. Li, O. Vinyals, "Representation Learning with Contrastive Predictive Coding"
        (2018); A. Radford et al., "Learning Transferable Visual Models From Natural Language
        Supervision" (2021), for both directions; there the temperature is learnt.
    """

    a: str
    b: str
    width: int = 64
    temperature: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_whole("Align", width=self.width)
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(
                f"Align: temperature is above 0. Received: {self.temperature!r}.", ("temperature",)
            )
        if self.a == self.b:
            raise ConfigError(
                f"Align: a and b are two features. Received: '{self.a}' twice.", ("b",)
            )

    @property
    def of_features(self) -> tuple[str, ...]:
        return self.a, self.b

    def read(self, graph: Graph) -> dict[str, Any]:
        seen = {"a": graph.feature(self.a), "b": graph.feature(self.b)}
        vectors = {
            name: graph.own(LinearHead, name, size=self.width, dropout=0.0)(
                found.tokens, found.mask
            )
            for name, found in seen.items()
        }
        return {**vectors, **{f"{name} present": found.present for name, found in seen.items()}}

    def losses(self, seen: Mapping[str, Any]) -> tuple[Any, Any]:
        both = ops.logical_and(seen["a present"], seen["b present"])
        u, v = (unit_vectors(seen[name]) for name in ("a", "b"))
        return infonce(ops.matmul(u, ops.transpose(v)) / self.temperature, both), both
