"""Vectors, dates and sets with gaps in; ratings, counts and intervals out."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.config import build_learner, load
from plait.evaluation import trivial_scores
from plait.features import CategorySet, Date, Vector
from plait.inference import Predictor, gains
from plait.learner import Learner
from plait.table import Table
from plait.tasks import Count, Multiclass, Multilabel, Ordinal, Quantiles
from plait.training import Training

ROWS = 1200
SIZES = ["small", "medium", "large"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Stars are of the vector, visits of the weekday, the size of the tags; the vector tells how sure
    `spent` is. A tenth of the cells and of the labels are empty.
    """
    rng = np.random.default_rng(0)
    vectors = rng.normal(5, 2, (ROWS, 8)).astype("float32")
    days = np.datetime64("2024-01-01") + rng.integers(0, 800, ROWS).astype("timedelta64[D]")
    tags = [list(rng.choice(["new", "sale", "rare"], rng.integers(0, 4), False)) for _ in days]
    heat = (vectors[:, 0] - 5) / 2
    weekend = (days.astype("int64") + 3) % 7 >= 5
    columns = {
        "vector": list(vectors),
        "day": days,
        "tags": tags,
        "stars": np.clip(np.round(3 + heat), 1, 5).astype(int),
        "size": [SIZES[len(found) - ("new" in found)] for found in tags],
        "visits": rng.poisson(np.where(weekend, 12, 3)),
        "spent": 10 * heat + rng.normal(0, np.where(vectors[:, 1] > 5, 4, 0.5)),
        "part": rng.choice(["train", "validation", "test"], ROWS, p=[0.6, 0.2, 0.2]),
    }
    made = {
        name: pa.array(cells, mask=rng.random(ROWS) < (0.1 if name != "part" else 0))
        for name, cells in columns.items()
    }
    path = tmp_path_factory.mktemp("t") / "shop.parquet"
    pq.write_table(pa.table(made), path)
    return path


@pytest.fixture(scope="module")
def learner(path):
    return Learner(
        features={"vector": Vector(), "day": Date(), "tags": CategorySet()},
        tasks={
            "stars": Ordinal(),
            "size": Ordinal(order=tuple(SIZES), rule="cumulative"),
            "visits": Count(),
            "spent": Quantiles(),
        },
        split="part",
        training=Training(epochs=30, batch_size=64, learning_rate=3e-3),
        width=32,
    ).fit(path, run=False, verbose=False)


@pytest.fixture(scope="module")
def test_part(path):
    table = Table.read(path)
    return table.where("part", "test")


def test_every_task_is_learnt(learner, test_part):
    tasks = learner.predictor.tasks
    scores = learner.evaluate(test_part)
    nothing = gains(tasks, trivial_scores(learner.predictor, test_part))
    for task, gain in gains(tasks, scores).items():
        assert abs(nothing[task]) < 0.1, task
        assert gain > 0.4, task
    assert scores["stars"]["quadratic_kappa"] > 0.7
    assert 0.65 < scores["spent"]["coverage"] < 0.95
    assert 0.65 < scores["visits"]["coverage"] < 0.95


def test_the_interval_is_wide_where_labels_are_far_apart(learner, test_part):
    answers = learner.predict(test_part)
    width = np.array(answers["spent.high"]) - np.array(answers["spent.low"])
    second = [None if v is None else v[1] for v in test_part.column("vector").values.to_pylist()]
    wild = np.array([v is not None and v > 5.5 for v in second])
    calm = np.array([v is not None and v < 4.5 for v in second])
    assert (width > 0).all()
    assert np.median(width[wild]) > 1.25 * np.median(width[calm])


def test_a_saved_model_answers_the_same(learner, test_part, tmp_path):
    learner.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait").predict(test_part)
    assert again.equals(learner.predict(test_part))
    assert set(again["size"].to_pylist()) <= set(SIZES)


def test_a_config_says_all_of_it(path):
    config = path.with_name("c.yaml")
    config.write_text(
        "data: shop.parquet\n"
        "features:\n"
        "  day: {Date: {zone: Europe/Berlin, cycles: [week]}}\n"
        "  tags: {CategorySet: {separator: '|'}}\n"
        "  vector: {Vector: {encoder: {VectorEmbedding: {hidden: 8}}}}\n"
        "tasks:\n"
        "  size: {Ordinal: {order: [small, medium, large]}}\n"
        "  stars: {Ordinal: {order: [1, 2, 3, 4, 5], rule: cumulative}}\n"
        "  visits: {Count: {distribution: poisson, interval: 0.9}}\n"
        "  spent: {Quantiles: {levels: [0.25, 0.5, 0.75]}}\n"
        "  marks: {Multilabel: {focal: [0, 4], margin: 0.05}}\n"
        "  kind: {Multiclass: {class_weights: effective, beta: 0.99, focal: 1}}\n"
    )
    learner = build_learner(load(config))
    assert learner.features["day"] == Date(zone="Europe/Berlin", cycles=("week",))
    assert learner.features["tags"] == CategorySet(separator="|")
    assert learner.features["vector"].encoder.hidden == 8
    assert learner.tasks == {
        "size": Ordinal(order=("small", "medium", "large")),
        "stars": Ordinal(order=(1, 2, 3, 4, 5), rule="cumulative"),
        "visits": Count(distribution="poisson", interval=0.9),
        "spent": Quantiles(levels=(0.25, 0.5, 0.75)),
        "marks": Multilabel(focal=(0.0, 4.0), margin=0.05),
        "kind": Multiclass(class_weights="effective", beta=0.99, focal=1.0),
    }
