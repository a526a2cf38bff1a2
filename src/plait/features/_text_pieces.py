"""A text's pieces: its words, and the n-grams of words and of characters."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

# A word, with what an apostrophe joins to it; or one mark.
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_WORD = re.compile(r"\w+(?:['’]\w+)*")
# Words repeat, and their character n-grams with them.
_MOST_WORDS_KEPT = 200_000

Sizes = tuple[int, int]


def plain_text(text: str, lowercase: bool) -> str:
    """One spelling of a text: composed accents, and lower case if asked."""
    text = unicodedata.normalize("NFC", text)
    return text.lower() if lowercase else text


def tokens(text: str) -> list[str]:
    """The words and marks of a plain text, in order."""
    return _TOKEN.findall(text)


@dataclass(frozen=True)
class Grams:
    """Cuts plain texts into n-grams.

    A word n-gram is words joined by a space. A character n-gram stays within what blanks enclose,
    knows where that begins and ends, and is written with a leading #, which no word has: so both
    kinds can be in one vocabulary.

    Attributes:
        words: the smallest and largest number of words in an n-gram, or None for no such n-grams.
        characters: the same of characters.
    """

    words: Sizes | None
    characters: Sizes | None
    _kept: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, text: str) -> list[str]:
        """The n-grams of a plain text, each as often as it occurs."""
        found = self.of_words(text)
        if self.characters is not None:
            for word in text.split():
                found += self._within(word)
        return found

    def of_words(self, text: str) -> list[str]:
        """Those of them that are of words."""
        found: list[str] = []
        if self.words is not None:
            words = _WORD.findall(text)
            low, high = self.words
            for size in range(low, high + 1):
                if size == 1:
                    found += words
                else:
                    found += map(" ".join, zip(*(words[i:] for i in range(size)), strict=False))
        return found

    def _within(self, word: str) -> tuple[str, ...]:
        grams = self._kept.get(word)
        if grams is None:
            grams = tuple(_character_grams(word, self.characters or (1, 1)))
            if len(self._kept) < _MOST_WORDS_KEPT:
                self._kept[word] = grams
        return grams


class KnownGrams:
    """Counts the n-grams of a vocabulary in plain texts.

    Args:
        grams: what texts are cut into.
        ids: of the n-grams of the vocabulary.
    """

    def __init__(self, grams: Grams, ids: Mapping[str, int]) -> None:
        self._grams = grams
        self._ids = ids
        self._size = max(ids.values(), default=0) + 1
        self._kept: dict[str, tuple[int, ...]] = {}

    def rows(self, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How often each known n-gram occurs in each text, sparse.

        Returns:
            rows, ids and counts, each `(entries,)`, by row and then id.
        """
        known: list[int] = []
        ends: list[int] = []
        for text in texts:
            known += self._known(self._grams.of_words(text))
            if self._grams.characters is not None:
                for word in text.split():
                    known += self._within(word, self._grams.characters)
            ends.append(len(known))
        per_row = np.diff(np.array([0, *ends], "int64"))
        keys = np.repeat(np.arange(len(per_row)), per_row) * self._size + np.array(known, "int64")
        keys, counts = np.unique(keys, return_counts=True)
        return keys // self._size, keys % self._size, counts

    def _within(self, word: str, sizes: Sizes) -> tuple[int, ...]:
        known = self._kept.get(word)
        if known is None:
            known = tuple(self._known(_character_grams(word, sizes)))
            if len(self._kept) < _MOST_WORDS_KEPT:
                self._kept[word] = known
        return known

    def _known(self, grams: Iterable[str]) -> list[int]:
        return [i for gram in grams if (i := self._ids.get(gram)) is not None]


def _character_grams(word: str, sizes: Sizes) -> Iterator[str]:
    low, high = sizes
    # One character alone is no more at the edge than elsewhere.
    enclosed = f"<{word}>"
    for size in range(low, high + 1):
        if size == 1:
            yield from (f"#{letter}" for letter in word)
        else:
            for start in range(len(enclosed) - size + 1):
                yield f"#{enclosed[start : start + size]}"
