import gzip
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from plait.errors import DataError
from plait.table import Table

COLUMNS = {"name": ["a", "b", None], "price": [1.5, None, 3.0]}


def files(folder):
    """The same table in every kind of file."""
    arrow = pa.table(COLUMNS)
    text = "name,price\na,1.5\nb,\n,3.0\n"
    (folder / "t.csv").write_text(text)
    (folder / "t.tsv").write_text(text.replace(",", "\t"))
    with gzip.open(folder / "t.csv.gz", "wt") as file:
        file.write(text)
    parquet.write_table(arrow, folder / "t.parquet")
    feather.write_feather(arrow, str(folder / "t.feather"))
    rows = "\n".join(json.dumps(row) for row in arrow.to_pylist())
    (folder / "t.jsonl").write_text(rows)
    return sorted(folder.glob("t.*"))


def test_every_kind_of_file_is_the_same_table(tmp_path):
    for path in files(tmp_path):
        table = Table.read(path)
        assert {n: table.arrow[n].to_pylist() for n in table.columns} == COLUMNS, path.name
        assert table.root == tmp_path
        assert table.name == path.name


@pytest.mark.parametrize(
    "make",
    [
        dict,
        pa.table,
        lambda c: pa.table(c).to_reader(),
        pd.DataFrame,
        pl.DataFrame,
        lambda c: pa.table(c).to_batches()[0],
        Table.read,
    ],
)
def test_every_kind_of_frame_is_the_same_table(make):
    table = Table.read(make(COLUMNS))
    np.testing.assert_array_equal(table.column("name").is_missing(), [False, False, True])
    np.testing.assert_array_equal(table.column("price").is_missing(), [False, True, False])


def _pandas_of(masks):
    return pd.DataFrame({"mask": pd.Series(masks, dtype=object), "age": range(len(masks))})


@pytest.mark.parametrize(
    "make",
    [
        lambda masks: {"mask": [masks[0], None, *masks[2:]]},
        lambda masks: {"mask": np.stack([masks[0]] * 3)},
        lambda masks: _pandas_of([masks[0], None, *masks[2:]]),
        lambda masks: _pandas_of([masks[0], np.nan, *masks[2:]]),
        lambda masks: [{"mask": mask} for mask in (masks[0], None, *masks[2:])],
    ],
    ids=["a list", "one array", "pandas", "pandas, NaN", "rows"],
)
def test_cells_that_are_arrays_of_several_axes_are_lists_of_lists(make):
    masks = [np.arange(6, dtype="uint8").reshape(2, 3) + n for n in range(3)]
    cells = Table.read(make(masks)).column("mask").values
    assert cells.to_pylist()[0] == masks[0].tolist()
    assert str(cells.type) == "list<item: list<item: uint8>>"
    assert len(cells) == 3
    (colours,) = Table.read({"photo": np.zeros((1, 2, 3, 3), "uint8")}).column("photo").values
    assert np.shape(colours.as_py()) == (2, 3, 3)


def test_a_late_word_in_a_column_of_numbers_makes_it_text(tmp_path):
    path = tmp_path / "late.csv"
    path.write_text("n\n" + "1\n" * 300_000 + "n/a\n")
    column = Table.read(path).column("n")
    assert column.values[-1].as_py() == "n/a"
    assert column.where(300_000) == "column 'n', row 300001 of late.csv"


def test_only_an_empty_cell_is_missing_and_quotes_hold_newlines(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text('country,notes\nNA,"two\nlines"\nNone,""\n')
    table = Table.read(path)
    assert table.arrow["country"].to_pylist() == ["NA", "None"]
    assert table.arrow["notes"].to_pylist() == ["two\nlines", None]


def test_rows_keep_their_number():
    table = Table.read({"n": [10, 20, 30]}, name="x.csv").take(np.array([2, 0]))
    assert table.column("n").where(0) == "column 'n', row 3 of x.csv"
    assert table.take(np.array([1])).column("n").where(0) == "column 'n', row 1 of x.csv"


def test_categories_are_their_values():
    table = Table.read(pd.DataFrame({"c": pd.Categorical(["x", "y"])}))
    assert pa.types.is_string(table.arrow["c"].type) or pa.types.is_large_string(
        table.arrow["c"].type
    )


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["toy", "tool"])])
def test_categories_of_polars_are_their_values(kind):
    cells = ["toy", None, "tool", "toy"]
    frame = pl.DataFrame({"k": cells, "sets": [["toy"], None, [], ["tool", "toy"]]})
    frame = frame.with_columns(pl.col("k").cast(kind), pl.col("sets").cast(pl.List(kind)))
    for rows in (frame, frame.slice(1, 3)):
        arrow = Table.read(rows).arrow
        assert arrow["k"].to_pylist() == rows["k"].to_list()
        assert arrow["sets"].to_pylist() == rows["sets"].to_list()
        assert arrow.schema.types == [pa.large_string(), pa.large_list(pa.large_string())]


def test_the_fingerprint_is_of_the_data():
    one, same, other = ({"a": [1, 2]}, {"a": [1, 2]}, {"a": [1, 3]})
    assert Table.read(one).fingerprint() == Table.read(same, name="z").fingerprint()
    assert Table.read(one).fingerprint() != Table.read(other).fingerprint()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("empty.csv", "", "empty file"),
        ("header.csv", "a,b\n", "has 2 columns and 0 rows"),
        ("twice.csv", "a,a\n1,2\n", "column 'a' is there 2 times"),
        ("short.csv", "a,b\n1,2\n3\n", "cannot be read as CSV.*row #3|Expected 2 columns"),
        ("table.xlsx", "x", "no known kind"),
        ("torn.parquet", "PAR1", "cannot be read as Parquet"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        Table.read(tmp_path / name)


def test_digits_after_a_leading_zero_are_a_code_and_stay_text(tmp_path):
    lines = ["zip,n,signed,share,both", "10234,10,-10,0.5,1", "01234,0,-02,01.5,x", ",5,3,,02"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert Table.read(tmp_path / "t.csv").arrow.to_pydict() == {
        "zip": ["10234", "01234", None],
        "n": [10, 0, 5],
        "signed": ["-10", "-02", "3"],
        "share": [0.5, 1.5, None],
        "both": ["1", "x", "02"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "gr\u00f6\u00dfe,a\n1,2\n",
            r"t.csv' is not UTF-8 text.*header has the column b'gr.xf6.xdfe'",
        ),
        ("a,b\nx,1\n\u00df,2\n", r"t.csv' is not UTF-8 text: column 'a', row 2. Save it as UTF-8"),
    ],
)
def test_text_that_is_not_utf_8_is_named(tmp_path, text, message):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        Table.read(tmp_path / "t.csv")


def test_rows_may_be_longer_than_a_block(tmp_path):
    long = "word " * 500_000
    (tmp_path / "t.csv").write_text("n,text\n" + f"1,{long}\n" * 2)
    (tmp_path / "t.jsonl").write_text((json.dumps({"n": 1, "text": long}) + "\n") * 2)
    for name in ("t.csv", "t.jsonl"):
        assert Table.read(tmp_path / name).arrow.to_pylist() == [{"n": 1, "text": long}] * 2


def test_a_quote_that_never_ends_is_told(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"x\n' + "2,y\n" * 1_000_000)
    with pytest.raises(DataError, match=r"t.csv' has a row longer than .* never ends"):
        Table.read(tmp_path / "t.csv")


def test_the_home_of_nobody_is_no_folder():
    with pytest.raises(
        DataError, match=r"'~nobody-of-this-name/t.csv' cannot be found.*whole path"
    ):
        Table.read("~nobody-of-this-name/t.csv")


@pytest.mark.parametrize("cells", [[["x"], ["y"]], [b"\xff", b"\xfe"], [{"a": 1}, {"a": 2}]])
def test_rows_are_chosen_by_cells_that_have_a_text(cells):
    with pytest.raises(DataError, match=r"Column 'a' of the table holds .* Choose rows by"):
        Table.read({"a": pa.array(cells)}).where("a", "x")


def test_says_what_is_near_to_a_file_or_a_column(tmp_path):
    (tmp_path / "train.csv").write_text("price\n1\n")
    with pytest.raises(DataError, match=r"does not exist. Did you mean 'train.csv'"):
        Table.read(tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"does not exist. Did you mean 'train.csv'"):
        Table.read(tmp_path / "train.parquet")
    # The same ending is not yet the same name.
    with pytest.raises(DataError, match=r"does not exist. There is: train.csv"):
        Table.read(tmp_path / "shops.csv")
    with pytest.raises(DataError, match=r"train.csv has no column 'pric'. Did you mean 'price'"):
        Table.read(tmp_path / "train.csv").column("pric")
    with pytest.raises(DataError, match="Received: int"):
        Table.read(3)


def test_a_frame_is_read_not_wrapped():
    with pytest.raises(DataError, match=r"Table\.read\(\.\.\.\) takes .*Received: dict"):
        Table({"x": [1]})


def test_what_is_one_column_or_of_mixed_types_is_told_so():
    with pytest.raises(DataError, match="A Series is one column"):
        Table.read(pd.Series([1, 2]))
    with pytest.raises(DataError, match=r"column a.*Make all cells of a column of one type"):
        Table.read(pd.DataFrame({"a": [1, "x"]}))
