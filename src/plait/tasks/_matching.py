"""Which cells of two features belong together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, get_args

import keras
import numpy as np
import pyarrow as pa

from plait._drawing import draw_words
from plait._ranges import demand_whole
from plait.errors import ConfigError, DataError, PlaitError
from plait.features import Feature
from plait.heads import Head, PairHead, Pairs
from plait.table import Column, Table, contents
from plait.tasks._labels import Labelled, labelled_rows
from plait.tasks._match_loss import MatchKind, MatchLoss
from plait.tasks._match_scores import Ranks, named
from plait.tasks._scores import checked, clipped_gain
from plait.tasks._task import Targets, Task

_TEMPERATURE: Mapping[str, float] = {"infonce": 0.07, "siglip": 0.1}
_BIAS: Mapping[str, float | None] = {"infonce": None, "siglip": -10.0}
_HELD = pa.struct([("a", pa.int64()), ("b", pa.int64())])


@dataclass(frozen=True)
class Matching(Task):
    """Which cells of two features belong together: each row's two are near, those of others are not.

    Each feature has a vector of length 1, made of its own cell alone, so that either is had without
    the other: `embed` gives them, and `search` finds cells of one feature by those of the other. There
    is no column of labels. A row counts where both features are present, in training and in scores.

    The wrong answers to a row are the other rows of its batch that count: a larger batch is a harder
    question. Rows with the same cell on either side are no wrong answers to each other. Two cells are
    the same if their values are: of pictures the path or the bytes, so that two files with one picture
    in them are two.

    Args:
        a: a feature.
        b: another one.
        rule: "infonce", the right one among all, both ways, as in CLIP; or "siglip", each pair by
            itself, for small batches, or where rows have several right answers.
        width: of the vectors.
        temperature: what cosines are divided by at first; it is learnt. 0.07 if None, and 0.1 for
            "siglip", as in the papers; see `PairHead`.
        weight, auxiliary, fade: see `Task`. What else a task can be given there is nothing for here.

    `decode` gives `""`, the cosine of the row's two vectors, from -1 to 1, float32; null where one of
    the two is absent. It says how well they match beside those of other rows, and is no probability.

    `scores` asks with each row's cell on one side for its other side, among all different cells that
    the scored rows have there, and the other way round. recall@1, recall@5 and recall@10 are how often
    the right one is among the nearest; each is left out where there are no more candidates than that.
    mrr is the mean of 1 / its place, counted from 1, and median_rank the median of the place. They are
    the mean of both ways, and are told for each as well, as "recall@1.A_to_B".

    What is right: every candidate that some scored row has beside the same cell, so that of five
    captions of one picture each is a right answer to it, and the nearest of them counts. Candidates
    with the same content are one, since no answer could tell them apart, and do not fill the places of
    others. Wrong candidates that are as near as the right one stand before and behind it by chance:
    the scores are the mean over the orders, so that vectors that say nothing are at chance. All of it
    depends on how many `candidates` there are each way, so that scores on tables of different size are
    not to be compared; chance_mrr is what mrr would be at chance, and 0 in the gain.

    Raises:
        ConfigError: one feature twice, an argument that cannot be.

    Example:
        Matching("photo", "title")

    References:
        A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
        (2021); X. Zhai, B. Mustafa, A. Kolesnikov, L. Beyer, "Sigmoid Loss for Language Image
        Pre-Training" (2023). Here losses are divided by what they are at chance, so that a task of it
        begins on one footing with others, and rows that are the same are left out.
    """

    main_score: ClassVar[str] = "mrr"
    fused: ClassVar[bool] = False

    a: str
    b: str
    rule: MatchKind = "infonce"
    width: int = 128
    temperature: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_whole("Matching", width=self.width)
        if self.rule not in get_args(MatchKind):
            raise ConfigError(
                "Matching: rule is 'infonce', which is CLIP's, or 'siglip'. "
                f"Received: {self.rule!r}.",
                ("rule",),
            )
        if self.temperature is not None and not 0.01 <= self.temperature < float("inf"):
            raise ConfigError(
                f"Matching: temperature is 0.01 or more. Received: {self.temperature!r}.",
                ("temperature",),
            )
        if self.a == self.b:
            raise ConfigError(
                f"Matching: a and b are two features. Received: '{self.a}' twice.", ("b",)
            )
        for name in ("column", "features", "after", "missing"):
            if getattr(self, name):
                raise ConfigError(
                    f"Matching reads '{self.a}' and '{self.b}', each by itself, and has no column of "
                    f"labels. Leave {name} out.",
                    (name,),
                )

    @property
    def of_features(self) -> tuple[str, ...]:
        return self.a, self.b

    def check_features(self, features: Mapping[str, Feature]) -> None:
        super().check_features(features)
        columns = [features[name].reads(name) for name in self.of_features]
        shared = [column for column in columns[0] if column in columns[1]]
        if shared:
            raise ConfigError(
                f"'{self.a}' and '{self.b}' both read {' + '.join(shared)}, by which each would know "
                "the other. Match features that have no column in common.",
                ("b",),
            )

    def columns(self, name: str) -> tuple[str, ...]:
        return ()

    def beside(self, features: Mapping[str, Feature], table: Table | None = None) -> Self:
        # No field: they are the model's, and no part of what is declared.
        bound = replace(self)
        object.__setattr__(bound, "_features", {name: features[name] for name in self.of_features})
        return bound

    def is_in(self, name: str, table: Table) -> bool:
        return all(feature.is_in(n, table) for n, feature in self._both.items())

    def column_in(self, name: str, table: Table) -> Column:
        cells = {n: feature.cells(n, table) for n, feature in self._both.items()}
        held = [pa.array(contents(column)) for column in cells.values()]
        missing = [cells[n].is_missing(feature.missing) for n, feature in self._both.items()]
        none = pa.array(missing[0] | missing[1])
        pairs = pa.StructArray.from_arrays(held, ["a", "b"], mask=none)
        return Column(" + ".join(cells), pa.chunked_array([pairs]), table.rows, table.name)

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, (), weights)
        where = f"Column '{column.name}' of {column.source}"
        if not len(labelled.rows):
            raise DataError(
                f"{where}: no training row has both, so that nothing matches. Split so that rows with "
                "both train, or leave the task out."
            )
        held = _held(labelled)
        for side, name in enumerate(self.of_features):
            if len(np.unique(held[:, side])) < 2:
                raise DataError(
                    f"{where}: '{name}' is the same in every training row that has both. Matching "
                    "needs rows that differ."
                )
        return self.with_state({})

    def targets(self, column: Column) -> Targets:
        _ = self.learnt  # One that was never fitted says so.
        labelled = labelled_rows(column)
        values = np.zeros((len(column), 2), "int32")
        # A batch is small: half of the bits tell its cells apart.
        values[labelled.rows] = _held(labelled).astype("int32")
        return Targets(values, labelled.flags)

    def head(self) -> Head:
        return PairHead(self.width, self._temperature, _BIAS[self.rule])

    def trivial_logits(self) -> np.ndarray:
        logits = np.zeros((1, 2, self.width + 2), "float32")
        # One vector for everything, and both sides are there.
        logits[..., 0] = logits[..., -2] = 1
        logits[0, :, -1] = 1 / self._temperature, _BIAS[self.rule] or 0
        return logits

    def loss(self) -> keras.losses.Loss:
        return MatchLoss(self.rule)

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        seen = Pairs.of(np.asarray(logits, "float32"))
        cosines = np.clip((seen.a * seen.b).sum(axis=1), -1, 1)
        return {"": pa.array(cosines, pa.float32(), mask=~seen.there)}

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        cosine = self.decode(logits)[""][0].as_py()
        said = "one of the two is absent" if cosine is None else f"cosine {cosine:.3f}"
        draw_words(figure, [" and ".join(self.of_features), said])

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled = labelled_rows(column, (), weights)
        seen = Pairs.of(checked(logits[labelled.rows]))
        # A picture that could not be read is absent, though its cell is none.
        there = np.flatnonzero(seen.there)
        held, weighed = _held(labelled)[there], labelled.weights[there]
        if any(len(np.unique(side)) < 2 for side in held.T):
            return {}
        a, b = seen.a[there], seen.b[there]
        ways = {
            f"{self.a}_to_{self.b}": Ranks.of(a, b, held, weighed),
            f"{self.b}_to_{self.a}": Ranks.of(b, a, held[:, ::-1], weighed),
        }
        return named(ways) if all(ranks.asked for ranks in ways.values()) else {}

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["mrr"], trivial=scores["chance_mrr"])

    @property
    def _temperature(self) -> float:
        return _TEMPERATURE[self.rule] if self.temperature is None else self.temperature

    @property
    def _both(self) -> Mapping[str, Feature]:
        bound: Mapping[str, Feature] | None = getattr(self, "_features", None)
        if bound is None:
            raise PlaitError(
                f"Matching of '{self.a}' and '{self.b}' does not know the two features. Ask "
                "task.beside(features)."
            )
        return bound


def _held(labelled: Labelled) -> np.ndarray:
    """`(labelled, 2)` int64, a number for what each side holds."""
    values = labelled.values.cast(_HELD)
    return np.stack([values.field(side).to_numpy() for side in ("a", "b")], axis=1)
