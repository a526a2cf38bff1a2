"""The forms that a text's array can have: weighted n-grams, and sequences of tokens or of words."""

import abc
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from plait._token_ids import PADDING, UNKNOWN, hidden_ids
from plait.errors import PlaitError
from plait.features._hidden_tokens import hidden_grams
from plait.features._subwords import Subwords, learn_subwords
from plait.features._text_cells import Cell, text_of, words_of
from plait.features._text_pieces import Grams, KnownGrams, plain_text, tokens

# Below this, a piece that one row alone holds may still be half of what there is to learn from.
_ENOUGH_TO_DROP_SINGLE = 2_000
_CHUNK = 4096
# Characters of a word; of longer ones the middle is left out, which says least about it.
_MOST_CHARACTERS = 24
_MOST_WORDS_KEPT = 200_000
_CHARACTERS_STEP = 4


class TextForm(abc.ABC):
    """How plain texts become an array of one row each.

    Attributes:
        first: the id of the first piece of the vocabulary.
        dtype: of the array.
    """

    first: ClassVar[int]
    dtype: ClassVar[str]

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.lowercase = state["lowercase"]
        self.ids = {piece: n + self.first for n, piece in enumerate(state["vocabulary"])}

    @staticmethod
    def plain(cells: Iterable[Cell], lowercase: bool) -> list[Any]:
        """Each cell as `learn`, `lengths` and `fill` take it: one text in one spelling."""
        return [plain_text(text_of(cell), lowercase) for cell in cells]

    @classmethod
    @abc.abstractmethod
    def learn(cls, how: Mapping[str, Any], texts: Sequence[Any], most: int) -> dict[str, Any]:
        """The state of this form: `how` itself, the vocabulary of `texts` and what goes with it."""

    @staticmethod
    @abc.abstractmethod
    def channels(state: Mapping[str, Any]) -> tuple[int, ...]:
        """The axes of the array behind its length."""

    @abc.abstractmethod
    def lengths(self, texts: Sequence[Any]) -> np.ndarray:
        """How long each text's row would be uncut, `(texts,)`."""

    @abc.abstractmethod
    def fill(self, texts: Sequence[Any], length: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows `(texts, length, *channels)`, cut and padded, and each one's uncut length."""

    @staticmethod
    @abc.abstractmethod
    def hidden(values: Any, hidden: Any) -> Any:
        """Rows `(batch, length, *channels)` without the tokens that are `hidden`, in `keras.ops`.

        Args:
            values: as `fill` gives them.
            hidden: `(batch, length)` bool; what is padding stays.
        """

    @abc.abstractmethod
    def starts(self, cell: Cell) -> np.ndarray:
        """Where each of the cell's own tokens begins in its row uncut; -1 for one without a piece.

        Raises:
            PlaitError: the form has no order.
        """


class NgramForm(TextForm):
    """Ids and weights of a text's n-grams, the heaviest first, then the most common.

    A weight is 1 + log of the count in the text, and a row's weights are brought to length 1 before
    it is cut. There is no idf in it. Rare n-grams have large idf, which a linear model needs to give
    them a say; an optimizer like Adam takes steps of one size for rare and common n-grams alike,
    and learns the rare ones by heart where they weigh more on top of that.
    """

    first = PADDING + 1
    dtype = "float32"
    hidden = staticmethod(hidden_grams)

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self._known = KnownGrams(_grams(state), self.ids)

    @staticmethod
    def channels(state: Mapping[str, Any]) -> tuple[int, ...]:
        return (2,)

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

    def starts(self, cell: Cell) -> np.ndarray:
        raise PlaitError(
            "This Text is read as n-grams, which stand in no order. Give it an encoder that reads its "
            "tokens, such as TextWords()."
        )


class TokenForm(TextForm):
    """Ids of a text's words and marks, of pieces of them, or of its characters, in order."""

    first = UNKNOWN + 1
    dtype = "int32"
    hidden = staticmethod(hidden_ids)

    @staticmethod
    def channels(state: Mapping[str, Any]) -> tuple[int, ...]:
        return ()

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self._cut = _cutter(state)

    @classmethod
    def learn(cls, how: Mapping[str, Any], texts: Sequence[str], most: int) -> dict[str, Any]:
        if how["unit"] == "subwords":
            return {**how, **learn_subwords(texts, how["subwords"])}
        rows = _rows_with(map(_cutter(how), texts))
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

    def starts(self, cell: Cell) -> np.ndarray:
        words = self.plain(words_of(cell), self.lowercase)
        sizes = np.array([len(self._cut(word)) for word in words], "int64")
        if self._cut is not list:
            begins = np.cumsum(sizes) - sizes
        else:  # Blanks are characters, too.
            (text,), begins, at = self.plain([cell], self.lowercase), sizes.copy(), 0
            for n, word in enumerate(words):
                begins[n] = text.index(word, at)
                at = begins[n] + len(word)
        return np.where(sizes > 0, begins, -1)


class WordForm(TextForm):
    """A text's own tokens in order: the id of each, then those of its characters.

    Whether words that differ in case have one id or not, characters keep theirs.
    """

    first = UNKNOWN + 1
    dtype = "int32"
    hidden = staticmethod(hidden_ids)

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self._characters = {letter: n + self.first for n, letter in enumerate(state["alphabet"])}
        self._most = state["characters"]
        self._kept: dict[str, np.ndarray] = {}

    @staticmethod
    def plain(cells: Iterable[Cell], lowercase: bool) -> list[Any]:
        """Each cell's tokens, in one spelling but for their case."""
        return [[plain_text(word, False) for word in words_of(cell)] for cell in cells]

    @staticmethod
    def channels(state: Mapping[str, Any]) -> tuple[int, ...]:
        return (1 + state["characters"],)

    @classmethod
    def learn(cls, how: Mapping[str, Any], texts: Sequence[Any], most: int) -> dict[str, Any]:
        spelled = (map(str.lower, words) if how["lowercase"] else words for words in texts)
        rows, letters = _rows_with(spelled), _rows_with("".join(words) for words in texts)
        long = np.quantile([len(word) for words in texts for word in words] or [1], 0.99)
        characters = _CHARACTERS_STEP * max(1, math.ceil(long / _CHARACTERS_STEP))
        return {
            **how,
            "vocabulary": _most_common(rows, len(texts), most),
            "alphabet": _most_common(letters, len(texts), most),
            "characters": min(characters, _MOST_CHARACTERS),
        }

    def lengths(self, texts: Sequence[Any]) -> np.ndarray:
        return np.array([len(words) for words in texts], "int64")

    def fill(self, texts: Sequence[Any], length: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.zeros((len(texts), length, 1 + self._most), self.dtype)
        for row, words in enumerate(texts):
            for place, word in enumerate(words[:length]):
                values[row, place] = self._spelled(word)
        return values, self.lengths(texts)

    def starts(self, cell: Cell) -> np.ndarray:
        return np.arange(len(words_of(cell)))

    def _spelled(self, word: str) -> np.ndarray:
        """The word's id and those of its characters, padded; of a long one both ends."""
        ids = self._kept.get(word)
        if ids is None:
            half = self._most // 2
            both = word if len(word) <= self._most else word[:half] + word[half - self._most :]
            known = self.ids.get(word.lower() if self.lowercase else word, UNKNOWN)
            ids = np.zeros(1 + self._most, self.dtype)
            ids[: 1 + len(both)] = [known, *(self._characters.get(c, UNKNOWN) for c in both)]
            if len(self._kept) < _MOST_WORDS_KEPT:
                self._kept[word] = ids
        return ids


FORMS: dict[str, type[TextForm]] = {"ngrams": NgramForm, "tokens": TokenForm, "words": WordForm}


def _grams(state: Mapping[str, Any]) -> Grams:
    words, characters = state["words"], state["characters"]
    return Grams(words and tuple(words), characters and tuple(characters))


def _cutter(state: Mapping[str, Any]) -> Any:
    if state["unit"] == "subwords":
        return Subwords(state["vocabulary"], state["merges"])
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
