"""Spans by the rule of conlleval."""

import numpy as np
import pytest

from plait.tasks._spans import Spans, are_spans, no_spans, span_scores

TAGS = ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"]


def numbers(*rows):
    tags = np.array([TAGS.index(tag) for row in rows for tag in row.split()])
    return tags, np.repeat(np.arange(len(rows)), [len(row.split()) for row in rows])


def spans(*rows):
    kinds = ["LOC", "PER"]
    return [(row, a, b, kinds[kind]) for row, a, b, kind in Spans(TAGS).of(*numbers(*rows))]


def scores(truth, answers, weights=None):
    found = Spans(TAGS)
    weights = np.ones(len(truth)) if weights is None else np.array(weights)
    return span_scores(found.of(*numbers(*truth)), found.of(*numbers(*answers)), weights)


def test_which_tags_are_spans():
    assert are_spans(TAGS)
    assert are_spans(["O", "I-LOC"])
    assert not are_spans(["NOUN", "VERB", "O"])
    assert not are_spans(["O"])
    assert not are_spans(["O", "B-LOC", "S-LOC"])


def test_which_tags_stand_in_the_way_of_spans():
    assert no_spans(["O", "B-LOC", "S-LOC", "B", 7]) == ["S-LOC", "B", 7]
    assert no_spans(TAGS) == no_spans(["NOUN", "I", "O"]) == no_spans([1, 2]) == []


def test_a_span_begins_with_b_and_goes_on_with_i():
    assert spans("O B-PER I-PER O B-LOC") == [(0, 1, 3, "PER"), (0, 4, 5, "LOC")]
    assert spans("B-PER B-PER I-PER") == [(0, 0, 1, "PER"), (0, 1, 3, "PER")]


def test_an_i_without_its_b_begins_a_span():
    assert spans("O I-PER I-PER") == [(0, 1, 3, "PER")]
    assert spans("B-LOC I-PER I-LOC") == [(0, 0, 1, "LOC"), (0, 1, 2, "PER"), (0, 2, 3, "LOC")]


def test_a_span_ends_with_its_row():
    assert spans("O B-PER", "I-PER O") == [(0, 1, 2, "PER"), (1, 2, 3, "PER")]


def test_a_place_without_a_tag_is_outside():
    tags, rows = np.array([1, -1, 3]), np.zeros(3, int)
    assert Spans(TAGS).of(tags, rows).tolist() == [[0, 0, 1, 0], [0, 2, 3, 0]]
    assert Spans(TAGS).of(tags[:0], rows[:0]).shape == (0, 4)


def test_right_is_what_has_the_same_place_and_kind():
    """Of three true spans one is answered, beside one too short and one of another kind."""
    truth = ["B-PER I-PER O B-LOC", "O B-LOC I-LOC O"]
    answers = ["B-PER I-PER O B-PER", "O B-LOC O O"]
    given = scores(truth, answers)
    assert given == pytest.approx({"span_f1": 1 / 3, "span_precision": 1 / 3, "span_recall": 1 / 3})


def test_rows_have_weights():
    """A row of weight 3 with its one span right, one of weight 1 with a span missed."""
    given = scores(["B-PER", "B-LOC"], ["B-PER", "O"], [3, 1])
    assert given == pytest.approx({"span_f1": 6 / 7, "span_precision": 1, "span_recall": 3 / 4})


def test_without_any_span_there_is_no_score():
    assert scores(["O O"], ["O O"]) == {}
    assert scores(["O O"], ["O B-LOC"])["span_f1"] == 0


def test_equal_to_nervaluate_on_tags_at_random():
    """Its "strict" scheme asks for what conlleval asks for."""
    nervaluate = pytest.importorskip("nervaluate")
    draw = np.random.default_rng(0)
    rows = [draw.choice(TAGS, size=(2, draw.integers(1, 9))).tolist() for _ in range(200)]
    # Every second row is answered nearly right.
    rows = [
        (true, true[:-1] + other[-1:] if n % 2 else other) for n, (true, other) in enumerate(rows)
    ]
    truth, answers = zip(*rows, strict=True)
    kinds = ["LOC", "PER"]
    judged = nervaluate.Evaluator(list(truth), list(answers), tags=kinds, loader="list").evaluate()
    strict = judged["overall"]["strict"]
    given = scores([" ".join(row) for row in truth], [" ".join(row) for row in answers])
    assert given["span_recall"] == pytest.approx(strict.recall)
    assert given["span_precision"] == pytest.approx(strict.precision)
    assert given["span_f1"] == pytest.approx(strict.f1)
    assert 0.1 < given["span_f1"] < 0.9
