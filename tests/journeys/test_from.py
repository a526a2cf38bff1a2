"""`plait fit --from`: a model that begins with what another one has learnt."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from plait.cli import main
from plait.inference import Predictor, weights_of

OLD = "  sold: Binary\n"
NEW = OLD + "  price: Regression\n"
HARDLY = ("--set", "training.learning_rate=1e-12")
"""So that what came from the start is told from what is new by how it was, not by what it learnt."""


@pytest.fixture(scope="module")
def shop(make_records, tmp_path_factory):
    """A table, and a run on it that answers two of its columns."""
    records = make_records(tmp_path_factory.mktemp("shop"))
    records.configure("  bell: Audio\n", "  title: Text\n")
    records.configure("  price: Regression\n", "")
    records.configure(OLD, OLD + "  kept: {Multiclass: {column: kind}}\n")
    records.configure("  kind: Category\n", "")
    records.configure("width: 8", "width: 8\nfusion: Sum")
    assert main(words(records, "first")) == 0
    return records


def words(records, run, *more, edits=()):
    """`plait fit` with a config in which some pieces of text are others."""
    text = records.config.read_text()
    for old, new in dict(edits).items():
        assert old in text
        text = text.replace(old, new)
    config = records.folder / f"{run}.yaml"
    config.write_text(text)
    return [str(word) for word in ("fit", config, "--run", records.folder / run, *more)]


def answers(records, run):
    """What `plait predict` writes of the rows that no run has seen."""
    out = records.folder / f"{run}.parquet"
    given = ("predict", records.folder / run, records.table, "-o", out, "--where", "part=test")
    assert main([str(word) for word in given]) == 0
    return pq.read_table(out)


@pytest.fixture(scope="module")
def before(shop):
    """What the first run answers."""
    return answers(shop, "first")


def parts(records, run):
    """The weights by layer."""
    found = {}
    for name, variable in weights_of(Predictor.load(records.folder / run).model).items():
        found.setdefault(name.partition("/")[0], []).append(np.asarray(variable))
    return found


@pytest.fixture(scope="module")
def first(shop):
    """The weights of the first run."""
    return parts(shop, "first")


def alike(first, now):
    """The layers in which every weight is as it was in the first run."""
    return {
        name
        for name in first.keys() & now.keys()
        if all(
            one.shape == other.shape and np.allclose(one, other, rtol=0, atol=1e-9)
            for one, other in zip(first[name], now[name], strict=True)
        )
    }


def test_a_task_is_added_and_the_old_ones_answer_the_same_bit_for_bit(shop, before, plait):
    start = ("--from", shop.folder / "first", "--freeze-trunk")
    said = plait(*words(shop, "frozen", *start, edits={OLD: NEW}))
    assert said.code == 0, said.err
    assert "tasks sold, kept; learnt anew: price" in said.err
    after = answers(shop, "frozen")
    assert before.num_rows == 8
    assert after.select(before.column_names).equals(before)
    assert set(after.column_names) - set(before.column_names) == {"price"}
    assert len(set(after["price"].to_pylist())) > 1


def test_a_task_is_added_and_everything_goes_on_from_where_it_was(shop, first, plait):
    start = ("--from", shop.folder / "first", *HARDLY)
    said = plait(*words(shop, "task", *start, edits={OLD: NEW}))
    assert said.code == 0, said.err
    now = parts(shop, "task")
    assert alike(first, now) == first.keys()
    assert now.keys() - first.keys() == {"price"}


def test_a_class_is_added(shop, before, plait):
    table = shop.table.read_text()
    (shop.folder / "classes.csv").write_text(table.replace(",toy,", ",gem,", 3))
    start = ("--from", shop.folder / "first", *HARDLY)
    said = plait(*words(shop, "classes", *start, edits={"records.csv": "classes.csv"}))
    assert said.code == 0, said.err
    assert "tasks sold; learnt anew: kept" in said.err
    now = answers(shop, "classes")
    assert now.select(["sold"]).equals(before.select(["sold"]))
    for was, after in zip(
        *(t["kept.probabilities"].to_pylist() for t in (before, now)), strict=True
    ):
        assert after.keys() == {"gem", "tool", "toy"}
        odds, were = (given["toy"] / given["tool"] for given in (after, was))
        assert odds == pytest.approx(were, rel=1e-4)


def test_a_feature_is_added(shop, first, plait):
    added = {"  title: Text\n": "  title: Text\n  weight: {Number: {column: price}}\n"}
    start = ("--from", shop.folder / "first", *HARDLY)
    said = plait(*words(shop, "feature", *start, edits=added))
    assert said.code == 0, said.err
    assert "features photo, title, age; learnt anew: weight" in said.err
    now = parts(shop, "feature")
    assert any(name.startswith("weight__") for name in now)
    assert alike(first, now) == first.keys() - {"fusion"}
    assert answers(shop, "feature").num_rows == 8


@pytest.mark.parametrize(
    ("more", "edits", "message"),
    [
        (
            (),
            {"  age: Number": "  years: {Number: {column: age}}"},
            "features photo, title; learnt anew: years; left behind: age",
        ),
        ((), {"title: Text": "title: {Text: {encoder: {TextBag: {gain: 4}}}}"}, "'title__encoder'"),
        ((), {"fusion: Sum": "fusion: Mean"}, "'fusion'"),
        (("--set", "training.precision=bfloat16"), {}, "Keep features, fusion, sharing and prec"),
    ],
)
def test_frozen_it_has_to_be_as_it_was(more, edits, message, shop, plait):
    start = ("--from", shop.folder / "first", "--freeze-trunk")
    said = plait(*words(shop, "refused", *start, *more, edits={OLD: NEW, **edits}))
    assert (said.code, message in said.err) == (2, True), said.err
    assert "is not what it was in " in said.err
    assert not (shop.folder / "refused").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--freeze-trunk",), "name that one, `plait fit --from RUN`"),
        (("--from", "frist"), "No saved model at "),
        (("--from", "records.csv"), "is refused: it is cut short or no saved model"),
    ],
)
def test_a_start_that_will_not_do_is_said_before_anything_trains(
    more, message, shop, plait, monkeypatch
):
    monkeypatch.chdir(shop.folder)
    said = plait(*words(shop, "refused", *more))
    assert (said.code, message in said.err) == (2, True), said.err
    assert ("Did you mean 'first'?" in said.err) == ("frist" in more)
    assert not (shop.folder / "refused").exists()
