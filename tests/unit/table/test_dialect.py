import pytest

from plait.errors import DataError
from plait.table import Table


def read(tmp_path, text, encoding="utf-8"):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    return Table.read(tmp_path / "t.csv")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_of_the_header(tmp_path, sign):
    rows = ['a,"b;|",c'.replace(",", sign), "1,2,x".replace(",", sign)]
    table = read(tmp_path, "\n".join(rows) + "\n")
    assert table.columns == ["a", "b;|", "c"]
    assert table.column("b;|").values.to_pylist() == [2]


def test_a_sign_in_the_name_of_a_single_column_parts_nothing(tmp_path):
    assert read(tmp_path, "who|what\nme\nyou\n").columns == ["who|what"]
    assert read(tmp_path, "a;b,c\n1,2\n").columns == ["a;b", "c"]


def test_decimal_commas_are_numbers_where_semicolons_part_the_cells(tmp_path):
    table = read(tmp_path, "a;b;c;code\n1,5;1,500;x,1;01\n-2;2,250;y;02\n;;;\n")
    assert table.column("a").values.to_pylist() == [1.5, -2.0, None]
    assert table.column("b").values.to_pylist() == ["1,500", "2,250", None]
    assert table.column("c").values.to_pylist() == ["x,1", "y", None]
    assert table.column("code").values.to_pylist() == ["01", "02", None]


def test_utf_16_is_told_with_the_way_out(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv' is written in UTF-16\. Save it as UTF-8"):
        read(tmp_path, "a,b\n1,2\n", "utf-16")


def test_a_comment_above_the_header_is_named(tmp_path):
    with pytest.raises(DataError, match=r"starts with the line '# exported today'.*Remove"):
        read(tmp_path, "# exported today\na,b\n1,2\n")
    assert read(tmp_path, "#id,b\n1,2\n").columns == ["#id", "b"]
