import io

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest

from plait.table import Table, infer

ROWS = 6


def picture(array, **options):
    data = io.BytesIO()
    PIL.Image.fromarray(array).save(data, "PNG", **options)
    return data.getvalue()


@pytest.fixture
def draw():
    return np.random.default_rng(0)


@pytest.fixture
def photos(draw):
    colours = draw.integers(0, 256, (ROWS, 8, 12, 3), dtype="uint8")
    return pa.array([picture(each) for each in colours], pa.binary())


def guesses(columns):
    return {guess.column: guess for guess in infer(Table.read(columns))}


def masks(draw, classes, size=(8, 12)):
    cells = draw.integers(0, classes, (ROWS, *size), dtype="uint8")
    return pa.array([picture(each) for each in cells], pa.binary())


def test_pictures_of_few_values_and_anothers_size_are_its_masks(draw, photos):
    found = guesses({"scan": masks(draw, 3), "photo": photos})
    assert found["scan"].task == "Segmentation"
    assert found["scan"].arguments == {"of": "photo"}
    assert found["scan"].feature is None
    assert "3 values" in found["scan"].reason
    assert found["photo"].feature == "Image"
    assert found["photo"].task is None


@pytest.mark.parametrize("other", ["smaller", "shades", "colours"])
def test_other_pictures_beside_one_are_no_masks(draw, photos, other):
    cells = {
        "smaller": lambda: masks(draw, 3, (8, 8)),
        "shades": lambda: masks(draw, 250),
        "colours": lambda: photos,
    }[other]()
    found = guesses({"photo": photos, "second": cells})
    assert [guess.feature for guess in found.values()] == ["Image", "Image"]


def test_masks_on_a_disk(draw, tmp_path):
    for n in range(ROWS):
        PIL.Image.new("RGB", (4, 4)).save(tmp_path / f"{n}.jpg")
        PIL.Image.fromarray(draw.integers(0, 2, (4, 4), dtype="uint8")).save(tmp_path / f"{n}.png")
    table = {"photo": [f"{n}.jpg" for n in range(ROWS)], "m": [f"{n}.png" for n in range(ROWS)]}
    found = {guess.column: guess for guess in infer(Table.read(table, tmp_path))}
    assert found["m"].task == "Segmentation"


def test_lists_of_boxes_and_of_their_names(photos):
    boxes = ["[[0, 0, 2, 1]]", "", None, "[[1, 2, 3, 4], [0.5, 0, 1, 1]]", "[]", "[]"]
    names = ['["a"]', None, "", '["b", "a"]', "[]", "[]"]
    found = guesses({"photo": photos, "things": boxes, "kinds": names})
    assert found["things"].task == "Boxes"
    assert found["things"].arguments == {"of": "photo", "labels": "kinds"}
    assert found["kinds"].feature is None
    assert found["kinds"].task is None
    assert "names the boxes of 'things'" in found["kinds"].reason


@pytest.mark.parametrize("box", [[0, 0, 2, 1, "a"], {"x0": 0, "y0": 0, "x1": 2, "y1": 1}])
def test_boxes_that_are_lists_of_arrow_or_hold_their_names(photos, box):
    import json

    found = guesses({"photo": photos, "things": [json.dumps([box])] + ["[]"] * (ROWS - 1)})
    assert found["things"].arguments == {"of": "photo"}


def test_what_only_looks_like_boxes(photos):
    for cell in ("[[3, 0, 2, 1]]", "[[1, 2, 3]]", "[1, 2, 3, 4]", "[broken", "[]"):
        found = guesses({"photo": photos, "things": [cell] * (ROWS - 1) + [None]})
        assert found["things"].task != "Boxes"
    assert guesses({"things": ["[[0, 0, 2, 1]]", "[]"]})["things"].task != "Boxes"


WORDS = [["play", "Rome", "by", "night"], ["stop"], ["go", "to", "bed"]]
TAGS = [["O", "B-x", "I-x", "O"], ["O"], ["O", "O", "O"]]


@pytest.mark.parametrize("as_text", [False, True])
def test_as_many_tags_as_tokens(as_text):
    words, tags = ([" ".join(row) for row in rows] if as_text else rows for rows in (WORDS, TAGS))
    found = guesses({"tags": tags, "text": words})
    assert found["tags"].task == "Tagging"
    assert found["tags"].arguments == {"of": "text"}
    assert "3 tags, spans" in found["tags"].reason
    assert found["text"].feature == "Text"
    assert found["text"].task is None


def test_lists_of_other_lengths_or_of_one_are_no_tags():
    longer = [[*TAGS[0], "O"], *TAGS[1:]]
    assert guesses({"text": WORDS, "tags": longer})["tags"].task == "Multilabel"
    ones = guesses({"text": [["a"], ["b"], ["c"], ["d"]], "tags": [["x"], ["y"], ["x"], ["y"]]})
    assert ones["tags"].task == "Multilabel"
