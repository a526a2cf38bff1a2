"""Boxes, from a table of pictures to answers, in pictures that a short training learns to read."""

import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow

import plait

pytestmark = pytest.mark.long
COLOURS = {"red": (220, 40, 40), "blue": (40, 40, 220)}


def table_of(rows, seed):
    """One to three squares on a grey ground."""
    draw = np.random.default_rng(seed)
    cells = {"photo": [], "squares": []}
    for _ in range(rows):
        pixels = draw.integers(90, 130, (32, 48, 3)).astype("uint8")
        boxes = []
        for place in draw.permutation(6)[: draw.integers(1, 4)]:
            side = int(draw.integers(8, 15))
            x, y = 16 * (place % 3) + draw.integers(0, 16 - side + 1), 16 * (place // 3)
            kind = str(draw.choice(list(COLOURS)))
            pixels[y : y + side, x : x + side] = COLOURS[kind]
            boxes.append([int(x), int(y), int(x) + side, int(y) + side, kind])
        file = io.BytesIO()
        Pillow.fromarray(pixels).save(file, "PNG")
        cells["photo"].append(file.getvalue())
        cells["squares"].append(json.dumps(boxes))
    return cells


def test_squares_are_found_and_a_saved_model_finds_the_same(tmp_path):
    learner = plait.Learner(
        features={"photo": plait.Image()},
        tasks={"squares": plait.Boxes(of="photo")},
        training=plait.Training(epochs=15, batch_size=8, learning_rate=2e-3),
        width=32,
    )
    learner.fit(
        {"train": table_of(128, 0), "validation": table_of(32, 1)}, run=False, verbose=False
    )
    assert learner.history[-1].loss < learner.history[0].loss / 2
    test = table_of(32, 2)
    assert learner.evaluate(test)["squares"]["map50"] > 0.8
    answers = learner.predict(test)["squares"].to_pylist()
    learner.save(tmp_path / "squares.plait")
    again = plait.Learner.load(tmp_path / "squares.plait")
    for ours, theirs in zip(answers, again.predict(test)["squares"].to_pylist(), strict=True):
        assert [box["label"] for box in ours] == [box["label"] for box in theirs]
        for name in ("x0", "y0", "x1", "y1", "score"):
            np.testing.assert_allclose(
                [box[name] for box in ours], [box[name] for box in theirs], atol=1e-3
            )
    # A row without its picture is answered, too.
    assert len(again.predict({"photo": [None]})["squares"]) == 1
