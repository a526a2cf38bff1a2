import gc
import gzip
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
from pyarrow.csv import open_csv, write_csv

from plait.errors import DataError
from plait.table import (
    Column,
    Table,
    _cells,
    _infer,
    _kept,
    _mapped,
    _read,
    _stream_csv,
    _stream_json,
    infer,
    leaks,
)
from plait.table._cells import Cells
from plait.table._codes import Codes
from plait.table._mapped import write_arrow

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
    monkeypatch.setattr(_cells, "_NARROW", 0)
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
    with pa.ipc.new_stream(tmp_path / "t.arrows", arrow.schema) as writer:
        writer.write_table(arrow)
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in arrow.to_pylist()))
    text = "name;price\na;1,5\nb;\n;3,25\n"
    (tmp_path / "t.csv").write_text(text)
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(text)
    (tmp_path / "t.tsv").write_text(text.replace(";", "\t"))
    paths = sorted(tmp_path.glob("t.*"))
    assert len(paths) == 7
    for path in paths:
        same(*both(path, monkeypatch))
    assert not list((tmp_path / "cache").rglob("*.arrow"))


def test_types_of_json_lines_are_those_of_all_blocks(tmp_path, monkeypatch, on_disk):
    monkeypatch.setattr(_stream_json, "_BLOCK", 64)
    rows = [
        *[{"n": None, "day": "2020-01-01", "of": [1], "in": {"a": 1}, "no": None}] * 3,
        *[{"n": 1, "day": "2020-01-02", "of": [None, 2.5], "in": {"b": "x"}}] * 3,
        {"n": 2.5, "day": "n/a", "of": None, "late": "longer than a block " * 10},
        {"n": 3},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("\n" + "\n".join(map(json.dumps, rows)) + "\n\n")
    same(*both(path, monkeypatch))
    path.write_text("\n".join(json.dumps({"n": n}) for n in [*range(20), "x"]))
    with pytest.raises(DataError, match=r"t.jsonl' cannot be read as JSON lines: .*/n"):
        Table.read(path)
    path.write_text("\n \n")
    with pytest.raises(DataError, match=r"it has no row"):
        Table.read(path)
    monkeypatch.setattr(_stream_json, "_LONGEST", 200)
    path.write_text("[" * 300)
    with pytest.raises(DataError, match=r"a row has more than 200 bytes"):
        Table.read(path)


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_a_small_file_of_many_rows_is_kept_by_what_they_take(tmp_path, monkeypatch, on_disk, kind):
    path = tmp_path / f"t.{kind}"
    same_words = pa.table({"word": ["a word that each of many rows has"] * 100_000})
    if kind == "parquet":
        parquet.write_table(same_words, path)
    else:
        feather.write_feather(same_words, str(path), compression="zstd")
    for module in (_kept, _read):
        monkeypatch.setattr(module, "IN_MEMORY", 10 * path.stat().st_size)
    assert Table.read(path).column("word").cells.mapped is not None


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


def test_memory_of_what_was_read_of_a_mapped_table_is_given_back(tmp_path, monkeypatch, on_disk):
    photos = [bytes([n]) * 100_000 for n in range(50)]
    parquet.write_table(pa.table({"photo": photos}), tmp_path / "t.parquet")
    column = Table.read(tmp_path / "t.parquet").column("photo")
    given_back = []
    monkeypatch.setattr(_mapped, "_HELD", 1_000_000)
    monkeypatch.setattr(_mapped.Mapped, "release", lambda mapped: given_back.append(1))
    for some in (column, column.take(np.arange(50)[::-1])):
        # One by one they are not read through the map, so that there is nothing to give back.
        before = len(given_back)
        cells = [some.cell(n)[0] for n in range(50)]
        assert len(given_back) == before
        assert cells == [n[0] for n in some.values.to_pylist()]
    assert given_back == [1]
    monkeypatch.setattr(_cells, "_PIECE_BYTES", 1_000_000)
    given_back.clear()
    fresh = replace(column, stored=Cells(column.cells.values, column.cells.mapped))
    assert len(list(fresh.pieces())) == 6
    assert len(given_back) >= 2


def test_the_narrow_columns_of_a_large_table_are_in_memory(tmp_path, monkeypatch, on_disk):
    arrow = pa.table({"word": ["some long word"] * 1000, "n": range(1000), "yes": [True] * 1000})
    parquet.write_table(arrow, tmp_path / "t.parquet", row_group_size=100)
    monkeypatch.setattr(_cells, "_NARROW", 8 * 1000 + 1000)
    table = Table.read(tmp_path / "t.parquet")
    on_file = {name: table.column(name).cells.mapped is not None for name in table.columns}
    assert on_file == {"word": True, "n": False, "yes": False}
    whole = table.column("n").cells.values
    assert len(whole.chunks) == 1
    assert not table.column("word").cells.mapped.holds(whole)  # A copy.
    some = table.take(np.array([999, 0]))
    assert [some.column(name).values.to_pylist() for name in ("n", "yes")] == [[999, 0], [True] * 2]


@pytest.mark.parametrize(("told", "times"), [(5, 0), (None, 3)])
def test_what_takes_no_memory_is_not_brought_in_again(told, times, tmp_path, monkeypatch, on_disk):
    parquet.write_table(pa.table({"word": ["a", "b"]}), tmp_path / "t.parquet")
    mapped = Table.read(tmp_path / "t.parquet").column("word").cells.mapped
    given_back = []
    monkeypatch.setattr(_mapped, "_mapped_bytes", lambda: told)
    monkeypatch.setattr(_mapped.Mapped, "release", lambda mapped: given_back.append(1))
    for _ in range(3):
        mapped.count(_mapped._HELD + 1)
    assert len(given_back) == times


def test_which_media_are_there_is_found_out_once():
    column = Table.read({"photo": [b"a", None, b"c"] * 5}).column("photo")
    assert column.take(np.array([4, 0, 4])).is_missing().tolist() == [True, False, True]
    assert column.cells.valid(None) is column.cells.valid(None)


@pytest.mark.parametrize("where", ["memory", "disk", "disk, without pread"])
@pytest.mark.parametrize(
    "cell",
    [
        int,
        str,
        lambda n: "\u00e9" * (n % 3),
        lambda n: bytes([n]) * n,
        lambda n: n / 2,
        lambda n: n % 2 == 0,
        lambda n: date(2020, 1, 1 + n % 28),
        lambda n: datetime(2020, 1, 1, n % 24, tzinfo=UTC),
        lambda n: [n, n + 1],
        lambda n: {"n": n},
        lambda n: None,
    ],
    ids=[
        "int",
        "string",
        "accents",
        "bytes",
        "float",
        "bool",
        "date",
        "time",
        "list",
        "struct",
        "null",
    ],
)
def test_cells_are_taken_out_of_chunks_in_any_order(cell, where, tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    ends = (0, 1, 1, 3, 40, 90)
    cells = [None if n % 7 == 2 else cell(n) for n in range(90)]
    kind = pa.array(cells).type
    values = pa.chunked_array([pa.array(cells[a:b], kind) for a, b in pairwise(ends)], kind)
    mapped = None
    if where != "memory":
        if where != "disk":
            monkeypatch.delattr(os, "pread")
        mapped = on_file(values, tmp_path / "cells")
        values = mapped.table.column(0)
    # Few of each chunk are cut out, many are taken at once.
    for at in (
        [0],
        [80, 0, 80, 1, 2],
        [],
        [3, 3],
        [2, 9],
        draw.integers(0, 90, 20),
        draw.integers(3, 90, 500),
    ):
        found = Cells(values, mapped).taken(np.array(at, "int64"))
        assert found.type == kind
        found.validate(full=True)
        assert found.to_pylist() == [cells[n] for n in at]
    assert [Cells(values, mapped).cell(n) for n in range(90)] == cells
    some = Cells(values, mapped).part(slice(20, 70))
    assert some.taken(np.array([30, 4])).to_pylist() == [cells[50], cells[24]]
    assert [some.cell(n) for n in range(50)] == cells[20:70]


def test_columns_that_are_not_plain_stay_where_they_lie(tmp_path):
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1], "int8"), [pa.array([1, 2]), pa.array(["a", "b"])]
    )
    mapped = on_file(pa.chunked_array([union, union]), tmp_path / "cells")
    cells = _cells.cells_of(mapped.table, mapped)["cell"]
    assert cells.mapped is mapped
    assert [cells.cell(n) for n in range(4)] == [1, "b"] * 2


def test_threads_read_side_by_side(tmp_path):
    texts = [f"{n} " * (n % 50) for n in range(5_000)]
    chunks = [pa.array(texts[n : n + 100]) for n in range(0, 5_000, 100)]
    mapped = on_file(pa.chunked_array(chunks), tmp_path / "cells")
    cells = Cells(mapped.table.column(0), mapped)

    def read(seed):
        at = np.random.default_rng(seed).integers(0, 5_000, 300)
        return cells.taken(at).to_pylist() == [texts[n] for n in at]

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(read, range(40)))


def test_a_mapped_file_that_nobody_holds_is_closed(tmp_path):
    mapped = on_file(pa.chunked_array([["a"]]), tmp_path / "cells")
    number = mapped._file
    os.fstat(number)
    del mapped
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_more_than_an_array_holds_is_told(tmp_path, monkeypatch):
    mapped = on_file(pa.chunked_array([["a"], ["b"]]), tmp_path / "cells")
    cells = Cells(mapped.table.column(0), mapped)
    cells._spots._ends = np.array([0, 2**31 - 1] * 2)
    with pytest.raises(pa.ArrowInvalid, match="4,294,967,294 bytes are more than"):
        cells.taken(np.array([0, 1]))


def test_what_is_not_in_the_file_is_not_read_as_less(tmp_path):
    mapped = on_file(pa.chunked_array([["a", "b"]]), tmp_path / "cells")
    end = (tmp_path / "cells").stat().st_size
    assert len(mapped.read(end - 3, 3)) == 3
    with pytest.raises(OSError, match=rf"ended after {end} bytes"):
        mapped.read(end - 3, 4)


def on_file(values, path):
    schema = pa.schema([("cell", values.type)])
    batches = [pa.record_batch([chunk], schema) for chunk in values.chunks]
    with path.open("w+b") as file:
        write_arrow(pa.RecordBatchReader.from_batches(schema, batches), file)
        return _mapped.Mapped(file)


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


def test_a_folder_of_parquet_files_in_folders(tmp_path):
    for year, cells in ((2023, {"n": [1, 2]}), (2024, {"n": [2.5], "word": ["x"]})):
        (tmp_path / f"year={year}").mkdir()
        parquet.write_table(pa.table(cells), tmp_path / f"year={year}" / "part-0.parquet")
    assert Table.read(tmp_path).arrow.to_pylist() == [
        {"n": 1.0, "year": 2023, "word": None},
        {"n": 2.0, "year": 2023, "word": None},
        {"n": 2.5, "year": 2024, "word": "x"},
    ]


def test_media_lie_beside_a_file_in_a_folder_that_is_called_like_a_pattern(tmp_path):
    (tmp_path / "run[1]").mkdir()
    (tmp_path / "run[1]" / "a.csv").write_text("n\n1\n")
    assert Table.read(tmp_path / "run[1]" / "a.csv").root == tmp_path / "run[1]"


def test_files_of_text_that_disagree_are_read_as_one_file_would_be(tmp_path):
    (tmp_path / "a.csv").write_text("n,code,whole,day\n1.50,01,1,2020-01-01\n")
    (tmp_path / "b.csv").write_text("day,n,code,whole\n2020-01-02,x,12,2.5\n")
    assert Table.read(tmp_path / "*.csv").arrow.to_pylist() == [
        {"n": "1.50", "code": "01", "whole": 1.0, "day": date(2020, 1, 1)},
        {"n": "x", "code": "12", "whole": 2.5, "day": date(2020, 1, 2)},
    ]


def test_files_of_json_lines_that_disagree_are_read_as_one_file_would_be(tmp_path):
    rows = [
        {
            "day": "2020-01-01",
            "n": (1 << 53) + 1,
            "days": ["2020-01-01"],
            "in": {"day": "2020-01-01"},
        },
        {"day": "n/a", "n": 0.5, "days": ["n/a"], "in": {"day": "n/a", "n": 1}, "late": True},
    ]
    lines = [json.dumps(row) for row in rows]
    for order in (lines, lines[::-1]):
        for name, text in zip(("a", "b", "both"), (*order, "\n".join(order)), strict=True):
            (tmp_path / f"{name}.jsonl").write_text(text)
        one, two = Table.read(tmp_path / "both.jsonl"), Table.read(tmp_path / "?.jsonl")
        assert set(one.arrow.schema) == set(two.arrow.schema)
        assert one.arrow.to_pylist() == two.arrow.to_pylist()
        assert one.arrow.schema.field("day").type == pa.string()
    (tmp_path / "b.jsonl").write_text('{"n": "n/a"}')
    with pytest.raises(DataError, match=r"cannot be read as JSON lines: .*Column\(/n\) changed"):
        Table.read(tmp_path / "?.jsonl")


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("n\nx\n")
    parquet.write_table(pa.table({"n": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"\[ab\]\.\* do not fit together.*n"):
        Table.read(tmp_path / "[ab].*")
    for name, number in (("c", (1 << 53) + 1), ("d", 1.5)):
        parquet.write_table(pa.table({"n": [number]}), tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=r"do not fit together: column 'n': .*9007199254740993"):
        Table.read(tmp_path / "[cd].parquet")
    with pytest.raises(DataError, match=r"No file is called like"):
        Table.read(tmp_path / "*.feather")
    with pytest.raises(DataError, match=r"holds no table"):
        Table.read(tmp_path.joinpath("empty").mkdir() or tmp_path / "empty")


@pytest.mark.parametrize("memory", ["large", "small"])
def test_columns_in_the_names_of_folders(tmp_path, memory, request):
    if memory == "small":
        request.getfixturevalue("on_disk")
    for year, shop, rows in (
        ("2023", "a%2Fb", "5"),
        ("2024", "__HIVE_DEFAULT_PARTITION__", "6\n7"),
    ):
        folder = tmp_path / "sales" / f"year={year}" / f"shop={shop}" / "month=01"
        folder.mkdir(parents=True)
        (folder / "part.csv").write_text(f"n\n{rows}\n")
    expected = [
        {"n": 5, "year": 2023, "shop": "a/b", "month": "01"},
        {"n": 6, "year": 2024, "shop": None, "month": "01"},
        {"n": 7, "year": 2024, "shop": None, "month": "01"},
    ]
    for source in ("sales", "sales/year=*/**/*.csv"):
        assert Table.read(tmp_path / source).arrow.to_pylist() == expected
    address = f"file://{tmp_path}/sales"
    for source in (address, f"{address}/year=*/*/*/part.csv"):
        assert Table.read(source).arrow.to_pylist() == expected
    # What a file says itself goes before, and one file that is named is no part of a folder.
    one = next(tmp_path.rglob("year=2023/**/part.csv"))
    assert Table.read(one).columns == ["n"]
    one.write_text("n,year\n5,1999\n")
    assert Table.read(tmp_path / "sales").column("year").values.to_pylist() == [1999, 2024, 2024]


def test_a_table_on_disk_has_no_name_while_it_is_written(tmp_path, on_disk, monkeypatch):
    seen = []

    def watched(batches, file):
        write_arrow(batches, file)
        seen.extend(p for p in (tmp_path / "cache").rglob("*") if p.is_file())

    monkeypatch.setattr(_kept, "write_arrow", watched)
    (tmp_path / "a.csv").write_text("n\n1\n")
    assert Table.read(tmp_path / "a.csv").column("n").cells.mapped is not None
    assert seen == []


@pytest.mark.parametrize("group", [1_000, 100_000])
def test_of_a_parquet_file_some_rows_are_in_memory_at_a_time(tmp_path, monkeypatch, group):
    monkeypatch.setattr(_read, "_BYTES", 1 << 21)
    path, rows = tmp_path / "t.parquet", 20_000
    cells = np.random.default_rng(0).bytes(2_000 * rows)
    photo = [cells[start : start + 2_000] for start in range(0, len(cells), 2_000)]
    parquet.write_table(
        pa.table({"n": np.arange(rows), "photo": photo}), path, row_group_size=group
    )
    del photo
    before, most, seen = pa.total_allocated_bytes(), 0, 0
    for batch in _read._parquet_batches(path):
        most = max(most, pa.total_allocated_bytes() - before)
        assert batch["n"][0].as_py() == seen
        seen += len(batch)
        del batch
    assert seen == rows
    assert most < 0.4 * path.stat().st_size


def test_a_late_surprise_has_a_large_file_read_once_more(tmp_path, on_disk, monkeypatch):
    opened = []
    monkeypatch.setattr(
        _stream_csv.csv, "open_csv", lambda *a, **k: opened.append(1) or open_csv(*a, **k)
    )
    (tmp_path / "a.csv").write_text("n\n" + "1\n" * 700_000 + "x\n")
    assert Table.read(tmp_path / "a.csv").column("n").type == pa.string()
    # To see the columns, to the surprise, to the end, and to keep it.
    assert len(opened) == 4


@pytest.mark.parametrize(
    "look", [leaks, lambda parts: infer(parts["train"])], ids=["leaks", "infer"]
)
def test_media_and_long_texts_are_not_read_to_be_looked_at(look, monkeypatch):
    rows = 3_000
    table = Table.read(
        {
            "photo": [b"\x89PNG" + bytes(1000)] * rows,
            "note": [f"a note of some words, number {n}" for n in range(rows)],
            "kind": ["a", "b", "c"] * (rows // 3),
        }
    )
    parts = {"train": table.take(np.arange(2_500)), "test": table.take(np.arange(2_500, rows))}
    taken, read = [], Cells.taken

    def watched(cells, indices):
        taken.append((cells.type, len(indices)))
        return read(cells, indices)

    monkeypatch.setattr(Cells, "taken", watched)
    monkeypatch.setattr(_cells, "PIECE", 100)
    look(parts)
    most = {kind: max(n for k, n in taken if k == kind) for kind, _ in taken}
    assert pa.binary() not in most
    assert most[pa.string()] <= 2_000


def test_of_a_target_with_many_values_no_more_is_read_than_tells_so(monkeypatch):
    monkeypatch.setattr(_cells, "PIECE", 100)
    column = Table.read({"n": list(range(1000))}).column("n")
    pieces, seen = Column.pieces, []
    monkeypatch.setattr(Column, "pieces", lambda c: (seen.append(p) or p for p in pieces(c)))
    assert Codes.of_few(column, 50) is None
    # That piece itself, and its look for empty cells.
    assert len(seen) == 2


def test_codes_are_places_in_the_distinct_values(monkeypatch):
    monkeypatch.setattr(_cells, "PIECE", 2)
    found = Codes.of(Table.read({"w": ["b", "a", None, "b", "", "c", None]}).column("w"))
    assert found.values.to_pylist() == ["b", "a", "c"]
    assert found.places.tolist() == [0, 1, -1, 0, -1, 2, -1]
    assert found.with_empty_last().tolist() == [0, 1, 3, 0, 3, 2, 3]
    assert found.with_empty_apart().tolist() == [0, 1, 3, 0, 4, 2, 5]


def test_codes_hash_each_value_twice_however_many_pieces_there_are(monkeypatch):
    monkeypatch.setattr(_cells, "PIECE", 10)
    hashed, index_in = [], pc.index_in

    def watched(cells, value_set):
        hashed.append(len(value_set))
        return index_in(cells, value_set=value_set)

    monkeypatch.setattr(pc, "index_in", watched)
    column = Table.read({"n": list(range(1000))}).column("n")
    found = Codes.of(column.take(np.arange(1000) // 2))
    assert found.places.tolist() == [n // 2 for n in range(1000)]
    assert sum(hashed) <= 2 * 500


@pytest.mark.parametrize("kind", ["null", "string", "float64"])
def test_codes_of_a_column_that_is_empty(kind):
    column = Table.read(pa.table({"n": pa.nulls(3, kind)})).column("n")
    assert Codes.of(column).places.tolist() == [-1, -1, -1]
    assert len(Codes.of_few(column, 1).values) == 0


@pytest.mark.parametrize(
    ("cells", "differ"),
    [([1, 2, 3, None, None], True), ([1, 1, 2, 3, 4], False), ([1, 2, 3, 4, 1], False)],
)
def test_cells_that_all_differ(cells, differ, monkeypatch):
    monkeypatch.setattr(_cells, "PIECE", 2)
    assert _infer._differ(Table.read({"n": cells}).column("n")) == differ


def test_codes_of_half_precision():
    cells = pa.array(np.array([2, 1, 2], "float16"))
    assert Codes.of(Table.read(pa.table({"n": cells})).column("n")).places.tolist() == [0, 1, 0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_is_gone_when_it_is_read_is_said(tmp_path, on_disk, monkeypatch, kind):
    path = tmp_path / f"t.{kind}"
    path.write_text("n\n1\n")
    if kind == "parquet":
        parquet.write_table(pa.table({"n": [1]}), path)
    monkeypatch.setattr(_read, "kept", lambda *found: path.unlink() or _kept.kept(*found))
    with pytest.raises(DataError, match=rf"'t.{kind}' cannot be read as .*: .*No such file"):
        Table.read(path)


@pytest.mark.parametrize("memory", ["large", "small"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "feather"])
def test_a_table_stays_as_it_was_read_whatever_becomes_of_its_file(tmp_path, kind, memory, request):
    if memory == "small":
        request.getfixturevalue("on_disk")
    path, arrow = tmp_path / f"t.{kind}", pa.table({"n": range(5_000)})
    write = {
        "csv": write_csv,
        "parquet": parquet.write_table,
        "feather": lambda *given: feather.write_feather(*given, "uncompressed"),
    }
    write[kind](arrow, path)
    table = Table.read(path)
    with path.open("r+b") as file:
        file.write(b"7" * path.stat().st_size)
    assert table.arrow.equals(arrow)
    path.unlink()
    assert table.column("n").values.combine_chunks().equals(arrow["n"].combine_chunks())


CELLS = {
    "yes": [True, None, False, False],
    "word": ["a", "", None, "bc"],
    "data": [b"a", None, b"", b"bc"],
    "n": [1, 2, None, 4],
    "half": pa.array(np.arange(4, dtype="float16")),
    "tags": [["x"], [], None, ["y", None]],
    "vector": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
    "place": [{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}, {"x": 2, "y": ""}],
    "day": [date(2020, 1, n) for n in range(1, 5)],
    "amount": pa.array([1, 2, None, 3], pa.decimal128(5)),
    "nothing": [None] * 4,
}


@pytest.mark.parametrize("name", CELLS)
def test_a_fingerprint_is_of_the_cells_however_they_lie(name, monkeypatch):
    cells = CELLS[name] if isinstance(CELLS[name], pa.Array) else pa.array(CELLS[name])
    long = {
        pa.string(): pa.large_string(),
        pa.binary(): pa.large_binary(),
        pa.list_(pa.string()): pa.large_list(pa.large_string()),
    }

    def of(values, piece=1 << 16):
        monkeypatch.setattr(_cells, "PIECE", piece)
        return Table.read(pa.table({"c": values})).fingerprint()

    shuffled = pa.chunked_array([cells[::-1], cells, cells]).combine_chunks()
    same = [cells, shuffled.slice(4, 4), cells.cast(long.get(cells.type, cells.type))]
    same += [pa.chunked_array([cells[:1], cells[1:1], cells[1:]])]
    assert {of(values, piece) for values in same for piece in (1 << 16, 3, 1)} == {of(cells)}
    others = [cells[:3], pa.chunked_array([cells[:3], cells[:1]]), cells[1:]]
    assert name == "nothing" or of(cells) not in map(of, others)


def test_a_full_disk_is_said(tmp_path, on_disk, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_kept, "write_arrow", full)
    (tmp_path / "a.csv").write_text("n\n1\n")
    with pytest.raises(DataError, match=r"disk under .* is full.*PLAIT_CACHE"):
        Table.read(tmp_path / "a.csv")
