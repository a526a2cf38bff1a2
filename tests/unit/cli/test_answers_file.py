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
    write_answers(ANSWERS, tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(ANSWERS)


def test_csv_holds_lists_as_json(tmp_path):
    write_answers(ANSWERS, tmp_path / "a.csv")
    rows = pa_csv.read_csv(tmp_path / "a.csv").to_pydict()
    assert rows["id"] == [1, 2]
    assert json.loads(rows["kind.probabilities"][0]) == [0.25, 0.75]


def test_json_lines(tmp_path):
    write_answers(ANSWERS, tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == ANSWERS.to_pylist()


@pytest.mark.parametrize(
    ("name", "message"), [("a.parquett", "Did you mean '.parquet'?"), ("a", "There is: .parquet")]
)
def test_another_format_is_refused(name, message, tmp_path):
    with pytest.raises(ConfigError) as refusal:
        write_answers(ANSWERS, tmp_path / name)
    assert message in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_bytes_that_are_no_text_need_parquet(tmp_path):
    answers = pa.table({"b": [b"\xff\xfe"], "sold": ["yes"]})
    with pytest.raises(DataError, match=r"the column 'b' of binary.*Write a \.parquet file"):
        write_answers(answers, tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())
    write_answers(answers, tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(answers)
