import numpy as np
import pyarrow as pa
import pytest

from plait.table import Guess, Table, infer

ROWS = 60


@pytest.fixture
def guesses():
    draw = np.random.default_rng(0)
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "sleeps"]
    columns = {
        "order_id": list(range(ROWS)),
        "Order ID": [7 * n for n in range(ROWS)],
        "caseNo": [f"c {n}" for n in range(ROWS)],
        "lfd": draw.permutation(np.arange(5, 5 + ROWS)).tolist(),
        "preis": [f"{n},50 €" for n in range(ROWS)],
        "photo": [f"p/{n}.jpg" for n in range(ROWS)],
        "clip": [b"RIFF0000WAVEfmt " for _ in range(ROWS)],
        "notes": [" ".join(draw.choice(words, 8)) for _ in range(ROWS)],
        "weight": draw.normal(size=ROWS).tolist(),
        "size": ["n/a" if n % 20 == 0 else str(n / 7) for n in range(ROWS)],
        "cost": [f"${n},000.00" for n in range(1, ROWS + 1)],
        "colour": draw.choice(["red", "green", "blue"], ROWS).tolist(),
        "seen": [f"2026-01-{1 + n % 28:02}" for n in range(ROWS)],
        "always": ["x"] * ROWS,
        "never": [None] * ROWS,
        "part": ["train", "test"] * (ROWS // 2),
        "genres": [["a|b", "b|c", "a"][n % 3] for n in range(ROWS)],
        "rooms": [n % 5 for n in range(ROWS)],
        "zip": [f"0{n % 7}{n % 3}" for n in range(ROWS)],
        "is_sold": ["yes", "no"] * (ROWS // 2),
    }
    return {g.column: g for g in infer(Table.read(columns))}


@pytest.mark.parametrize(
    ("column", "feature", "task", "reason"),
    [
        ("order_id", None, None, "names the row"),
        ("Order ID", None, None, "names the row"),
        ("caseNo", None, None, "names the row"),
        ("lfd", None, None, "names the row"),
        ("preis", None, None, "signs or separators"),
        ("photo", "Image", None, "paths of pictures"),
        ("clip", "Audio", None, "bytes of sounds"),
        ("notes", "Text", None, "text of about 8 words"),
        ("weight", "Number", "Regression", "numbers"),
        ("size", "Number", "Regression", "taken as missing"),
        ("cost", None, None, "signs or separators"),
        ("colour", "Category", "Multiclass", "3 different values"),
        ("seen", "Date", None, "dates as text"),
        ("always", None, None, "always says 'x'"),
        ("never", None, None, "empty"),
        ("part", None, None, "which part"),
        ("genres", "CategorySet", "Multilabel", "sets of 3 labels"),
        ("rooms", "Category", "Multiclass", "whole numbers of 5 kinds"),
        ("zip", "Category", "Multiclass", "codes of digits"),
        ("is_sold", "Category", "Binary", "yes or no"),
    ],
)
def test_guesses(guesses, column, feature, task, reason):
    guess = guesses[column]
    assert (guess.feature, guess.task) == (feature, task)
    assert reason in guess.reason


def test_what_does_not_parse_is_offered_as_missing(guesses):
    assert guesses["size"].arguments == {"missing": ["n/a"]}


def test_paths_are_media_only_where_some_file_is_there(tmp_path):
    table = Table.read({"photo": [f"{n}.png" for n in range(ROWS)]}, root=tmp_path)
    (guess,) = infer(table)
    assert guess.feature is None
    assert f"none such as '0.png' is in '{tmp_path}'" in guess.reason
    (tmp_path / "3.png").touch()
    (guess,) = infer(table)
    assert guess.feature == "Image"


@pytest.mark.parametrize("kind", [pa.binary(16), pa.uuid()])
def test_what_no_feature_reads_is_left_out(kind):
    cells = pa.array([n.to_bytes(16) for n in range(ROWS)], kind)
    (guess,) = infer(Table.read({"uid": cells}))
    assert (guess.feature, guess.task) == (None, None)
    assert "no feature reads" in guess.reason


def test_the_likeliest_target_is_the_one_named_like_one(guesses):
    assert max(guesses.values(), key=lambda g: g.target_score) == guesses["is_sold"]
    assert isinstance(guesses["is_sold"], Guess)


def guess_of(cells, name="x"):
    (guess,) = infer(Table.read({name: cells}))
    return guess


@pytest.mark.parametrize(
    ("cells", "feature", "task"),
    [
        (["1.5", "2", "NA", "2.25"], "Number", "Regression"),
        (["3", "4", "NA", "5"], "Category", "Multiclass"),
        (["pos", "neg", "NA", "pos"], "Category", "Binary"),
        (["yes", "no", "NA", "no"], "Category", "Binary"),
        (["a.png", "b.png", "NA", "c.png"], "Image", None),
    ],
)
def test_words_for_missing_are_no_value_of_a_column(cells, feature, task):
    guess = guess_of(cells)
    assert (guess.feature, guess.task) == (feature, task)
    assert guess.arguments == {"missing": ["NA"]}
    assert "'NA' taken as missing" in guess.reason


def test_words_for_missing_beyond_the_sample_are_found():
    cells = ["red", "green", "blue"] * 2_000
    cells[1] = "?"
    assert guess_of(cells).arguments == {"missing": ["?"]}


def test_words_that_are_answers_are_not_taken_for_missing():
    assert guess_of(["none", "mild", "severe", "mild"]).arguments == {}


def test_nothing_but_words_for_missing():
    guess = guess_of(["NA", "?", "NA"])
    assert (guess.feature, guess.task) == (None, None)
    assert guess.reason == "it is empty, with '?', 'NA' taken as missing"


@pytest.mark.parametrize(
    "first", ["28/02/2022", "13 Mar 2021", "Mar 13, 2021", "2021-08", "1.5.20"]
)
def test_dates_in_other_forms_are_left_out_with_the_way_to_use_them(first):
    guess = guess_of([first, "27/02/2022", "26/02/2022", None])
    assert (guess.feature, guess.task) == (None, None)
    assert f"such as '{first}': write them as 2026-01-31" in guess.reason


def test_dates_and_times_are_dates():
    for kind in (pa.date32(), pa.timestamp("us", "UTC")):
        guess = guess_of(pa.array([1, 2], pa.int32() if kind == pa.date32() else None).cast(kind))
        assert (guess.feature, guess.task) == ("Date", None)
        assert "`split: {after: ...}` splits by them" in guess.reason


def test_texts_among_iso_dates_are_offered_as_missing_where_they_are_few():
    days = [f"2026-01-{1 + n % 28:02}" for n in range(300)]
    guess = guess_of([*days, "never", "2026-02-30"])
    assert (guess.feature, guess.arguments) == ("Date", {"missing": ["2026-02-30", "never"]})
    odd = [f"day {n}" for n in range(25)]
    guess = guess_of([*days, *odd])
    assert guess.feature is None
    assert "such as 'day 0': write them as 2026-01-31" in guess.reason


@pytest.mark.parametrize(
    ("cells", "feature", "task", "reason"),
    [
        ([[0.5] * 8, [1.5] * 8], "Vector", None, "a list of 8 numbers"),
        ([[0.5] * 8, [1.5] * 9], "Series", None, "a list of 8 to 9 numbers: a series"),
        ([[0.5] * 8, [1.5, None] * 4], "Series", None, "some of them empty: a series with gaps"),
        ([[0.5, 1.5], [2.5, 3.5]], None, None, "2 numbers, too few"),
        ([["a", "b"], ["a"], ["b", "a"]], "CategorySet", "Multilabel", "a set of 2 labels"),
        ([["a", "b"], ["c"]], None, "Multilabel", "a set of 3 labels"),
        ([[1, 2], [2], [1]], None, "Multilabel", "a set of 2 labels"),
        ([[[1]], [[2]]], None, None, "which no feature reads"),
        ([[{"a": 1}]] * 2, None, None, "which no feature reads"),
    ],
)
def test_lists_are_vectors_or_sets_where_that_is_safe(cells, feature, task, reason):
    guess = guess_of(cells)
    assert (guess.feature, guess.task) == (feature, task)
    assert reason in guess.reason


def test_lists_of_one_length_are_vectors():
    assert guess_of(pa.array([[0.5] * 8] * 3, pa.list_(pa.float32(), 8))).feature == "Vector"


def test_a_time_of_day_is_no_date_to_split_by():
    for cells in (["9:30", "10:15"], pa.array([1, 2], pa.time32("s"))):
        guess = guess_of(cells)
        assert guess.feature is None
        assert "Number" in guess.reason
        assert "split" not in guess.reason


def test_numbers_with_a_unit_are_left_out_and_codes_are_not():
    assert "such as '12 kg': write them as plain numbers" in guess_of(["12 kg", "9.5 kg"]).reason
    assert guess_of(["12A", "13B", "12A"]).feature == "Category"
    assert guess_of(["1st", "2nd", "1st"]).feature == "Category"


def test_a_column_of_folds_is_no_feature():
    for name in ("fold", "cv", "kFold", "fold_id"):
        guess = guess_of([0, 1, 2, 0, 1], name)
        assert (guess.feature, guess.task) == (None, None)
        assert f"--folds {name}" in guess.reason
    assert guess_of(["ten years of sewing", "two years of tea"], "cv").feature is not None


def test_a_coordinate_is_not_named_like_an_answer():
    table = Table.read({name: [1.5, 2.5] for name in ("y", "pos_y", "x: y", "last")})
    assert [guess.target_score for guess in infer(table)] == [2.0, 0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    "cells",
    [
        [[1.5, None], [2.5, 3.5]],
        [{"a": [1.5], "b": [2.5]}, {"a": [3.5], "b": [1.0]}],
        [[[1.5, 2.5]], [[3.5, 0.5]]],
        [[{"a": 1.5}], [{"a": 2.5}]],
    ],
)
def test_lists_of_measurements_are_a_series(cells):
    guess = guess_of(cells)
    assert (guess.feature, guess.task) == ("Series", None)


def test_lists_of_whole_numbers_may_be_labels():
    assert guess_of([[1, 2], [3]]).task == "Multilabel"
