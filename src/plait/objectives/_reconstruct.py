"""What is hidden of a row, told from the rest of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from plait.errors import ConfigError
from plait.features import Category, Columns, Feature, Image, Number, Text
from plait.objectives._graph import Graph
from plait.objectives._row_objective import RowObjective
from plait.objectives._told import Told
from plait.objectives._told_cells import ToldCategory, ToldNumber
from plait.objectives._told_parts import ToldColumns, ToldPatches, ToldTokens
from plait.table import Table
from plait.tasks import Task

_TOLD: Mapping[type[Feature], type[Told]] = {
    Number: ToldNumber,
    Category: ToldCategory,
    Columns: ToldColumns,
    Text: ToldTokens,
    Image: ToldPatches,
}
_KINDS = {kind.__name__: told for kind, told in _TOLD.items()}


@dataclass(frozen=True)
class Reconstruct(RowObjective):
    """What is hidden of a feature should be told from the rest of the row.

    | a feature | is hidden | is told | its error |
    |---|---|---|---|
    | `Number` | whole | the standardised number | squared within one deviation, absolute beyond |
    | `Category` | whole | the category | cross-entropy |
    | `Columns` | .3 of its columns | each as a number or a category | likewise |
    | `Text` of tokens or words | .15 of them | which each was, of the known ones | cross-entropy |
    | `Image` | .6 of its patches | their standardised pixels | absolute |

    A patch is a place of the encoder's coarsest map. Which parts are hidden is drawn anew in each
    epoch, at least one in each row. Where parts are hidden, the encoder reads the feature a second time
    without them; fusion and the shared part are called once more in any case. A linear head answers of
    a cell or a column, from the shared representation; of a token or a patch
    W · gelu(U · token + V · mean(shared tokens)) + b, from the encoder's token at its place.

    A row's loss is the mean over what is hidden of it, divided by that of the training rows' shares or
    mean (but for pixels, whose mean is 0 and deviation 1 already). Rows without the cell do not count.

    Args:
        feature: one of these.
        share: of its parts that is hidden, in (0, 1); as above if None.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: a share that cannot be; when it is fitted, a feature of another kind, a share of a
            cell that is hidden whole, such a cell that is the row's only feature, a text of n-grams
            (what is hidden of one stands in others); when the model is made, an encoder that does not
            give each token its own, or no map of a picture.

    Example:
        Reconstruct("photo", share=0.5)

    References:
        J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, "BERT: Pre-training of Deep Bidirectional
        Transformers for Language Understanding" (2019); there a fifth of the tokens that are told are
        seen, as they are or exchanged. Z. Xie and others, "SimMIM: A Simple Framework for Masked Image
        Modeling" (2022); there what is hidden is a learnt token, here it has the mean colour, which any
        encoder reads. J. Yoon, Y. Zhang, J. Jordon, M. van der Schaar, "VIME: Extending the Success of
        Self- and Semi-supervised Learning to Tabular Domain" (2020); there cells are exchanged for
        those of other rows, and another head says which.
    """

    feature: str
    share: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.share is not None and not 0 < self.share < 1:
            raise ConfigError(
                f"Reconstruct: share is above 0 and below 1. Received: {self.share!r}.", ("share",)
            )

    @property
    def of_features(self) -> tuple[str, ...]:
        return (self.feature,)

    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        feature = features[self.feature]
        told, what = _TOLD.get(type(feature)), type(feature).__name__
        if told is None:
            raise ConfigError(
                f"Reconstruct: '{self.feature}' is a {what}, and what can be told from the rest of a "
                f"row is a {', a '.join(list(_KINDS)[:-1])} or {list(_KINDS)[-1]}.",
                ("feature",),
            )
        if told.share is None and self.share is not None:
            raise ConfigError(
                f"Reconstruct: '{self.feature}' is a {what}, which is hidden whole; a share is of a "
                f"feature's parts. Received: share={self.share!r}.",
                ("share",),
            )
        if told.share is None and len(features) < 2:
            raise ConfigError(
                f"Reconstruct: '{self.feature}' is the only feature, and there is nothing else in a "
                "row to tell it from.",
                ("feature",),
            )
        learnt = told.learn(feature, feature.cells(self.feature, table))
        return self.with_state({"kind": what, **learnt})

    def read(self, graph: Graph) -> dict[str, Any]:
        told = _KINDS[self.learnt["kind"]]
        return told.read(graph, self.feature, self.share or told.share or 1.0, self.learnt)

    def losses(self, seen: Mapping[str, Any]) -> tuple[Any, Any]:
        return _KINDS[self.learnt["kind"]].losses(seen, self.learnt)
