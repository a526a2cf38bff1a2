"""Things in pictures, found and counted by a model that is trained, saved and read again."""

import io

import numpy as np
import PIL.Image

import plait
from plait.training import Training

SIDE = 32


def scenes(rows, seed):
    """One, two or no bright rectangles on a dark ground, in halves that do not meet."""
    draw = np.random.default_rng(seed)
    pictures, boxes = [], []
    for _ in range(rows):
        pixels = draw.integers(0, 40, (SIDE, SIDE)).astype("uint8")
        found = []
        for half in np.flatnonzero(draw.random(2) < 0.6):
            high, wide = draw.integers(8, 14, 2)
            top, left = (
                draw.integers(0, SIDE - high),
                half * SIDE // 2 + draw.integers(0, 16 - wide),
            )
            pixels[top : top + high, left : left + wide] = draw.integers(180, 255)
            found.append([int(left), int(top), int(left + wide), int(top + high)])
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, "PNG")
        pictures.append(file.getvalue())
        boxes.append(found)
    return {"photo": pictures, "boxes": boxes, "count": [len(found) for found in boxes]}


def test_boxes_and_their_number_are_learnt_and_saved(tmp_path):
    train, test = scenes(120, 0), scenes(40, 1)
    made = plait.Learner(
        features={"photo": plait.Image(encoder=plait.ImageConv(24, channels=(16, 24)))},
        tasks={"boxes": plait.Boxes(of="photo"), "count": plait.ObjectCount(of="photo")},
        width=24,
        training=Training(epochs=9, batch_size=8, learning_rate=0.005),
        seed=0,
    )
    made.fit(train, run=False, verbose=False)
    scores = made.evaluate(test)
    trivial = np.abs(np.array(test["count"]) - np.median(train["count"])).mean()
    assert scores["boxes"]["map50"] > 0.8
    assert scores["count"]["mae"] < 0.6 * trivial
    made.save(tmp_path / "m.plait")
    again = plait.Learner.load(tmp_path / "m.plait")
    assert again.predict(test).equals(made.predict(test))

    # What it has learnt is in its weights.
    draw = np.random.default_rng(2)
    for weight in again.predictor.model.weights:
        weight.assign(draw.permutation(weight.numpy().ravel()).reshape(weight.shape))
    broken = again.evaluate(test)
    assert broken["boxes"]["map50"] < 0.3
    assert broken["count"]["mae"] > scores["count"]["mae"]
