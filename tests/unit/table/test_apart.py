"""Windows share steps: no part is asked for what another has learnt."""

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.features import Series
from plait.learner import Learner
from plait.table import Split, Table, Windows, agreed, demand_whole_series
from plait.tasks import Forecast
from plait.training import parted

STEPS = 40


def long_table(**more):
    at = np.tile(np.arange(STEPS).astype("datetime64[D]").astype("datetime64[us]"), 2)
    columns = {
        "site": ["a"] * STEPS + ["b"] * STEPS,
        "at": at,
        "x": np.arange(2.0 * STEPS),
        "part": (["train"] * 24 + ["val"] * 8 + ["test"] * 8) * 2,
        "area": ["north"] * STEPS + ["south"] * STEPS,
        "month": [str(day)[5:7] for day in at],
    }
    return Table(pa.table(columns | more), "air.csv")


def windows(**more):
    return Windows(**{"time": "at", "by": "site", "history": 4, "horizon": 3, **more})


def steps_of(table, name):
    return {x for row in table.column(name).values.to_pylist() for x in row["x"]}


def parts(split=None, table=None, **more):
    return parted(table or long_table(), split=split, windows=windows(**more))


@pytest.mark.parametrize(
    ("split", "more"),
    [
        (None, {"parts": "part"}),
        ("part", {}),
        (Split(column="part"), {}),
        (Split(column="part"), {"parts": "part"}),
        (Split(after="at", fractions=(0.6, 0.2, 0.2)), {}),
        (Split(after={"at": ["1970-01-25", "1970-02-02"]}), {}),
        (None, {"parts": (24, 8, 8)}),
    ],
)
def test_no_future_of_one_part_is_known_to_another(split, more):
    found = parts(split, **more)
    futures = {part: steps_of(rows, "future") for part, rows in found.items()}
    assert len(futures) == 3
    for part, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not futures[part] & futures[other]
        # Nor has an earlier part read it.
        assert not steps_of(found[part], "history") & futures[other]
    # Nothing is left out but what crosses a cut.
    assert max(futures["test"]) == 2 * STEPS - 1
    assert len(futures["train"]) >= 2 * (24 - 4 - 6)


def test_a_window_that_crosses_a_cut_is_left_out():
    found = parts(Split(after={"at": ["1970-01-25", "1970-02-02"]}))
    # The last future of a that trains ends the day before the cut.
    assert max(x for x in steps_of(found["train"], "future") if x < STEPS) == 23
    assert max(x for x in steps_of(found["validation"], "future") if x < STEPS) == 31


def test_steps_without_a_row_do_not_hide_a_cut():
    table = long_table().take(np.delete(np.arange(2 * STEPS), [23, 24, 25]))
    found = parts(Split(after={"at": ["1970-01-25", "1970-02-02"]}), table=table, step="1d")
    known = {x for x in steps_of(found["train"], "future") if x is not None and x < STEPS}
    assert max(known) == 22


def test_windows_that_were_made_elsewhere_may_have_times_of_text():
    made = windows().of(long_table()).arrow
    texts = made
    for name in ("at", "future_times"):
        kind = pa.string() if name == "at" else pa.list_(pa.string())
        cells = [
            str(cell)[:10] if name == "at" else [str(at)[:10] for at in cell]
            for cell in made[name].to_pylist()
        ]
        texts = texts.set_column(texts.column_names.index(name), name, pa.array(cells, kind))
    split = Split(after={"at": ["1970-01-25", "1970-02-02"]})
    found, expected = (parts(split, table=Table(table, "made.parquet")) for table in (texts, made))
    assert {part: t.rows.tolist() for part, t in found.items()} == {
        part: t.rows.tolist() for part, t in expected.items()
    }
    numbers = pa.array([[1, 2, 3]] * len(made))
    odd = made.set_column(made.column_names.index("future_times"), "future_times", numbers)
    with pytest.raises(DataError, match=r"'future_times' of odd\.parquet: .* another kind"):
        parts(split, table=Table(odd, "odd.parquet"))


@pytest.mark.parametrize("by", ["site", "area"])
def test_series_may_be_kept_whole(by):
    found = parts(Split(by=by, fractions=(0.5, 0.5, 0.0)))
    assert {part: len(set(t.column("site").values.to_pylist())) for part, t in found.items()} == {
        "train": 1,
        "validation": 1,
    }


@pytest.mark.parametrize(
    "split", [None, Split(), Split(by="month"), Split(after="x2"), Split(stratify="site")]
)
def test_what_would_part_them_otherwise_is_refused(split):
    message = r"share steps.*Windows\(parts=.*Split\(after='at'\).*Split\(by="
    with pytest.raises(ConfigError, match=message):
        parts(split, table=long_table(x2=list(map(str, range(2 * STEPS)))), values=("x",))


def test_the_same_where_validation_rows_are_held_out():
    with pytest.raises(ConfigError, match="share steps"):
        parted({"train": long_table(), "test": long_table()}, windows=windows())
    found = parted(
        {"train": long_table(), "test": long_table()}, None, None, (), None, windows(parts="part")
    )
    assert not steps_of(found["train"], "future") & steps_of(found["validation"], "future")
    # All windows of a table of one part are of it.
    assert len(found["test"]) == 2 * (STEPS - 6)
    own = parted({"train": long_table(), "validation": long_table()}, windows=windows())
    assert len(own["train"]) == 2 * (STEPS - 6)


def test_windows_that_share_no_step_may_be_parted_at_random():
    for more in ({"every": 7}, {"horizon": 0}, {"history": None, "by": "month"}):
        table = long_table().take(np.arange(STEPS))
        assert "train" in parts(table=table, **more)


def test_a_future_of_which_all_reaches_beyond_the_cut_is_told():
    with pytest.raises(DataError, match="every window before the first cut reaches beyond it"):
        parts(Split(after={"at": ["1970-01-06", "1970-02-02"]}))


def test_a_split_and_windows_agree_on_the_column():
    assert agreed(None, windows(parts="part")) == (Split(column="part"), windows(parts="part"))
    assert agreed(None, windows(parts=(1, 1, 1)))[0] == Split(column="split")
    assert agreed("part", windows()) == ("part", windows(parts="part"))
    assert agreed(Split(by="site"), windows()) == (Split(by="site"), windows())
    assert agreed("part", None) == ("part", None)
    for split in ("site", Split(by="site"), Split(after="at")):
        with pytest.raises(ConfigError, match=r"Windows\(parts='part'\) says which part.*Received"):
            agreed(split, windows(parts="part"))


def test_a_learner_settles_it():
    features, tasks = {"history": Series()}, {"next": Forecast(of="history", column="future")}
    assert Learner(features, tasks, windows=windows(), split="part").windows.parts == "part"
    assert Learner(features, tasks, windows=windows(parts="part")).split == Split(column="part")


def test_folds_keep_series_whole():
    made = windows().of(long_table())
    demand_whole_series(made, "site", windows())
    demand_whole_series(made, None, windows(horizon=0))
    demand_whole_series(made, None, None)
    features, tasks = {"history": Series()}, {"next": Forecast(of="history", column="future")}
    with pytest.raises(ConfigError, match="share steps"):
        Learner(features, tasks, windows=windows()).folds(long_table(), 2, run=False)
