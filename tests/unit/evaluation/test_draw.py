"""Rows with what is answered, to look at."""

import io

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.text import Text as Said

from plait.errors import ConfigError
from plait.evaluation import draw
from plait.features import Image, Series, Text
from plait.inference import Declaration, Predictor
from plait.learner import Learner
from plait.table import Table, Windows
from plait.tasks import Binary, Boxes, Forecast, Multiclass, Segmentation, Tagging
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
    # Red pixels, in grey so that the classes' colours are their own.
    np.testing.assert_array_equal(label[0].get_array(), np.full((2, 3), 255 / 3))
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


def test_names_that_begin_alike_are_two_and_dollars_are_no_formula():
    names = ["a very long name of a class, first", "a very long name of a class, second", "$a_b_c$"]
    cells = {"note": ["from $10 to $20", "$a_b_c$", "$x^$"], "kind": names}
    learner = Learner({"note": Text()}, {"kind": Multiclass()}, width=4)
    table = Table.read(cells)
    figure = draw(Predictor.build(learner._fitted(table, None), seed=0), table)
    for row in range(len(names)):
        own, kind = figure_grid(figure, 3)[row]
        assert len(kind.axes[0].patches) == 3
        assert len({bar.get_y() for bar in kind.axes[0].patches}) == 3
        assert [text for text in texts(own) if cells["note"][row].replace("$", r"\$") in text]
    figure.savefig(io.BytesIO())


def test_a_picture_is_shown_in_the_light_it_has():
    grey = [png((6, 4), (60, 60, 60)), png((6, 4), (90, 90, 90))]
    table = Table.read({"photo": pa.array(grey, pa.binary()), "good": [True, False]})
    learner = Learner({"photo": Image()}, {"good": Binary()}, width=4)
    figure = draw(Predictor.build(learner._fitted(table, None), seed=0), table)
    (image,) = figure_grid(figure, 2)[0][0].subfigs[0].axes[0].get_images()
    assert image.get_clim() == (0, 255)
    assert tuple(image.get_extent()) == (0, 6, 4, 0)


def test_the_newest_steps_are_drawn_before_their_future_is_known():
    steps = {"day": list(range(12)), "load": [float(n % 5) for n in range(12)]}
    learner = Learner(
        {"past": Series(column="history")},
        {"next": Forecast(of="past", column="future", horizon=2)},
        windows=Windows(time="day", history=4, horizon=2),
        width=4,
    )
    whole = (
        Windows(time="day", history=4, horizon=2).fitting(Table.read(steps)).of(Table.read(steps))
    )
    predictor = Predictor.build(learner._fitted(whole, None), seed=0)
    newest = {name: cells[-4:] for name, cells in steps.items()}
    _, panel = draw(predictor, newest).subfigs
    past, ahead = panel.axes[0].get_lines()
    assert past.get_ydata().tolist() == newest["load"]
    assert len(ahead.get_ydata()) == 2
