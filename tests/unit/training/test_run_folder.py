import json

import pyarrow.parquet as pq
import pytest

from plait.inference import Predictor
from plait.table import Table
from plait.training import Epoch, environment, write_documents, write_run
from tests.unit.inference import tiny

HISTORY = (
    Epoch(1, 0.5, 1e-3, 2.0, {"sold_loss": 1.0}, {"sold": {"auc": 0.6}}, {"sold": 0.2}, 0.2, True),
    Epoch(2, 0.5, 1e-4, 1.0, {"sold_loss": 0.5}, {"sold": {}}, {"sold": 0.1}, 0.1, False),
)


def test_a_run_holds_what_came_of_it(tmp_path):
    predictor = Predictor.build(tiny.declaration())
    write_run(tmp_path / "r", predictor, HISTORY, {"metrics": {"score": float("nan")}})
    files = {path.name for path in (tmp_path / "r").iterdir()}
    assert files == {"history.parquet", "metrics.json", "model.plait"}
    read = {p.stem: json.loads(p.read_text()) for p in (tmp_path / "r").glob("*.json")}
    assert read["metrics"] == {"score": None}
    columns = pq.read_table(tmp_path / "r" / "history.parquet").to_pydict()
    assert columns["sold.auc"] == [0.6, None]
    assert columns["loss"] == [2.0, 1.0]
    assert columns["sold_loss"] == [1.0, 0.5]
    assert Predictor.load(tmp_path / "r").tasks.keys() == predictor.tasks.keys()


def test_a_run_that_fails_leaves_no_model_and_no_part_of_a_file(tmp_path):
    with pytest.raises(TypeError):
        write_run(tmp_path, Predictor.build(tiny.declaration()), HISTORY, {"a": {1}})
    assert list(tmp_path.iterdir()) == []


def test_a_document_is_replaced_whole_or_stays(tmp_path):
    write_documents(tmp_path, {"a": [1]})
    with pytest.raises(TypeError):
        write_documents(tmp_path, {"a": object()})
    assert [path.read_text() for path in tmp_path.iterdir()] == ["[\n 1\n]\n"]


def test_the_environment_knows_the_data():
    one, same, other = (
        environment(3, train=Table.read({"a": cells}))["data"]["train"]
        for cells in ([1, 2], [1, 2], [1, 3])
    )
    assert one == same
    assert (one["rows"], other["rows"]) == (2, 2)
    assert one["sha256"] != other["sha256"]
