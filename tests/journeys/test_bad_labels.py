"""Labels that cannot be, of each kind of task: one clear message, exit code 2 and no run."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

CONFIG = """\
data: given.jsonl
features:
  {feature}
tasks:
  {task}
split: part
{more}
training: {{epochs: 1, batch_size: 16}}
width: 8
"""


def box(*edges):
    return dict(zip(("x0", "y0", "x1", "y1"), edges, strict=True), label="cat")


WHOLE = {
    "photo": "plain.png",
    "mask": "mask.png",
    "boxes": [box(2, 2, 9, 9)],
    "words": "play some jazz",
    "tags": "O O B-genre",
    "past": {"x": [1.0, 2.0, 4.0], "y": [0.0, None, 1.0]},
    "when": [0.0, 1.0, 2.0],
    "age": 3,
}


@dataclass(frozen=True)
class Spoilt:
    """What the seventh row holds in the place of what the others do, and what is said of it."""

    said: list[str]
    task: str
    feature: str = "photo: {Image: {size: 16}}"
    row: dict[str, Any] = field(default_factory=dict)
    more: str = ""


BOXES = "boxes: {Boxes: {of: photo}}"
MASK = "mask: {Segmentation: {of: photo, classes: [road, sky]}}"
COUNT = "cells: {ObjectCount: {of: photo}}"
TAGS = "tags: {Tagging: {of: words}}"
FORECAST = "future: {Forecast: {of: past, horizon: 2}}"
PAST = "past: Series"
TIMED = "past: {Series: {times: when}}"
ROW = "row 7 of "
ROWS = {
    "a box outside the picture": Spoilt(
        [ROW, "'boxes'", "outside"],
        BOXES,
        row={"boxes": [box(2, 2, 19, 9)]},
    ),
    "a box that ends before it begins": Spoilt(
        [ROW, "'boxes'", "x0 < x1"], BOXES, row={"boxes": [box(9, 2, 2, 9)]}
    ),
    "a mask of another size": Spoilt([ROW, "'mask'", "8 x 8"], MASK, row={"mask": "small.png"}),
    "a class of a mask that is not known": Spoilt(
        [ROW, "'mask'", "value 9", "on_unseen"], MASK, row={"mask": "nine.png"}
    ),
    "a tag too few": Spoilt(
        [ROW, "'tags'", "3 tokens", "2 tags"], TAGS, "words: Text", {"tags": "O O"}
    ),
    "a ragged series": Spoilt(
        [ROW, "'past'", "ragged"],
        FORECAST,
        PAST,
        {"past": {"x": [1.0, 2.0], "y": [0.0, None, 1.0]}},
    ),
    "times out of order": Spoilt(
        [ROW, "'when'", "order of time"], FORECAST, TIMED, {"when": [0.0, 2.0, 1.0]}
    ),
    "a time that stands twice": Spoilt(
        [ROW, "'when'", "twice"], FORECAST, TIMED, {"when": [0.0, 1.0, 1.0]}
    ),
    "a future that is too short": Spoilt(
        [ROW, "'future'", "2 steps", "Received 1"],
        FORECAST,
        PAST,
        {"future": {"x": [3.0], "y": [1.0]}},
    ),
    "less than none of the objects": Spoilt([ROW, "'cells'", "-2"], COUNT, row={"cells": -2}),
    "a negative count": Spoilt(
        [ROW, "'visits'", "-1"], "visits: Count", "age: Number", {"visits": -1}
    ),
    "a horizon longer than the series": Spoilt(
        ["given.jsonl", "long enough"],
        "future: {Forecast: {of: history, horizon: 90}}",
        "history: Series",
        more="windows: {time: id, values: [visits], history: 4, horizon: 90}",
    ),
    "boxes of what is not there": Spoilt(
        ["plait.yaml:5:", "'foto'", "'photo'"], "boxes: {Boxes: {of: foto}}"
    ),
    "a mask of a number": Spoilt(
        ["plait.yaml:5:", "'age'"], "mask: {Segmentation: {of: age}}", "age: Number"
    ),
    "objects in a text": Spoilt(
        ["plait.yaml:5:", "'words'"], "cells: {ObjectCount: {of: words}}", "words: Text"
    ),
    "tags of a picture": Spoilt(["plait.yaml:5:", "'photo'"], "tags: {Tagging: {of: photo}}"),
    "the future of a picture": Spoilt(
        ["plait.yaml:5:", "'photo'"], "future: {Forecast: {of: photo, horizon: 2}}"
    ),
}


@pytest.fixture
def given(tmp_path):
    """48 rows of which all but what is spoilt could be learnt, and how to write their config."""
    draw = np.random.default_rng(0)
    for name, size, values in (
        ("plain", 16, 255),
        ("mask", 16, 2),
        ("small", 8, 2),
        ("nine", 16, 2),
    ):
        cells = draw.integers(0, values, (size, size, *((3,) if name == "plain" else ())))
        if name == "nine":
            cells = np.full_like(cells, 9)
        Image.fromarray(cells.astype("uint8")).save(tmp_path / f"{name}.png")

    def write(spoilt):
        rows = [
            {"id": n, "part": ("train", "validation", "test")[min(n // 24, 2)], **WHOLE}
            for n in range(56)
        ]
        for n, row in enumerate(rows):
            row |= {"cells": n % 3, "visits": n % 4, "future": {"x": [1.0 * n, 2.0], "y": [1.0, n]}}
        rows[6] |= spoilt.row
        (tmp_path / "given.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (tmp_path / "plait.yaml").write_text(
            CONFIG.format(feature=spoilt.feature, task=spoilt.task, more=spoilt.more)
        )
        return tmp_path / "plait.yaml"

    return write


@pytest.mark.parametrize("name", ROWS)
def test_fit_refuses_and_leaves_no_run(name, given, plait, tmp_path):
    spoilt = ROWS[name]
    said = plait("fit", given(spoilt), "--run", tmp_path / "run", "--quiet")
    assert said.code == 2, said
    assert said.err.startswith("plait: ")
    assert "Traceback" not in said.err
    for part in spoilt.said:
        assert part in said.err, f"{part!r} is not in {said.err!r}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", [BOXES, MASK, COUNT, TAGS, FORECAST])
def test_what_is_not_spoilt_is_taken(task, given, plait):
    feature = {TAGS: "words: Text", FORECAST: TIMED}.get(task, "photo: {Image: {size: 16}}")
    assert plait("check", given(Spoilt([], task, feature)), "--quick", "--all").code == 0
