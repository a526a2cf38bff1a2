"""A tag for each token of a text."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, cast

import keras
import numpy as np
import pyarrow as pa

from plait._drawing import draw_tags, draw_words
from plait.encoders import TextBag, TextWords
from plait.errors import ConfigError, DataError
from plait.features import Feature, Text
from plait.heads import Head, TagHead
from plait.table import Column
from plait.tasks import _metrics as metrics
from plait.tasks._chain import unpacked, viterbi
from plait.tasks._dense_task import DenseTask
from plait.tasks._labels import (
    class_indices,
    count_classes,
    demand_labels,
    labelled_rows,
    positions,
)
from plait.tasks._scores import checked, clipped_gain
from plait.tasks._spans import OUTSIDE, Spans, are_spans, no_spans, span_scores
from plait.tasks._tag_cells import Starts, TagCells, tag_cells
from plait.tasks._tag_losses import NO_TAG, ChainLogLoss, TokenLogLoss
from plait.tasks._task import Targets

# Numbers that the search for the best paths holds at once.
_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class Tagging(DenseTask):
    """A tag for each token of a text: words' kinds, or spans written as `B-x`, `I-x` and `O`.

    A cell is a list of tags, or a string of tags with blanks between them: one for each token of the
    text, which are what stands between blanks, or the elements of a list. An empty element is a token
    without a tag. A text that names no encoder is given `TextWords` by it; where the encoder cuts
    tokens into pieces, a token's tag is that of its first one.

    A row whose text is missing has no tokens, and its tags count as missing.

    Args:
        of: the name of the text.
        crf: whether tags depend on their neighbours: a linear-chain conditional random field, whose
            best path is the answer. Otherwise each token is answered on its own.
        on_unseen: what a tag becomes that no training row has: an error, or a token without a tag.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the list of tags; null where the text is missing. A token that `max_tokens` of
    the text has cut off is answered with `O` if tags are spans, and else with null.

    `scores` gives token_accuracy, row_accuracy (all tokens of the row right), and where tags are spans
    span_f1, span_precision and span_recall by the rule of CoNLL's `conlleval`. Tokens that were cut off
    count like all others.

    Raises:
        ConfigError: an argument that cannot be; a feature that is no text, or is read as a whole.

    Example:
        Tagging(of="text", crf=True)
    """

    parts: ClassVar[Literal["maps", "tokens"]] = "tokens"
    modalities: ClassVar[tuple[str, ...]] = ("text",)

    crf: bool = False
    on_unseen: Literal["raise", "missing"] = "raise"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.on_unseen not in ("raise", "missing"):
            raise ConfigError(
                f"Tagging: on_unseen is 'raise' or 'missing'. Received: {self.on_unseen!r}"
            )

    @property
    def main_score(self) -> str:  # type: ignore[override]
        """Of spans or of tokens, which the training tags say."""
        return "span_f1" if self.learnt["spans"] else "token_accuracy"

    def feature_for(self, feature: Feature, width: int) -> Feature:
        if isinstance(feature, Text) and feature.encoder is None:
            return replace(feature, encoder=TextWords(width))
        return feature

    def check_features(self, features: Mapping[str, Feature]) -> None:
        super().check_features(features)
        if getattr(features[self.of].encoder, "reads", None) == TextBag.reads:
            raise ConfigError(
                f"the text '{self.of}' is read as a whole, so that no token can be given a tag. Let "
                "Tagging be of a second feature of its column, Text(column=..., encoder=TextWords()), "
                "or leave the encoder out."
            )

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        cells = self._cells(column, weights)
        demand_labels(cells.labelled)
        rows, w = cells.rows[cells.tagged], cells.labelled.weights
        tags, totals = count_classes(cells.values, w[rows])
        if len(tags) < 2:
            every = f"is {tags[0]!r}" if tags else "is empty"
            raise DataError(
                f"Column '{column.name}' of {column.source}: every tag of the training rows {every}. "
                "Tagging needs two tags or more to tell apart."
            )
        if odd := no_spans(tags):
            warnings.warn(
                f"{column.name}: some tags begin spans (B-x), but {', '.join(map(repr, odd[:5]))} "
                f"{'are' if len(odd) > 1 else 'is'} neither B-x, I-x nor {OUTSIDE}. So each token is "
                "scored by itself, and no spans are found.",
                stacklevel=2,
            )
        shares, places = totals / totals.sum(), self.feature.spec.shape[0]
        # What is cut off has no loss.
        read = (cells.starts[cells.tagged] >= 0) & (cells.starts[cells.tagged] < places)
        found, rows = positions(cells.values, pa.array(tags))[read], rows[read]
        labelled = np.bincount(rows, minlength=len(w)) > 0
        costs = -np.log(shares)[found] * w[rows]
        return self.with_state(
            {
                "tags": tags,
                "shares": shares.tolist(),
                "entropy": float(costs.sum() / w[rows].sum()),
                "tokens": float(w[rows].sum() / w[labelled].sum()),
                "links": self._links(found, rows, w, shares),
                "spans": are_spans(tags),
                "places": places,
            }
        )

    def targets(self, column: Column) -> Targets:
        cells = self._cells(column)
        tags, unseen = self._tags(cells)
        valid = (tags >= 0) & self._read(cells.starts)
        rows = cells.labelled.rows[cells.rows[valid]]
        labelled = np.zeros(len(column), bool)
        labelled[rows] = True
        values = np.zeros((len(column), self.learnt["places"]), "int32")
        values[labelled] = NO_TAG
        values[rows, cells.starts[valid]] = tags[valid]
        return Targets(values, labelled, unseen)

    def head(self) -> Head:
        state = self.learnt
        prior = tuple(np.log(state["shares"]).tolist())
        links = state["links"]
        return TagHead(len(prior), state["places"], self.crf, prior=prior, links=links)

    def trivial_logits(self) -> np.ndarray:
        shares, places = self.learnt["shares"], self.learnt["places"]
        logits = np.tile(np.log(shares), (1, places, 1)).astype("float32")
        below = (0, len(shares) + 2 if self.crf else 0)
        return np.pad(logits, ((0, 0), below, (0, 0)))

    def loss(self) -> keras.losses.Loss:
        state = self.learnt
        return (ChainLogLoss if self.crf else TokenLogLoss)(state["entropy"], state["tokens"])

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        if self.cells is None:
            starts: Starts = [np.arange(self.learnt["places"])] * len(logits)
        else:
            starts = self._starts(self.cells)
        begins = [np.zeros(0, "int64") if some is None else some for some in starts]
        sizes = np.array([len(some) for some in begins], "int64")
        rows = np.repeat(np.arange(len(sizes)), sizes)
        answers = self._answers(logits, rows, np.concatenate([np.zeros(0, "int64"), *begins]))
        tags = pa.array(self.learnt["tags"]).take(pa.array(answers, mask=answers < 0))
        ends = np.concatenate([[0], np.cumsum(sizes)]).astype("int32")
        absent = pa.array([some is None for some in starts], pa.bool_())
        return {"": pa.ListArray.from_arrays(pa.array(ends), tags, mask=absent)}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        cells = self._cells(column, weights)
        truth, _ = self._tags(cells)
        tagged, rows = truth >= 0, cells.rows
        if not tagged.any():
            return {}
        w = cells.labelled.weights
        z = checked(logits[cells.labelled.rows])
        answers = self._answers(z, rows, cells.starts)
        right = truth == answers
        whole = np.bincount(rows[tagged & ~right], minlength=len(w)) == 0
        there = np.bincount(rows[tagged], minlength=len(w)) > 0
        found = {
            "token_accuracy": metrics.accuracy_score(
                truth[tagged], answers[tagged], sample_weight=w[rows[tagged]]
            ),
            "row_accuracy": np.average(whole[there], weights=w[there]),
        }
        if self.learnt["spans"]:
            spans = Spans(self.learnt["tags"])
            # What a token without a tag is answered with can be no mistake.
            answered = spans.of(np.where(tagged, answers, NO_TAG), rows)
            found |= span_scores(spans.of(truth, rows), answered, w)
        return {name: float(value) for name, value in found.items()}

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        tags = self.decode(logits)[""][0].as_py()
        if tags is None or self.cells is None:
            draw_words(figure, ["no text"])
            return
        labels: list[str | None] | None = None
        if column is not None:
            cells = self._cells(column)
            if len(cells.tagged):
                found = iter(cells.values.to_pylist())
                labels = [str(next(found)) if tagged else None for tagged in cells.tagged]
        said = [None if tag is None else str(tag) for tag in tags]
        (tokens,) = cast(Text, self.feature).own_tokens(self.cells.take(np.arange(1)))
        draw_tags(figure, tokens, said, labels)

    def gain(self, scores: Mapping[str, float]) -> float:
        if "span_f1" in scores:
            return clipped_gain(scores["span_f1"], trivial=0.0)
        return clipped_gain(scores["token_accuracy"], trivial=max(self.learnt["shares"]))

    def _links(
        self, tags: np.ndarray, rows: np.ndarray, weights: np.ndarray, shares: np.ndarray
    ) -> list[list[float]] | None:
        """What the chain starts as: log p(next | tag) - log p(next), and the same of the two ends.

        With the logarithms of the shares as logits that is the Markov chain of the training tags. What
        follows a tag is counted with one more case of it, that is spread as the shares are.
        """
        if not self.crf:
            return None
        size, begins = len(shares), np.diff(rows, prepend=-1) > 0
        ends = np.append(begins[1:], True)
        before = np.where(begins, size, np.roll(tags, 1))
        counts = np.zeros((size + 2, size))
        np.add.at(counts, (before, tags), weights[rows])
        np.add.at(counts, (size + 1, tags[ends]), weights[rows[ends]])
        smoothed = (counts + shares) / (counts.sum(axis=1, keepdims=True) + 1)
        links: list[list[float]] = np.log(smoothed / shares).tolist()
        return links

    def _cells(self, column: Column, weights: np.ndarray | None = None) -> TagCells:
        """The labelled rows' tokens and tags."""
        labelled = labelled_rows(column, self.missing, weights)
        if self.cells is None:
            starts: Starts = [None] * len(labelled.rows)
        else:
            starts = self._starts(self.cells.take(labelled.rows))
        return tag_cells(labelled, starts, self.of, self.missing)

    def _starts(self, cells: Column) -> Starts:
        return cast(Text, self.feature).token_starts(cells)

    def _tags(self, cells: TagCells) -> tuple[np.ndarray, int]:
        """Each token's tag, `NO_TAG` for none, and how many tags no training row has."""
        tags = self.learnt["tags"]
        if self.on_unseen == "missing" or not len(cells.values):
            known = positions(cells.values, pa.array(tags))
        else:
            parents = cells.rows[cells.tagged]
            way_out = 'on_unseen="missing"'
            known = class_indices(
                cells.labelled, cells.values, tags, "Tagging", parents, way_out=way_out
            )
        found = np.full(len(cells.tagged), NO_TAG)
        found[cells.tagged] = known
        return found, int((known < 0).sum())

    def _read(self, starts: np.ndarray) -> np.ndarray:
        """Which tokens the model has read."""
        read: np.ndarray = (starts >= 0) & (starts < self.learnt["places"])
        return read

    def _answers(self, logits: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Each token's tag as a number; that of a token which the model has not read is `O`, or -1.

        Args:
            logits: `(rows, ...)`.
            rows: `(tokens,)`, the row of each token.
            starts: `(tokens,)`, where it begins.
        """
        tags, read = self.learnt["tags"], self._read(starts)
        outside = tags.index(OUTSIDE) if self.learnt["spans"] and OUTSIDE in tags else NO_TAG
        answers = np.full(len(rows), outside)
        answers[read] = self._path(logits, rows[read], starts[read])
        return answers

    def _path(self, logits: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """The answers at some places."""
        if not self.crf:
            return logits[rows, starts].argmax(axis=-1)
        mask = np.zeros((len(logits), self.learnt["places"]), bool)
        mask[rows, starts] = True
        some = max(1, _AT_ONCE // len(self.learnt["tags"]) ** 2)
        parts = [slice(start, start + some) for start in range(0, len(logits), some)]
        found = [viterbi(*unpacked(logits[part]), mask[part], ops=np) for part in parts]
        return np.concatenate([np.zeros((0, mask.shape[1]), "int64"), *found])[rows, starts]
