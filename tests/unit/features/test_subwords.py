"""Byte-pair pieces of words, and how they lie beside a text's own tokens."""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

from plait.encoders import TextBag, TextRNN, TextTransformer, TextWords
from plait.errors import ConfigError, DataError
from plait.features import Text
from plait.features._subwords import Subwords, learn_subwords
from plait.table import Table

TEXTS = ["low low lower", "newest newest lowest", "wide wider", "low new", None]


def column(cells):
    return Table.read({"c": cells}, name="train.csv").column("c")


def fitted(cells, **arguments) -> Text:
    return Text(encoder=TextRNN(8), **arguments).fit(column(cells))


def pieces_of(feature: Text, ids: np.ndarray) -> list[str]:
    names = ["", "?", *feature.state["vocabulary"]]
    return [names[i] for i in ids if i]


def test_merges_are_those_of_the_paper():
    # By hand: b and c stand together 5 times; then a before bc, and a word's beginning before abc, 3
    # times, and before bc 2. d is the rarest of five characters, and of 8 places 4 are for them.
    learnt = learn_subwords(["abc abc abc bc bc d"], 8)
    assert learnt["merges"] == [["b", "c"], ["a", "bc"], ["▁", "abc"], ["▁", "bc"]]
    cut = Subwords(**learnt)
    assert cut("abc bca") == ["▁abc", "▁bc", "a"]
    assert [piece in learnt["vocabulary"] for piece in cut("dab")] == [True, False, True, True]


def test_pieces_stand_in_order_and_a_new_character_is_one_of_its_own():
    feature = fitted(TEXTS, subwords=40)
    text = "newer wide slow z"
    ids = feature.encode(column([text])).values[0]
    pieces = pieces_of(feature, ids)
    assert "".join(pieces).replace("▁", " ").strip() == "newer wide slow ?"
    assert len(pieces) > len(text.split())
    # What the training rows say often is whole.
    assert pieces_of(feature, feature.encode(column(["low"])).values[0]) == ["▁low"]


def test_there_are_no_more_pieces_than_asked_for():
    many = ["".join(map(chr, range(97 + n, 105 + n))) * 2 for n in range(15)] * 4
    feature = fitted([f"{text} x" for text in many], subwords=30)
    assert len(feature.state["vocabulary"]) <= 30
    assert feature.for_encoder["vocabulary"] == len(feature.state["vocabulary"]) + 2


def test_a_token_begins_at_its_first_piece():
    feature = fitted(TEXTS, subwords=40)
    text = "newer wide, low"
    (places,) = feature.token_starts(column([text]))
    pieces = pieces_of(feature, feature.encode(column([text])).values[0])
    ends = [*places[1:], len(pieces)]
    found = ["".join(pieces[a:b]) for a, b in zip(places, ends, strict=True)]
    assert found == ["▁newer", "▁wide▁?", "▁low"]
    (of_list,) = feature.token_starts(column([["newer", "", "wide,", "low"]]))
    assert of_list.tolist() == [places[0], -1, *places[1:]]


def test_the_state_is_json_and_a_feature_works_from_it():
    feature = fitted(TEXTS, subwords=40)
    again = Text(encoder=TextRNN(8), subwords=40)
    again = again.with_state(json.loads(json.dumps(feature.state)))
    for cells in (TEXTS, ["slowest"]):
        np.testing.assert_array_equal(
            again.encode(column(cells)).values, feature.encode(column(cells)).values
        )


def few_and_many():
    words = [f"{a}{b}{c}er" for a in "abcd" for b in "eiou" for c in "lmnt"]
    rare = [chr(0x4E00 + n) * 2 for n in range(60)]
    return [learn_subwords([" ".join(words + rare)] * 2, most) for most in (40, 200)]


LEARN = f"""
import json
from plait.features._subwords import learn_subwords
{inspect.getsource(few_and_many)}
print(json.dumps(few_and_many()))
"""


def test_every_process_learns_the_same_pieces():
    """Pairs are equally frequent, and so are characters, of which there are more than places."""
    few, many = few_and_many()
    # So many are equal that two processes whose order is their own do not agree by chance.
    other = subprocess.run(
        [sys.executable, "-c", LEARN], capture_output=True, text=True, check=True
    )
    assert json.loads(other.stdout) == [few, many]
    odd = [piece for piece in few["vocabulary"] if len(piece) == 1 and piece > "z"]
    assert odd == ["▁", *map(chr, range(0x4E00, 0x4E06))]
    assert len(few["vocabulary"]) == 40
    assert len(many["vocabulary"]) == 200


def test_a_words_beginning_is_always_a_piece():
    assert "▁" in learn_subwords(["aaaaaa bb"] * 2, 16)["vocabulary"]
    assert learn_subwords([" ", ""], 16) == {"vocabulary": [], "merges": []}
    with pytest.raises(DataError, match=r"Leave the column out of the features\.$"):
        fitted(["  ", " "], subwords=16)


@pytest.mark.parametrize("encoder", [TextBag(8), TextWords(8), None])
def test_an_encoder_that_reads_no_tokens_is_refused(encoder):
    with pytest.raises(ConfigError, match=r"subwords are read by .* reads (ngrams|words)"):
        Text(encoder=encoder, subwords=100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subwords": 15}, "subwords is a whole number, from 16"),
        ({"subwords": 100, "words": (1, 1)}, "Leave `words` and"),
        ({"subwords": 100, "characters": (1, 1)}, "Leave `words` and"),
    ],
)
def test_refuses_impossible_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Text(encoder=TextTransformer(8), **arguments)
