import json

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from plait.cli._answers_file import write_answers
from plait.errors import ConfigError, DataError

ANSWERS = pa.table(
    {"id": [1, 2], "kind": ["toy", None], "kind.probabilities": [[0.25, 0.75], None]}
)


def test_parquet(tmp_path):
    write_answers([ANSWERS], tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(ANSWERS)


def test_csv_holds_lists_as_json(tmp_path):
    write_answers([ANSWERS], tmp_path / "a.csv")
    rows = pa_csv.read_csv(tmp_path / "a.csv").to_pydict()
    assert rows["id"] == [1, 2]
    assert json.loads(rows["kind.probabilities"][0]) == [0.25, 0.75]


def test_json_lines(tmp_path):
    write_answers([ANSWERS], tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == ANSWERS.to_pylist()


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_some_rows_at_a_time_make_the_same_file_rows(name, tmp_path):
    (tmp_path / "parts").mkdir()
    write_answers([ANSWERS], tmp_path / name)
    write_answers((ANSWERS.slice(n, 1) for n in (1, 0)), tmp_path / "parts" / name)
    if name == "a.parquet":
        assert pq.read_table(tmp_path / "parts" / name).equals(ANSWERS.take([1, 0]))
    else:
        lines, parts = ((f / name).read_text().splitlines() for f in (tmp_path, tmp_path / "parts"))
        assert parts == [*lines[:-2], lines[-1], lines[-2]]


def test_what_ends_the_answers_leaves_no_file(tmp_path):
    def answers():
        yield ANSWERS
        raise DataError("row 3 is broken")

    with pytest.raises(DataError, match="row 3 is broken"):
        write_answers(answers(), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"), [("a.parquett", "Did you mean '.parquet'?"), ("a", "There is: .parquet")]
)
def test_another_format_is_refused(name, message, tmp_path):
    with pytest.raises(ConfigError) as refusal:
        write_answers([ANSWERS], tmp_path / name)
    assert message in str(refusal.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_bytes_that_are_no_text_need_parquet(name, tmp_path):
    answers = pa.table({"b": [b"\xff\xfe"], "sold": ["yes"]})
    with pytest.raises(DataError, match=r"the column 'b' of binary\. Write a \.parquet file"):
        write_answers([answers], tmp_path / name)
    assert not list(tmp_path.iterdir())
    write_answers([pa.table({"b": [b"a"]})], tmp_path / name)
    assert "b'" not in (tmp_path / name).read_text()
    write_answers([answers], tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(answers)
