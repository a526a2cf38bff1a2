import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from plait.errors import DataError
from plait.table import Table, _kept, _read
from plait.table._cells import Cells

LATE = {
    "whole": ["1", "2"],
    "broken": ["1", "2.5"],
    "code": ["7", "01"],
    "yes": ["1", "true"],
    "day": ["2020-01-01", "2020-01-01 10:00:00"],
    "clock": ["10:00", "11:30"],
    "fine": ["2020-01-01 10:00:00", "2020-01-01 10:00:00.5"],
    "zone": ["2020-01-01T10:00:00Z", "2020-01-01T10:00:00+02:00"],
    "word": ["3", "x"],
    "odd_day": ["2020-01-01", "5"],
    "long": ["1", "99999999999999999999"],
    "gap": ["", "4"],
    "empty": ["", ""],
    "quoted": ['"a\nb"', '"c ""d"""'],
}
"""Columns of which the first and the last cell decide the type together."""


@pytest.fixture
def on_disk(monkeypatch, tmp_path):
    """Everything is too large for memory."""
    monkeypatch.setattr(_kept, "IN_MEMORY", 0)
    monkeypatch.setattr(_read, "IN_MEMORY", 0)
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))


def both(path, monkeypatch, *, rows=None):
    """The table as it is read into memory, and as it is read onto disk."""
    with monkeypatch.context() as patch:
        patch.setattr(_kept, "IN_MEMORY", 1 << 40)
        patch.setattr(_read, "IN_MEMORY", 1 << 40)
        small = Table.read(path)
    large = Table.read(path)
    assert large.column(large.columns[0]).cells.mapped is not None
    return small, large


def same(small, large):
    assert small.columns == large.columns
    assert {n: small.column(n).type for n in small.columns} == {
        n: large.column(n).type for n in large.columns
    }
    assert small.arrow.to_pylist() == large.arrow.to_pylist()
    assert small.fingerprint() == large.fingerprint()


@pytest.mark.parametrize("middle", [0, 40_000])
def test_a_large_csv_file_has_the_types_of_a_small_one(tmp_path, monkeypatch, on_disk, middle):
    """With the surprise in the first block that is read, and in a later one."""
    lines = [list(LATE), *zip(*LATE.values(), strict=True)]
    lines[2:2] = [lines[1]] * middle
    path = tmp_path / "late.csv"
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    if middle:
        assert path.stat().st_size > 2 << 20
    same(*both(path, monkeypatch))


def test_every_kind_of_file_is_the_same_table_on_disk(tmp_path, monkeypatch, on_disk):
    arrow = pa.table(
        {"name": ["a", "b", None], "price": [1.5, None, 3.0], "parts": [[1], [], None]}
    )
    parquet.write_table(arrow, tmp_path / "t.parquet")
    feather.write_feather(arrow, str(tmp_path / "t.feather"))
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in arrow.to_pylist()))
    text = "name;price\na;1,5\nb;\n;3,25\n"
    (tmp_path / "t.csv").write_text(text)
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(text)
    (tmp_path / "t.tsv").write_text(text.replace(";", "\t"))
    paths = sorted(tmp_path.glob("t.*"))
    assert len(paths) == 6
    for path in paths:
        same(*both(path, monkeypatch))
    assert not list((tmp_path / "cache").rglob("*.arrow"))


def test_rows_of_a_part_are_read_where_they_lie(tmp_path, monkeypatch, on_disk):
    draw = np.random.default_rng(0)
    arrow = pa.table({"n": np.arange(100_000), "word": [f"w{i}" for i in range(100_000)]})
    parquet.write_table(arrow, tmp_path / "t.parquet", row_group_size=9_000)
    small, large = both(tmp_path / "t.parquet", monkeypatch)
    at = draw.permutation(100_000)[:70_000]
    again = draw.integers(0, 70_000, 500)
    same(small.take(at), large.take(at))
    same(small.take(at).take(again), large.take(at).take(again))
    column = large.take(at).column("word")
    assert column.cell(3) == f"w{at[3]}"
    assert column.take(again).values.to_pylist() == [f"w{i}" for i in at[again]]
    assert [len(piece) for piece in column.pieces()] == [65_536, 70_000 - 65_536]
    same(small.take(at).emptied(["n"]), large.take(at).emptied(["n"]))


def test_cells_are_taken_out_of_chunks_in_any_order():
    chunks = [[1, None], [], [3], [4, 5, 6]]
    values = pa.chunked_array(chunks, pa.int64())
    for at in ([0], [5, 0, 5, 1, 2], [], [3, 3]):
        indices = np.array(at, "int64")
        assert Cells(values).taken(indices).to_pylist() == values.take(pa.array(indices)).to_pylist()


def test_a_pattern_and_a_folder_are_all_their_files(tmp_path):
    (tmp_path / "parts" / "_notes").mkdir(parents=True)
    (tmp_path / "parts" / "b.csv").write_text("n,word\n2.5,x\n")
    (tmp_path / "parts" / "a.csv").write_text("n\n1\n2\n")
    (tmp_path / "parts" / "_notes" / "c.csv").write_text("other\n1\n")
    (tmp_path / "parts" / "README").write_text("nothing")
    for source in (tmp_path / "parts", tmp_path / "parts" / "*.csv", tmp_path / "*" / "[ab].csv"):
        table = Table.read(source)
        assert table.arrow.to_pylist() == [
            {"n": 1.0, "word": None},
            {"n": 2.0, "word": None},
            {"n": 2.5, "word": "x"},
        ]
        assert table.root == (tmp_path if "*" in source.parent.name else tmp_path / "parts")


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("n\n1\n")
    (tmp_path / "b.csv").write_text("n\nx\n")
    with pytest.raises(DataError, match=r"\*\.csv do not fit together.*n"):
        Table.read(tmp_path / "*.csv")
    with pytest.raises(DataError, match=r"No file is called like"):
        Table.read(tmp_path / "*.parquet")
    with pytest.raises(DataError, match=r"holds no table"):
        Table.read(tmp_path.joinpath("empty").mkdir() or tmp_path / "empty")


def test_a_full_disk_is_said(tmp_path, on_disk, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_kept, "write_arrow", full)
    (tmp_path / "a.csv").write_text("n\n1\n")
    with pytest.raises(DataError, match=r"disk under .* is full.*PLAIT_CACHE"):
        Table.read(tmp_path / "a.csv")
