"""From a CSV file with gaps to answers, as a newcomer would in Python."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from plait.balancing import PCGrad
from plait.evaluation import by_presence, trivial_scores
from plait.features import Category, Number
from plait.inference import Predictor, mean_gain
from plait.learner import Learner
from plait.table import Table
from plait.tasks import Binary, Multiclass, Regression
from plait.training import Training

ROWS = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`sold` takes age and kind together; a third of all cells and of all labels are empty."""
    rng = np.random.default_rng(4)
    age, kind = rng.uniform(0, 80, ROWS), rng.choice(["toy", "tool"], ROWS)
    sold = np.where((age > 40) == (kind == "tool"), "yes", "no")
    shelf = np.where(age > 55, "high", np.where(age > 25, "middle", "low"))
    columns = {
        "id": np.arange(ROWS),
        "part": rng.choice(["train", "validation", "test"], ROWS, p=[0.6, 0.2, 0.2]),
        "age": age,
        "kind": kind,
        "sold": sold,
        "shelf": shelf,
        "price": age / 4 + rng.normal(0, 1, ROWS),
    }
    made = {
        name: pa.array(cells, mask=rng.random(ROWS) < 0.3)
        if name not in ("id", "part")
        else pa.array(cells)
        for name, cells in columns.items()
    }
    folder = tmp_path_factory.mktemp("shop")
    pa_csv.write_csv(pa.table(made), folder / "shop.csv")
    return folder


@pytest.fixture(scope="module")
def learner(folder):
    learner = Learner(
        features={"age": Number(), "kind": Category()},
        tasks={"sold": Binary(), "shelf": Multiclass(features=("age",)), "price": Regression()},
        balancing=PCGrad(),
        split="part",
        key="id",
        training=Training(epochs=25, batch_size=32, learning_rate=3e-3),
        width=32,
    )
    # It reads what the trunk makes of one feature; the others read what it makes of both.
    with pytest.warns(UserWarning, match="gradient of 'shelf' is compared with no other"):
        return learner.fit(folder / "shop.csv", run=folder / "run", verbose=False)


@pytest.fixture(scope="module")
def test_part(folder):
    table = Table.read(folder / "shop.csv")
    parts = np.array(table.column("part").values.to_pylist())
    return table.take(np.flatnonzero(parts == "test"))


def test_it_learns_every_task_and_more_where_it_sees_more(learner, test_part):
    scores = learner.evaluate(test_part)
    assert mean_gain(learner.predictor.tasks, scores) > 0.4
    trivial = trivial_scores(learner.predictor, test_part)
    for task, metric in (("sold", "accuracy"), ("shelf", "accuracy")):
        assert scores[task][metric] > trivial[task][metric] + 0.1
    lines = {
        line["present"]: line for line in by_presence(learner.predictor, test_part).to_pylist()
    }
    assert lines["age + kind"]["sold.auc"] > 0.9
    # Either alone says nothing about `sold`.
    assert lines["age"]["sold.auc"] < 0.75
    assert lines["age + kind"]["price.mae"] < lines["kind"]["price.mae"] / 2


def test_the_losses_fall_and_the_best_epoch_is_the_one_kept(learner, folder):
    history = pq.read_table(folder / "run" / "history.parquet").to_pydict()
    assert history["loss"][-1] < history["loss"][0] / 2
    best = int(np.argmax(history["mean_gain"]))
    assert history["epoch"][best] == max(e.number for e in learner.history if e.best)


def test_new_rows_without_labels_and_without_a_column(learner, folder, tmp_path):
    (tmp_path / "new.csv").write_text("id,age\n7,50\n8,\n9,20\n")
    with pytest.warns(UserWarning, match="no column 'kind'"):
        answers = Predictor.load(folder / "run").predict(tmp_path / "new.csv")
    assert answers["id"].to_pylist() == [7, 8, 9]
    assert answers["shelf"].to_pylist()[::2] == ["middle", "low"]
    assert abs(answers["price"][0].as_py() - 12.5) < 3
    assert set(answers["sold"].to_pylist()) <= {"yes", "no"}
