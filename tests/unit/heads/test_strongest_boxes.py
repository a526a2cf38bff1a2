"""Non-maximum suppression inside the model: golden cases, and the greedy way in plain Python."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import Sightings, StrongestBoxes


def logits_of(boxes, scores):
    """Of `(positions, 4)` and `(positions, kinds)`; the middle is sure."""
    boxes, scores = np.array(boxes, "float32")[None], np.array(scores, "float32")[None]
    count = boxes.shape[1]
    parts = (
        np.log(scores) - np.log1p(-scores),
        np.full((1, count), 30.0, "float32"),
        boxes,
        np.zeros((1, count, 2), "float32"),
        np.ones((1, count), "float32"),
    )
    return Sightings(*map(ops.convert_to_tensor, parts)).logits


def found(layer, *given):
    boxes = ops.convert_to_numpy(layer(logits_of(*given)))[0]
    return boxes[boxes[:, 5] > 1e-4]


def test_the_weaker_of_two_that_overlap_goes_unless_it_is_of_another_kind():
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10]]
    # 9 / 11 and 8 / 12 of them are shared with the first.
    scores = [[0.81, 1e-9], [0.64, 0.49], [0.36, 1e-9]]
    given = found(StrongestBoxes(5), boxes, scores)
    np.testing.assert_allclose(
        given, [[0, 0, 10, 10, 0, 0.9], [1, 0, 11, 10, 1, 0.7]], rtol=1e-5, atol=1e-5
    )


def test_one_that_goes_takes_no_other_with_it():
    boxes = [[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]]
    # Neighbours share 7 / 13, the first and the last 4 / 16.
    given = found(StrongestBoxes(5, most_overlap=0.5), boxes, [[0.9], [0.8], [0.7]])
    np.testing.assert_array_equal(given[:, 0], [0, 6])


def test_no_more_than_most_are_given_and_as_many_rows_however_few_there_are():
    boxes = [[20 * n, 0, 20 * n + 10, 10] for n in range(6)]
    scores = [[0.1 + 0.1 * n] for n in range(6)]
    few = ops.convert_to_numpy(StrongestBoxes(2)(logits_of(boxes, scores)))
    np.testing.assert_array_equal(few[0, :, 0], [100, 80])
    many = ops.convert_to_numpy(StrongestBoxes(50)(logits_of(boxes, scores)))
    assert many.shape == (1, 50, 6)
    np.testing.assert_array_equal(many[0, 6:], 0)


def test_how_near_the_middle_is_counts():
    parts = Sightings.of(ops.convert_to_numpy(logits_of([[0, 0, 1, 1]], [[0.5]])))
    near = parts._replace(middle=np.zeros((1, 1), "float32")).logits
    assert float(StrongestBoxes(1)(near)[0, 0, 5]) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_greedy_way(seed):
    draw = np.random.default_rng(seed)
    low = draw.uniform(0, 30, (60, 2))
    boxes = np.concatenate([low, low + draw.uniform(5, 25, (60, 2))], axis=1)
    scores = draw.permutation(np.linspace(0.01, 0.99, 120)).reshape(60, 2)
    given = found(StrongestBoxes(120, most_overlap=0.4), boxes, scores)
    kept = []
    for place in np.argsort(-scores, axis=None):
        position, kind = divmod(int(place), 2)
        rivals = [p for p, k, _ in kept if k == kind]
        if all(shared(boxes[position], boxes[p]) <= 0.4 for p in rivals):
            kept.append((position, kind, scores[position, kind] ** 0.5))
    assert len(kept) < 100
    np.testing.assert_allclose(given[:, 4:], [k[1:] for k in kept], rtol=1e-4)
    np.testing.assert_allclose(given[:, :4], boxes[[k[0] for k in kept]], rtol=1e-5)


def test_the_many_of_one_kind_take_no_place_from_the_one_of_another():
    """34 cells, each seen nine times at nearly one place, and one platelet that is weaker than all."""
    cells = [
        [40 * n + i, j, 40 * n + 30 + i, 30 + j]
        for n in range(34)
        for i in range(3)
        for j in range(3)
    ]
    boxes = [*cells, [0, 60, 10, 70]]
    scores = [*([0.9, 1e-9] for _ in cells), [1e-9, 0.77**2]]
    given = found(StrongestBoxes(100), boxes, scores)
    assert np.bincount(given[:, 4].astype(int)).tolist() == [34, 1]
    np.testing.assert_allclose(given[-1], [0, 60, 10, 70, 1, 0.77], rtol=1e-4)


def test_every_kind_has_candidates_however_many_kinds_there_are():
    """Two boxes are given of 25 kinds: at least two of each kind compete, not 20 / 25."""
    scores = np.full((60, 25), 1e-9)
    scores[:59, 0], scores[59, 24] = 0.5, 0.4
    boxes = [[0, 0, 10, 10]] * 59 + [[50, 50, 60, 60]]
    given = found(StrongestBoxes(2), boxes, scores)
    np.testing.assert_array_equal(given[:, 4], [0, 24])


def shared(a, b):
    both = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


def test_it_is_a_layer_of_a_model_and_saved(tmp_path):
    x = keras.Input((30, 10))
    model = keras.Model(x, StrongestBoxes(7, most_overlap=0.3)(x))
    assert model.output_shape == (None, 7, 6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    assert (again.most_boxes, again.most_overlap) == (7, 0.3)


def test_arguments_that_cannot_be():
    with pytest.raises(ConfigError, match="most_boxes is a whole number"):
        StrongestBoxes(0)
    with pytest.raises(ConfigError, match="most_overlap is in"):
        StrongestBoxes(most_overlap=1.5)
