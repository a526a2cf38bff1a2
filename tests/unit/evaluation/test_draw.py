"""Rows with what is answered, to look at."""

import io

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.text import Text as Said

from plait.errors import ConfigError
from plait.evaluation import draw
from plait.features import Image, Text
from plait.inference import Declaration, Predictor
from plait.learner import Learner
from plait.table import Table
from plait.tasks import Binary, Boxes, Segmentation, Tagging
from tests.unit.inference import tiny


def texts(figure):
    return [text.get_text() for text in figure.findobj(Said) if text.get_text()]


@pytest.fixture(scope="module")
def predictor():
    return Predictor.build(tiny.declaration(), seed=1)


def test_each_row_has_a_panel_for_what_it_holds_and_one_for_each_task(predictor):
    table = Table.read(tiny.columns())
    figure = draw(predictor, table.take(np.array([4, 7])))
    panels = [[part.get_suptitle() for part in row] for row in figure_grid(figure, 2)]
    assert panels == [["row 5", "sold", "price"], ["row 8", "sold", "price"]]
    (age,) = (t for t in texts(figure.subfigs[0]) if "age" in t)
    cells = tiny.columns()
    assert f"age: {cells['age'][4]:.6g}" in age
    assert f"kind: {cells['kind'][4]}" in age
    figure.savefig(io.BytesIO())


def figure_grid(figure, rows):
    across = len(figure.subfigs) // rows
    return [figure.subfigs[n * across : (n + 1) * across] for n in range(rows)]


def test_labels_are_drawn_where_there_are_some(predictor):
    cells = tiny.columns()
    row = next(n for n, label in enumerate(cells["sold"]) if label and cells["price"][n])
    whole = Table.read(cells).take(np.array([row]))
    said = texts(draw(predictor, whole))
    assert any("(label)" in text for text in said)
    assert f"label {cells['price'][row]:.4g}" in said
    bare = Table.read({name: cells[name] for name in ("age", "size")}).take(np.array([row]))
    said = texts(draw(predictor, bare))
    assert not any("label" in text for text in said)


def test_there_are_as_many_rows_as_the_table_has(predictor):
    table = Table.read(tiny.columns()).take(np.arange(3))
    assert len(draw(predictor, table, rows=8).subfigs) == 3 * 3
    with pytest.raises(ConfigError, match=r"1 to 50 rows are drawn.*Received: 51"):
        draw(predictor, table, rows=51)


def png(size, fill):
    import PIL.Image

    data = io.BytesIO()
    PIL.Image.new("RGB", size, fill).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def pictures():
    masks = [[[0, 1, 1], [0, 0, 1]], [[1, 1, 0], [0, 1, 1]], None]
    return {
        "photo": pa.array([png((3, 2), "red"), png((3, 2), "blue"), None], pa.binary()),
        "words": ["play Rome", "stop", "play it"],
        "mask": masks,
        "things": ['[[0, 0, 2, 1, "a"]]', "[]", None],
        "tags": [["O", "B-x"], ["O"], ["O", "O"]],
        "good": [True, False, True],
    }


def test_what_lies_in_a_picture_is_drawn_on_it_at_its_own_size(pictures):
    learner = Learner(
        {"photo": Image(size=(8, 12)), "words": Text()},
        {
            "mask": Segmentation(of="photo"),
            "things": Boxes(of="photo", units="pixels"),
            "tags": Tagging(of="words"),
            "good": Binary(),
        },
        width=8,
    )
    table = Table.read(pictures)
    declared: Declaration = learner._fitted(table, None)
    figure = draw(Predictor.build(declared, seed=0), table)
    own, mask, things, tags, good = figure_grid(figure, 3)[0]
    answer, label = (axes.get_images() for axes in mask.axes)
    np.testing.assert_array_equal(label[0].get_array(), np.full((2, 3, 3), [255, 0, 0]))
    np.testing.assert_array_equal(label[1].get_array(), pictures["mask"][0])
    assert answer[1].get_array().shape == (2, 3)
    boxes = [line.get_xydata().tolist() for line in things.axes[0].get_lines()]
    assert [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]] in boxes
    assert any("play Rome" in text for text in texts(own))
    assert {"tags", "play", "Rome"} <= {word.split("/")[0].split(" (")[0] for word in texts(tags)}
    assert any("(label)" in text for text in texts(good))
    # The last row has no picture, and nothing to draw on.
    assert not [
        axes.get_images() for axes in figure_grid(figure, 3)[2][1].axes if axes.get_images()
    ]
    figure.savefig(io.BytesIO())
