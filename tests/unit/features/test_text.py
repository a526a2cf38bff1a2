import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from plait.encoders import CategoryEmbedding, TextBag, TextRNN, TextTransformer, TextWords
from plait.errors import ConfigError, DataError, PlaitError
from plait.features import Text, _text_forms
from plait.table import Table

TEXTS = ["The dress is great", "a great dress, a dress", "It's too small", "the fit is small"]


def column(values):
    return Table.read({"c": values}, name="train.csv").column("c")


def fitted(values, **arguments):
    feature = Text(**arguments)
    return feature.fit(column(values))


def weights(feature, values):
    """Each row as {n-gram: weight}."""
    encoded = feature.encode(column(values))
    names = ["", *feature.state["vocabulary"]]
    return [
        {names[int(i)]: w for i, w in row[:length]}
        for row, length in zip(encoded.values, encoded.lengths, strict=True)
    ]


def test_word_ngrams_weigh_what_scikit_learn_says():
    feature = fitted(TEXTS, words=(1, 2))
    reference = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, use_idf=False, token_pattern=r"\w+(?:'\w+)*"
    ).fit(TEXTS)
    new = ["great great small dress", "the dress is unheard of"]
    names = reference.get_feature_names_out()
    for mine, row in zip(weights(feature, new), reference.transform(new).toarray(), strict=True):
        theirs = {names[i]: row[i] for i in np.flatnonzero(row)}
        assert mine.keys() == theirs.keys()
        for gram, weight in theirs.items():
            assert mine[gram] == pytest.approx(weight, abs=1e-4)


def test_the_heaviest_come_first_and_the_lightest_are_cut_and_counted():
    values = ["a b c d e", "a b", "a", "a c"]
    whole = weights(fitted(values, words=(1, 1)), ["a b e e b e"])[0]
    assert list(whole) == ["e", "b", "a"]
    feature = fitted(values, words=(1, 1), max_tokens=2)
    encoded = feature.encode(column(values))
    assert feature.spec.shape == (2, 2)
    assert encoded.cut.sum() == 1
    np.testing.assert_array_equal(encoded.lengths, [2, 2, 1, 2])
    # Of equal weights, the n-grams that more rows hold.
    assert set(weights(feature, values)[0]) == {"a", "b"}


def test_short_natural_text_has_words_and_parts_of_words():
    vocabulary = set(fitted(TEXTS).state["vocabulary"])
    assert {"dress", "great dress", "it's", "#<dre", "#ess>"} <= vocabulary


def test_long_natural_text_has_words_alone():
    feature = fitted([" ".join([text] * 8) for text in TEXTS])
    assert not any(gram.startswith("#") for gram in feature.state["vocabulary"])


def test_strings_without_blanks_are_read_by_character_with_case():
    feature = fitted(["CCOc1ccc2nc", "CC(=O)Nc1", "c1ccccc1"])
    vocabulary = set(feature.state["vocabulary"])
    assert {"#C", "#c", "#(=O)", "#<CC"} <= vocabulary
    assert fitted(["CC", "cc"], lowercase=True).state["vocabulary"][0].islower()


def test_empty_cells_are_absent_and_unknown_text_is_there_with_length_0():
    feature = fitted(TEXTS, words=(1, 1), missing=("n/a",))
    encoded = feature.encode(column([None, "", "n/a", "xyzzy", "great"]))
    np.testing.assert_array_equal(encoded.present, [False, False, False, True, True])
    np.testing.assert_array_equal(encoded.lengths[3:], [0, 1])
    assert not encoded.values[3].any()


@pytest.mark.parametrize("encoder", [None, TextRNN(8), TextWords(8)])
def test_a_row_does_not_depend_on_the_others(encoder):
    feature = fitted(TEXTS, encoder=encoder)
    together = feature.encode(column(TEXTS))
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(
            feature.encode(column([text])).values[0], together.values[row]
        )


@pytest.mark.parametrize("encoder", [TextRNN(8), TextTransformer(8)])
def test_tokens_keep_their_order_and_what_is_new_is_1(encoder):
    feature = fitted(["a b b, c", "a b", "A"], encoder=encoder)
    assert feature.state["vocabulary"] == ["a", "b", ",", "c"]
    assert feature.spec.shape == (16,)
    encoded = feature.encode(column(["c new A", None]))
    np.testing.assert_array_equal(encoded.values[0, :4], [5, 1, 2, 0])
    assert encoded.lengths[0] == 3
    assert encoded.values.dtype == np.int32
    assert feature.for_encoder == {"vocabulary": 6, "texts": 3}


def test_tokens_of_strings_without_blanks_are_characters():
    feature = fitted(["CCO", "CCc"], encoder=TextRNN(8), max_tokens=2)
    encoded = feature.encode(column(["OCC", "CC"]))
    assert feature.state["unit"] == "characters"
    assert encoded.cut.sum() == 1
    np.testing.assert_array_equal(encoded.lengths, [2, 2])


def test_words_are_what_stands_between_blanks_with_their_characters():
    feature = fitted(["Ab a, ab", "b"], encoder=TextWords(8), lowercase=True)
    assert feature.state["vocabulary"] == ["a,", "ab", "b"]
    assert feature.state["alphabet"] == ["b", ",", "A", "a"]
    assert feature.spec.shape == (16, 1 + 4)
    encoded = feature.encode(column(["AB  a, zb", None]))
    # "AB" is the word "ab", of characters of its own; "B" and "z" are in no training row.
    expected = [[3, 4, 1, 0, 0], [2, 5, 3, 0, 0], [1, 1, 2, 0, 0]]
    np.testing.assert_array_equal(encoded.values[0, :3], expected)
    np.testing.assert_array_equal(encoded.lengths, [3, 0])
    np.testing.assert_array_equal(encoded.present, [True, False])
    assert feature.for_encoder == {"vocabulary": 5, "texts": 2, "characters": 6}
    encoder = feature.encoder.for_feature(feature)
    assert (encoder.vocabulary, encoder.characters) == (5, 6)


def test_of_a_long_word_both_ends_are_read():
    feature = fitted(["abcd efgh"] * 3, encoder=TextWords(8))
    letters = ["", "", *feature.state["alphabet"]]
    (row,) = feature.encode(column(["abcdefgh"])).values[:, 0, 1:]
    assert "".join(letters[i] for i in row) == "abgh"


@pytest.mark.parametrize("encoder", [TextRNN(8), TextWords(8), None])
def test_a_list_of_tokens_is_a_text(encoder):
    lists = [["a", "b", "c"], ["b", "a"], None]
    of_lists = fitted(lists, encoder=encoder)
    of_texts = fitted(["a b c", "b a", None], encoder=encoder)
    assert of_lists.state == of_texts.state
    of_strings = of_texts.encode(column(["a b c", "b a", None]))
    np.testing.assert_array_equal(of_lists.encode(column(lists)).values, of_strings.values)
    np.testing.assert_array_equal(of_lists.encode(column(lists)).present, [True, True, False])


def test_a_token_of_a_list_may_hold_a_blank():
    feature = fitted([["New York", "is"], ["a", "is"]], encoder=TextWords(8))
    assert "new york" in feature.state["vocabulary"]
    assert feature.encode(column([["New York"]])).lengths == [1]


def starts(feature, values):
    found = feature.token_starts(column(values))
    return [None if places is None else places.tolist() for places in found]


def test_where_each_of_a_rows_tokens_begins():
    words = fitted(["a b", "c"], encoder=TextWords(8))
    assert starts(words, ["one, two", None, "three"]) == [[0, 1], None, [0]]
    pieces = fitted(["a b", "c"], encoder=TextRNN(8), words=(1, 1))
    # The pieces are don't, U . S . and end .
    assert starts(pieces, ["don't U.S. end.", ""]) == [[0, 1, 5], None]
    assert starts(pieces, [["don't", "", "U.S.", "end"]]) == [[0, -1, 1, 5]]
    characters = fitted(["a b", "c"], encoder=TextRNN(8), characters=(1, 2))
    assert starts(characters, [" ab  b a"]) == [[1, 5, 7]]
    assert starts(characters, [["ab", "b"]]) == [[0, 3]]
    with pytest.raises(PlaitError, match="TextWords"):
        fitted(["a b"]).token_starts(column(["a"]))


def test_the_starts_are_those_of_the_pieces_that_are_encoded():
    feature = fitted(["don't stop", "U.S. army"], encoder=TextRNN(8))
    ids = feature.encode(column(["U.S. don't"])).values[0]
    vocabulary = ["", "unknown", *feature.state["vocabulary"]]
    (places,) = starts(feature, ["U.S. don't"])
    assert [vocabulary[ids[place]] for place in places] == ["u", "don't"]


def test_words_of_one_row_are_left_out_where_there_are_many_rows():
    many = ["common word"] * 1999 + ["single word"]
    assert fitted(many, words=(1, 1)).state["vocabulary"] == ["word", "common"]
    assert len(fitted(TEXTS, words=(1, 1), max_vocabulary=3).state["vocabulary"]) == 3


def test_the_vocabulary_is_made_into_a_table_once(monkeypatch):
    made = []
    begin = _text_forms.TextForm.__init__
    monkeypatch.setattr(_text_forms.TextForm, "__init__", lambda *a: made.append(1) or begin(*a))
    column = Table.read({"t": ["one two", "three four"]}).column("t")
    feature = Text().fit(column)
    made.clear()
    for _ in range(3):
        feature.encode(column)
    assert len(made) == 1


def test_the_state_is_json_and_a_feature_works_from_it():
    feature = fitted(TEXTS)
    again = Text().with_state(json.loads(json.dumps(feature.state)))
    np.testing.assert_array_equal(
        again.encode(column(TEXTS)).values, feature.encode(column(TEXTS)).values
    )


def test_numbers_and_other_spellings_of_a_letter_are_text():
    feature = fitted([12, 12, 7], words=(1, 1))
    assert feature.state["vocabulary"] == ["12", "7"]
    np.testing.assert_array_equal(feature.encode(column([12.0])).lengths, [1])
    accented = fitted(["caf\u00e9 noir", "the"], words=(1, 1))
    np.testing.assert_array_equal(accented.encode(column(["cafe\u0301"])).lengths, [1])


def test_refuses_what_is_no_text():
    with pytest.raises(DataError, match=r"column 'c', row 2 of train.csv: .*Received binary"):
        Text().fit(column([None, b"x"]))
    with pytest.raises(DataError, match=r"column 'c', row 1 of train.csv: .*Received list<.*list<"):
        Text().fit(column([[["a"]]]))
    with pytest.raises(DataError, match="empty in every training row"):
        Text().fit(column([None, ""]))
    with pytest.raises(DataError, match=r"characters=\(1, 3\)"):
        Text().fit(column(["  ", " "]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": (2, 1)}, "words is a smallest and a largest size"),
        ({"characters": (0, 3)}, "characters is a smallest"),
        ({"max_tokens": 0}, "max_tokens is from 1"),
        ({"max_vocabulary": 2**24}, "max_vocabulary is from 1"),
        ({"encoder": CategoryEmbedding(8)}, "CategoryEmbedding is no encoder of texts"),
    ],
)
def test_refuses_impossible_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Text(**arguments)


def test_the_default_encoder_knows_the_vocabulary():
    feature = fitted(TEXTS)
    encoder = feature.default_encoder(8).for_feature(feature)
    assert isinstance(encoder, TextBag)
    assert encoder.vocabulary == len(feature.state["vocabulary"]) + 1


def test_few_ngrams_in_many_texts_are_hardly_left_out():
    def left_out(texts, encoder=None):
        feature = fitted(texts, words=(1, 1))
        encoder = encoder or feature.default_encoder(8)
        return encoder.for_feature(feature).gram_dropout

    assert left_out([f"word{n}" for n in range(30)] * 2) == pytest.approx(0.7 * 31 / 60)
    assert left_out([f"some{n} word{n}" for n in range(30)] * 2) == 0.7
    assert left_out(["a b", None] * 40) == pytest.approx(0.7 * 3 / 40)
    assert left_out(["a b"] * 40, TextBag(8, gram_dropout=0.4)) == 0.4
