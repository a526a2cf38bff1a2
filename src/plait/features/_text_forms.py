"""The two forms that a text's array can have: weighted n-grams, and a sequence of tokens."""

import abc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from plait.features._text_pieces import Grams, KnownGrams, tokens

PADDING = 0
UNKNOWN = 1

# Below this, a piece that one row alone holds may still be half of what there is to learn from.
_ENOUGH_TO_DROP_SINGLE = 2_000
_CHUNK = 4096


class TextForm(abc.ABC):
    """How plain texts become an array of one row each.

    Attributes:
        first: the id of the first piece of the vocabulary.
        dtype: of the array.
        channels: the axes of the array behind its length.
    """

    first: ClassVar[int]
    dtype: ClassVar[str]
    channels: ClassVar[tuple[int, ...]]

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.ids = {piece: n + self.first for n, piece in enumerate(state["vocabulary"])}

    @classmethod
    @abc.abstractmethod
    def learn(cls, how: Mapping[str, Any], texts: Sequence[str], most: int) -> dict[str, Any]:
        """The state of this form: `how` itself, the vocabulary of `texts` and what goes with it."""

    @abc.abstractmethod
    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """How long each text's row would be uncut, `(texts,)`."""

    @abc.abstractmethod
    def fill(self, texts: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows `(texts, length, *channels)`, cut and padded, and each one's uncut length."""


class NgramForm(TextForm):
    """Ids and weights of a text's n-grams, the heaviest first, then the most common.

    A weight is 1 + log of the count in the text, and a row's weights are brought to length 1 before
    it is cut. There is no idf in it. Rare n-grams have large idf, which a linear model needs to give
    them a say; an optimizer like Adam takes steps of one size for rare and common n-grams alike,
    and learns the rare ones by heart where they weigh more on top of that.
    """

    first = PADDING + 1
    dtype = "float32"
    channels = (2,)

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self._known = KnownGrams(_grams(state), self.ids)

    @classmethod
    def learn(cls, how: Mapping[str, Any], texts: Sequence[str], most: int) -> dict[str, Any]:
        grams = _grams(how)
        rows = _rows_with(grams.of(text) for text in texts)
        return {**how, "vocabulary": _most_common(rows, len(texts), most)}

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        sizes = np.zeros(len(texts), "int64")
        for start, chunk in _chunks(texts):
            rows, _, _ = self._known.rows(chunk)
            sizes[start : start + len(chunk)] = np.bincount(rows, minlength=len(chunk))
        return sizes

    def fill(self, texts: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.zeros((len(texts), length, 2), self.dtype)
        sizes = np.zeros(len(texts), "int64")
        for start, chunk in _chunks(texts):
            rows, ids, counts = self._known.rows(chunk)
            weights = 1 + np.log(counts, dtype="float32")
            squares = np.bincount(rows, weights.astype("float64") ** 2, minlength=len(chunk))
            weights /= np.sqrt(squares).astype("float32")[rows]
            # By row and id they are already; within a row more often is heavier.
            order = np.argsort(rows * (counts.max(initial=0) + 1) - counts, kind="stable")
            size = np.bincount(rows, minlength=len(chunk))
            place = np.arange(len(rows)) - np.repeat(np.cumsum(size) - size, size)
            keep = place < length
            rows, order, place = rows[keep], order[keep], place[keep]
            values[start + rows, place, 0] = ids[order]
            values[start + rows, place, 1] = weights[order]
            sizes[start : start + len(chunk)] = size
        return values, sizes


class TokenForm(TextForm):
    """Ids of a text's words and marks, or of its characters, in order."""

    first = UNKNOWN + 1
    dtype = "int32"
    channels = ()

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self._cut = _cutter(state)

    @classmethod
    def learn(cls, how: Mapping[str, Any], texts: Sequence[str], most: int) -> dict[str, Any]:
        cut = _cutter(how)
        rows = _rows_with(map(cut, texts))
        return {**how, "vocabulary": _most_common(rows, len(texts), most)}

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(self._cut(text)) for text in texts], "int64")

    def fill(self, texts: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.zeros((len(texts), length), self.dtype)
        sizes = np.zeros(len(texts), "int64")
        for row, text in enumerate(texts):
            pieces = self._cut(text)
            sizes[row] = len(pieces)
            ids = [self.ids.get(piece, UNKNOWN) for piece in pieces[:length]]
            values[row, : len(ids)] = ids
        return values, sizes


FORMS: dict[str, type[TextForm]] = {"ngrams": NgramForm, "tokens": TokenForm}


def _grams(state: Mapping[str, Any]) -> Grams:
    words, characters = state["words"], state["characters"]
    return Grams(words and tuple(words), characters and tuple(characters))


def _cutter(state: Mapping[str, Any]) -> Any:
    return tokens if state["unit"] == "words" else list


def _rows_with(texts: Iterable[Iterable[str]]) -> Counter[str]:
    """How many texts hold each piece."""
    rows: Counter[str] = Counter()
    for pieces in texts:
        rows.update(set(pieces))
    return rows


def _most_common(rows: Counter[str], texts: int, most: int) -> list[str]:
    least = 2 if texts >= _ENOUGH_TO_DROP_SINGLE else 1
    often = [piece for piece, count in rows.items() if count >= least]
    # Where every piece is single, leaving them all out would leave nothing.
    often = often or list(rows)
    often.sort(key=lambda piece: (-rows[piece], piece))
    return often[:most]


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Parts of the texts, each with where it starts."""
    for start in range(0, len(texts), _CHUNK):
        yield start, texts[start : start + _CHUNK]
