"""A table of two numbers, a category and two targets, all with gaps, and a model for it."""

import numpy as np

from plait.features import Category, Number
from plait.fusion import Concat
from plait.inference import Declaration
from plait.sharing import HardSharing
from plait.table import Table
from plait.tasks import Binary, Regression

ROWS = 40


def columns(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    age, size = rng.normal(40, 10, rows), rng.normal(0, 1, rows)
    kind = rng.choice(["toy", "tool"], rows)

    def with_gaps(values, every):
        return [None if n % every == 1 else v for n, v in enumerate(values.tolist())]

    return {
        "id": [f"r{n}" for n in range(rows)],
        "age": with_gaps(age, 5),
        "size": size.tolist(),
        "kind": with_gaps(kind, 7),
        "sold": with_gaps(np.where(size + (kind == "toy") > 0.5, "yes", "no"), 4),
        "price": with_gaps(3 * size + age / 10, 6),
    }


def features():
    return {"age": Number(), "size": Number(), "kind": Category()}


def tasks():
    return {"sold": Binary(), "price": Regression(features=("size", "kind"))}


def declaration(width=4, precision=None, **parts):
    declared = {"features": features(), "tasks": tasks(), "table": Table.read(columns()), **parts}
    table = declared["table"]
    return Declaration(
        {n: f.fit(f.cells(n, table)) for n, f in declared["features"].items()},
        {n: t.fit(table.column(t.column or n)) for n, t in declared["tasks"].items()},
        declared.get("fusion") or Concat(width=width),
        declared.get("sharing") or HardSharing(blocks=1),
        width,
        "id",
        precision=precision,
    ).settled()


def values(model):
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}
