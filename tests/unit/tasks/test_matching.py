"""What counts as a match, how it is scored, and what is refused."""

from itertools import permutations

import numpy as np
import pytest

import plait
from plait.errors import ConfigError, DataError, PlaitError
from plait.features import fit_features
from plait.inference import check_names
from plait.table import Table, folds
from plait.tasks import Matching, fit_tasks
from plait.tasks._match_scores import Ranks
from plait.tasks._nearest import cosine_blocks, nearest
from plait.training import check_folds

ROWS = {
    "title": ["one", "two", None, "four", "one", "?"],
    "codes": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], None, [1.0, 2.0], [7.0, 8.0]],
    "size": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
}
FEATURES = {"title": plait.Text(missing=("?",)), "codes": plait.Vector(), "size": plait.Number()}


@pytest.fixture
def table():
    return Table.read(ROWS)


@pytest.fixture
def features(table):
    return fit_features(FEATURES, table)


@pytest.fixture
def task(features, table):
    (fitted,) = fit_tasks({"match": Matching("title", "codes")}, features, table).values()
    return fitted.beside(features)


def test_a_row_counts_where_both_are_present(task, table):
    column = task.column_in("match", table)
    targets = task.targets(column)
    assert targets.labelled.tolist() == [True, True, False, False, True, False]
    assert column.name == "title + codes"
    # The same cells, the same numbers.
    assert (targets.values[0] == targets.values[4]).all()
    assert (targets.values[0] != targets.values[1]).all()
    assert task.columns("match") == ()
    assert task.is_in("match", table)
    assert not task.is_in("match", Table.read({"title": ["one"]}))


def along(*places, width=128, there=None):
    """Logits of rows whose two vectors are along these axes."""
    logits = np.zeros((len(places), 2, width + 2))
    for row, pair in enumerate(places):
        for side, place in enumerate(pair):
            logits[row, side, place] = 1
    logits[..., -2] = 1 if there is None else np.array(there)
    return logits


def test_scores_by_hand(task, features, table):
    many = Table.read({"title": list("abcdd"), "codes": [[float(n), 0.0] for n in range(5)]})
    column = task.column_in("match", many)
    # d has two right answers, of which one is near; c is taken for b.
    found = task.scores(along((0, 0), (1, 1), (1, 2), (3, 3), (3, 4)), column)
    # To the codes: a and d at once, b beside nothing else, c behind b's, tied with a's, d's and d's.
    assert found["recall@1.title_to_codes"] == pytest.approx((1 + 1 + 0 + 2) / 5)
    place_of_c = [(1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 4]
    assert found["mrr.title_to_codes"] == pytest.approx((4 + place_of_c[0]) / 5)
    assert found["candidates.title_to_codes"] == 5
    assert found["candidates.codes_to_title"] == 4
    assert "recall@5.title_to_codes" not in found
    assert "recall@5" not in found
    # To the titles: b and c are the same to b; nothing is near to c or the last code.
    b, c, last = 1 / 2, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    assert found["recall@1.codes_to_title"] == pytest.approx((1 + b + 1 / 4 + 1 + 1 / 4) / 5)
    assert found["mrr.codes_to_title"] == pytest.approx((1 + (1 + b) / 2 + c + 1 + last) / 5)
    assert found["median_rank.codes_to_title"] == 1.5
    assert found["mrr"] == (found["mrr.title_to_codes"] + found["mrr.codes_to_title"]) / 2


def test_vectors_that_say_nothing_are_at_chance_however_many_are_right(task):
    """Three titles of two codes each: the first of two right ones in any order of six."""
    many = Table.read({"title": list("aabbcc"), "codes": [[float(n), 0.0] for n in range(6)]})
    column = task.column_in("match", many)
    found = task.scores(along(*[(0, 0)] * 6), column)
    places = [1 + min(order.index(0), order.index(1)) for order in permutations(range(6))]
    expected = np.mean([1 / place for place in places])
    assert found["mrr.title_to_codes"] == pytest.approx(expected)
    assert found["chance_mrr.title_to_codes"] == pytest.approx(expected)
    assert found["recall@1.title_to_codes"] == pytest.approx(1 / 3)
    assert found["recall@5.title_to_codes"] == 1
    assert found["median_rank.title_to_codes"] == pytest.approx(np.mean(places))
    assert task.gain(found) == pytest.approx(0, abs=1e-9)


def test_where_nothing_is_wrong_there_is_no_score(task):
    every = Table.read({"title": list("aabb"), "codes": [[0.0, 0.0], [1.0, 0.0]] * 2})
    column = task.column_in("match", every)
    assert task.scores(along((0, 0), (0, 1), (1, 0), (1, 1)), column) == {}


def test_a_side_that_could_not_be_read_is_no_row(task):
    many = Table.read({"title": list("abc"), "codes": [[float(n), 0.0] for n in range(3)]})
    column = task.column_in("match", many)
    logits = along((0, 0), (1, 1), (0, 0), there=[[1, 1], [1, 1], [1, 0]])
    assert task.scores(logits, column)["mrr"] == 1
    assert task.scores(logits, column)["candidates.title_to_codes"] == 2
    assert task.decode(logits)[""].to_pylist() == [1, 1, None]
    # One row says nothing about finding it.
    assert task.scores(logits, column, np.array([1.0, 0.0, 1.0])) == {}


def test_ranks_in_blocks_are_those_of_all_at_once(monkeypatch):
    draw = np.random.default_rng(0)
    rows, distinct = 300, 40
    held = draw.integers(0, distinct, (rows, 2))
    of_a, of_b = (draw.normal(size=(distinct, 6)) for _ in range(2))
    of_a, of_b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (of_a, of_b))
    weights = draw.integers(1, 4, rows).astype("float64")
    whole = Ranks.of(of_a[held[:, 0]], of_b[held[:, 1]], held, weights)
    monkeypatch.setattr(cosine_blocks, "__defaults__", (7,))
    blocks = Ranks.of(of_a[held[:, 0]], of_b[held[:, 1]], held, weights)
    for name in ("before", "tied", "wrong", "weights"):
        np.testing.assert_array_equal(getattr(blocks, name), getattr(whole, name))
    for place, ask in enumerate(np.unique(held[:, 0])):
        right = np.unique(held[held[:, 0] == ask, 1])
        others = np.setdiff1d(np.unique(held[:, 1]), right)
        near = of_b @ of_a[ask]
        assert whole.before[place] == (near[others] > near[right].max()).sum()
        assert whole.weights[place] == weights[held[:, 0] == ask].sum()
    which, cosines = nearest(of_a, of_b, 3)
    full = of_a @ of_b.T
    np.testing.assert_array_equal(which, np.argsort(-full, axis=1)[:, :3])
    np.testing.assert_allclose(cosines, -np.sort(-full, axis=1)[:, :3], atol=1e-6)


def test_vectors_that_say_nothing_are_at_chance(task):
    many = Table.read({"title": list("abcdefghijkl"), "codes": [[n, 0.0] for n in range(12)]})
    column = task.column_in("match", many)
    found = task.scores(np.repeat(task.trivial_logits(), 12, axis=0), column)
    assert found["recall@1"] == pytest.approx(1 / 12)
    assert found["recall@10"] == pytest.approx(10 / 12)
    assert found["median_rank"] == 6.5
    assert (
        found["mrr"] == found["chance_mrr"] == pytest.approx(sum(1 / n for n in range(1, 13)) / 12)
    )
    assert task.gain(found) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"b": "title"}, "a and b are two features. Received: 'title' twice"),
        (
            {"rule": "triplet"},
            "rule is 'infonce', which is CLIP's, or 'siglip'. Received: 'triplet'",
        ),
        ({"temperature": 0.0}, "temperature is 0.01 or more"),
        ({"width": 0}, "width is a whole number, 1 or more"),
        ({"column": "pairs"}, "has no column of labels. Leave column out"),
        ({"features": ("size",)}, "each by itself, .* Leave features out"),
        ({"after": ("kind",)}, "Leave after out"),
        ({"missing": ("?",)}, "Leave missing out"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=f"Matching.*{message}"):
        Matching(**{"a": "title", "b": "codes", **arguments})


@pytest.mark.parametrize(
    ("task", "argument", "message"),
    [
        (Matching("titel", "codes"), "a", "of the feature 'titel', which is not .* mean 'title'"),
        (Matching("title", "code"), "b", "of the feature 'code', which is not .* mean 'codes'"),
        (Matching("title", "again"), "b", "'title' and 'again' both read title"),
    ],
)
def test_features_that_it_cannot_match_are_refused(task, argument, message):
    features = {**FEATURES, "again": plait.Text(column="title")}
    with pytest.raises(ConfigError, match=f"Task 'match': .*{message}") as refused:
        check_names(features, {"match": task})
    assert refused.value.at == ("tasks", "match", "Matching", argument)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"title": ["one", None, "?"], "codes": [None, [1.0, 2.0], [3.0, 4.0]]},
            "Column 'title . codes' of .*: no training row has both",
        ),
        (
            {"title": ["one", "one", "two"], "codes": [[1.0, 2.0], [3.0, 4.0], None]},
            "'title' is the same in every training row that has both",
        ),
    ],
)
def test_rows_that_teach_nothing_are_refused(rows, message):
    table = Table.read(rows)
    features = fit_features({n: FEATURES[n] for n in rows}, table)
    with pytest.raises(DataError, match=message):
        fit_tasks({"match": Matching("title", "codes")}, features, table)


def test_one_that_does_not_know_its_features_says_so(table):
    with pytest.raises(PlaitError, match="does not know the two features"):
        Matching("title", "codes").column_in("match", table)


def test_folds_are_checked_beside_it():
    rows = Table.read({**ROWS, "kind": list("abcabc"), "fold": list("xyxyxy")})
    tasks = {"match": Matching("title", "codes")}
    every = list(folds(rows, 2, (), 0))
    check_folds(rows, every, tasks)
    with pytest.raises(DataError, match="'king'"):
        check_folds(rows, every, {**tasks, "king": plait.Multiclass()})
