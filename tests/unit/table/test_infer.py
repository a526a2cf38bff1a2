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
        ("seen", None, None, "dates"),
        ("always", None, None, "always says 'x'"),
        ("never", None, None, "empty"),
        ("part", None, None, "which part"),
        ("genres", "Text", "Multilabel", "sets of 3 labels"),
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
