"""A text."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import keras
import numpy as np

from plait._ranges import demand_share, demand_whole
from plait.encoders import Encoder, TextBag
from plait.errors import ConfigError, DataError
from plait.features._cells import empty_column, plain
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.features._hidden_tokens import drawn_tokens
from plait.features._text_cells import Cell, read_cells, words_of
from plait.features._text_forms import FORMS
from plait.features._text_pieces import Sizes
from plait.table import Column

# An even pick of the rows: more of them would add time, and few n-grams to the most frequent ones.
_MOST_ROWS_READ = 50_000
# The share of texts with a blank in them from which a column holds natural text.
_NATURAL = 0.5
# Words in a text; fewer leave much to be learnt from parts of words.
_SHORT = 20
_WORDS = (1, 2)
_WITHIN_WORDS = (3, 5)
_WHOLE = (1, 5)
_LARGEST = 10
_LEAST_SUBWORDS = 16
_STEP = 16


@dataclass(frozen=True, kw_only=True)
class Text(Feature):
    """A text, as weighted n-grams or as a sequence of tokens, whichever its encoder reads.

    A cell is a text, or a list of its tokens.

    For an encoder that reads n-grams (`TextBag`), a row is its known n-grams, the heaviest first,
    each with a weight that grows with how often the row holds it. For one that reads tokens
    (`TextRNN`, `TextTransformer`), a row is ids in order. For one that reads words (`TextWords`), a row
    is the cell's own tokens in order, what stands between blanks or in its list, each an id and those
    of its characters.

    Where the training rows hold natural text, tokens are words and marks, and n-grams are of one
    and two words, beside n-grams of three to five characters within words if the texts are short. Where
    most cells are one word without a blank (codes, formulas, languages written without blanks), the
    pieces are characters, and case is kept. With `subwords`, tokens are pieces of words, so that a word
    that no training row has is read by its parts.

    An empty cell is absent. A text of which nothing is known is there, with length 0.

    Args:
        lowercase: whether case is ignored; if None, in natural text only. The characters of a word
            keep it.
        words: the smallest and largest number of words in an n-gram.
        characters: the same of characters. If one of `words` and `characters` is given, there are
            no n-grams of the other; if none is, they follow from the training rows.
        subwords: how many byte-pair pieces are known at most, which take the place of words and marks
            for an encoder that reads tokens; None for none. Single characters are at most half of them.
        max_vocabulary: how many n-grams, tokens or words are known, those that most training rows hold;
            of pieces `subwords` says it.
        max_tokens: the most n-grams or tokens of one row; the rest is cut: the lightest n-grams,
            the rarer ones among equals, or the last tokens. If the training rows' 99th percentile
            is lower, that is the limit.
        token_dropout: in training each token of a row is hidden with this probability, anew in each
            epoch: its id becomes that of an unknown one, and so do those of its characters, or an
            n-gram leaves the row. The row keeps its length, and what is asked of a token its place.
        column, missing, encoder, tied, on_error: see `Feature`.

    Example:
        Text(words=(1, 3))
    """

    modality: ClassVar[str] = "text"

    lowercase: bool | None = None
    words: Sizes | None = None
    characters: Sizes | None = None
    subwords: int | None = None
    max_vocabulary: int = 50_000
    max_tokens: int = 512
    token_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("max_vocabulary", 2**24 - 2), ("max_tokens", 2**16)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise ConfigError(f"Text: {name} is from 1 to {most}. Received: {value!r}.")
        for name in ("words", "characters"):
            _check_sizes(name, getattr(self, name))
        demand_share("Text", token_dropout=self.token_dropout)
        reads = self._reads()
        if self.subwords is not None:
            demand_whole("Text", least=_LEAST_SUBWORDS, most=2**24 - 2, subwords=self.subwords)
            self._check_subwords(reads)

    def fit(self, column: Column) -> Self:
        there = np.flatnonzero(~plain(column).is_missing(self.missing))
        if not len(there):
            raise empty_column(column)
        texts = len(there)
        if texts > _MOST_ROWS_READ:
            there = there[np.linspace(0, texts - 1, _MOST_ROWS_READ).astype("int64")]
        cells, _ = read_cells(column.take(there), self.missing)
        how = self._how(cells)
        form = FORMS[how["reads"]]
        read = form.plain(cells, how["lowercase"])
        state = form.learn(how, read, self.max_vocabulary)
        if not state["vocabulary"]:
            other = "" if self.subwords else ", or declare Text(characters=(1, 3))"
            raise DataError(
                f"column '{column.name}' of {column.source}: none of the pieces that this Text is "
                f"made of is in any training row. Leave the column out of the features{other}."
            )
        longest = float(np.quantile(form(state).lengths(read), 0.99))
        length = _STEP * max(1, math.ceil(longest / _STEP))
        learnt = {"length": min(length, self.max_tokens), "texts": texts}
        return replace(self, state={**state, **learnt})

    @property
    def spec(self) -> ArraySpec:
        form = FORMS[self.learnt["reads"]]
        shape = (self.learnt["length"], *form.channels(self.learnt))
        return ArraySpec(shape, form.dtype, lengths=True)

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`vocabulary`: how many ids there are, padding and, among tokens, "unknown" included.

        `texts`: how many training rows have one. `characters`: how many ids those of words have.
        """
        first = FORMS[self.learnt["reads"]].first
        given = {
            "vocabulary": len(self.learnt["vocabulary"]) + first,
            "texts": self.learnt.get("texts"),
        }
        if "alphabet" in self.learnt:
            given["characters"] = len(self.learnt["alphabet"]) + first
        return given

    def encode(self, column: Column) -> Encoded:
        cells, present = self._cells(column)
        length = self.learnt["length"]
        read = self._form.plain(cells, self.learnt["lowercase"])
        values, sizes = self._form.fill(read, length)
        lengths = np.minimum(sizes, length).astype("int32")
        return Encoded(values, present, lengths, cut=sizes > length)

    def token_starts(self, column: Column) -> list[np.ndarray | None]:
        """Where each row's own tokens begin among the pieces that the encoder reads.

        A row's own tokens are what stands between blanks, or the elements of a list; the encoder may
        read more pieces than that, and of a long row fewer.

        Returns:
            For each row a place for each of its tokens, -1 for one without a piece; None for an empty
            cell.

        Raises:
            PlaitError: the encoder reads n-grams, which stand in no order.
        """
        cells, present = self._cells(column)
        there = zip(cells, present.tolist(), strict=True)
        return [self._form.starts(cell) if is_there else None for cell, is_there in there]

    def own_tokens(self, column: Column) -> list[list[str]]:
        """Each row's own tokens, as `token_starts` counts them; none where the cell is empty."""
        cells, _ = self._cells(column)
        return [words_of(cell) for cell in cells]

    @property
    def varies(self) -> bool:
        return self.token_dropout > 0

    def varied(self, values: Any, row_key: Any, name: str) -> Any:
        hidden = drawn_tokens(row_key, name, values.shape[1], self.token_dropout)
        return FORMS[self.learnt["reads"]].hidden(values, hidden)

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return TextBag(width)

    def _cells(self, column: Column) -> tuple[list[Cell], np.ndarray]:
        """Each cell, an empty text where it is missing, and which are there."""
        cells, present = read_cells(column, self.missing)
        there = zip(cells, present.tolist(), strict=True)
        return [cell if is_there else "" for cell, is_there in there], present

    @cached_property
    def _form(self) -> Any:
        """What cuts texts up, with its tables made once."""
        return FORMS[self.learnt["reads"]](self.learnt)

    def _reads(self) -> str:
        encoder = TextBag if self.encoder is None else self.encoder
        reads = getattr(encoder, "reads", None)
        if reads not in FORMS:
            raise ConfigError(
                f"Text: {type(encoder).__name__} is no encoder of texts: its class has to say "
                f"whether it reads {' or '.join(map(repr, FORMS))}. Received: reads={reads!r}. Use "
                "TextBag, TextRNN, TextTransformer or TextWords, or give your class that attribute."
            )
        return reads

    def _check_subwords(self, reads: str) -> None:
        if reads != "tokens":
            raise ConfigError(
                f"Text: subwords are read by an encoder of tokens, such as TextTransformer, and "
                f"{type(self.encoder or TextBag(1)).__name__} reads {reads}. Leave subwords out, or "
                "choose another encoder.",
                ("subwords",),
            )
        if self.words is not None or self.characters is not None:
            raise ConfigError(
                "Text: with subwords the pieces are those that are learnt. Leave `words` and "
                "`characters` out.",
                ("subwords",),
            )

    def _how(self, cells: list[Cell]) -> dict[str, Any]:
        """What the texts are cut into."""
        blanks = [len(words_of(cell)) for cell in cells]
        natural = float(np.mean(np.array(blanks) > 1)) >= _NATURAL
        words, characters = self.words, self.characters
        if words is None and characters is None:
            words = _WORDS if natural else None
            short = float(np.median(blanks)) < _SHORT
            characters = (_WITHIN_WORDS if short else None) if natural else _WHOLE
        lowercase = natural if self.lowercase is None else self.lowercase
        how = {"reads": self._reads(), "lowercase": lowercase}
        if self.subwords is not None:
            return {**how, "unit": "subwords", "subwords": self.subwords}
        if how["reads"] == "tokens":
            return {**how, "unit": "characters" if words is None else "words"}
        if how["reads"] == "words":
            return how
        return {**how, "words": words, "characters": characters}


def _check_sizes(name: str, sizes: Sizes | None) -> None:
    if sizes is None:
        return
    if len(sizes) != 2 or not 1 <= sizes[0] <= sizes[1] <= _LARGEST:
        raise ConfigError(
            f"Text: {name} is a smallest and a largest size, as (1, 2), both from 1 to {_LARGEST}. "
            f"Received: {sizes!r}."
        )
