"""Byte-pair pieces of words (Sennrich, Haddow and Birch, 2016), by Hugging Face's tokenizers."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from plait.features._text_pieces import tokens

_BEGINS = "▁"
"""Stands before a word, so that its first piece is another than the same letters within one."""
_NEW = "<new>"
"""A character that is none of the pieces. No piece is written so: words hold no such marks."""
_MOST_WORDS_KEPT = 200_000


def learn_subwords(texts: Sequence[str], most: int) -> dict[str, Any]:
    """The pieces of plain texts: `vocabulary`, and `merges`, in which order they are put together.

    Args:
        texts: the training rows'.
        most: how many pieces there are at most; characters have half of the places at most, the most
            frequent ones.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import BpeTrainer

    parted = [tokens(text) for text in texts]
    letters = Counter(letter for words in parted for word in words for letter in word)
    if not letters:
        return {"vocabulary": [], "merges": []}
    often = sorted(letters, key=lambda letter: (-letters[letter], letter))
    kept = [_BEGINS, *(letter for letter in often if letter != _BEGINS)][: max(1, most // 2)]
    learnt = Tokenizer(BPE(unk_token=_NEW))
    # Words by blanks, with a mark before each, and an alphabet of our own: what the library has for
    # a word's end, and for characters that are equally frequent, differs from process to process.
    learnt.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(
        vocab_size=most + 1,
        min_frequency=2,
        initial_alphabet=kept,
        limit_alphabet=len(kept),
        special_tokens=[_NEW],
        show_progress=False,
    )
    marked = (" ".join(_BEGINS + word for word in words) for words in parted)
    learnt.train_from_iterator(marked, trainer)
    model = json.loads(learnt.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return {
        "vocabulary": [piece for piece in pieces if piece != _NEW],
        "merges": [list(pair) for pair in model["merges"]],
    }


class Subwords:
    """Cuts plain texts into pieces: first into words and marks, then each by the merges learnt.

    A character that is no piece is one piece of its own, which no vocabulary holds.

    Args:
        vocabulary: as `learn_subwords` gives it.
        merges: likewise.
    """

    def __init__(self, vocabulary: Sequence[str], merges: Sequence[Sequence[str]]) -> None:
        from tokenizers.models import BPE

        ids = {piece: n for n, piece in enumerate([_NEW, *vocabulary])}
        self._model = BPE(ids, [(left, right) for left, right in merges], unk_token=_NEW)
        self._kept: dict[str, list[str]] = {}

    def __call__(self, text: str) -> list[str]:
        """The pieces of a plain text, in order."""
        return [piece for word in tokens(text) for piece in self._of(word)]

    def _of(self, word: str) -> list[str]:
        pieces = self._kept.get(word)
        if pieces is None:
            pieces = [piece.value for piece in self._model.tokenize(_BEGINS + word)]
            if len(self._kept) < _MOST_WORDS_KEPT:
                self._kept[word] = pieces
        return pieces
