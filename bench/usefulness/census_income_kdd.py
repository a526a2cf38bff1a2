"""Census-Income (KDD), the classic pair: does one earn more than 50,000, was one never married?"""

from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from problem import Part, Problem

FILES = {"train": "train", "validation": "valid", "test": "test"}
TASKS = ("y_income", "y_never_married")
# What tells a target outright, and the sample's weight, which its documentation says to leave out.
LEFT_OUT = ("y_college", "income_50k", "marital_stat", "instance_weight")
NUMBERS = ("age", "num_emp", "weeks_worked")
AMOUNTS = ("wage_per_hour", "capital_gains", "capital_losses", "stock_dividends")
EMBEDDING = 8


def problem(data: Path, rows: int | None) -> Problem:
    tables = {
        name: pq.read_table(data / "census_income_kdd" / f"{file}.parquet").slice(0, rows)
        for name, file in FILES.items()
    }
    train = tables["train"]
    apart = {*TASKS, *LEFT_OUT, *NUMBERS, *AMOUNTS}
    categories = [name for name in train.column_names if name not in apart]
    values = {name: pc.unique(_text(train, name)).drop_null() for name in categories}
    # All categories share one table of embeddings, each from its own first row on: one row for what
    # is absent or unknown, then the values.
    sizes = [1 + len(found) for found in values.values()]
    first = np.concatenate([[0], np.cumsum(sizes)])
    mean, deviation = _numbers(train).mean(0), _numbers(train).std(0)

    def part(table: pa.Table) -> Part:
        codes = [
            pc.fill_null(pc.index_in(_text(table, name), value_set=found), -1).to_numpy() + 1
            for name, found in values.items()
        ]
        x = {
            "categories": (np.stack(codes, 1) + first[:-1]).astype("int32"),
            "numbers": (_numbers(table) - mean) / deviation,
        }
        return Part(x, {task: table[task].to_numpy().astype("float32") for task in TASKS})

    def build():
        codes = keras.Input((len(categories),), dtype="int32", name="categories")
        numbers = keras.Input((len(NUMBERS + AMOUNTS),), name="numbers")
        z = keras.layers.Flatten()(keras.layers.Embedding(int(first[-1]), EMBEDDING)(codes))
        z = keras.layers.Concatenate()([z, numbers])
        for width in (128, 64):
            z = keras.layers.Dense(width, activation="relu")(z)
        outputs = {}
        for task in TASKS:
            own = keras.layers.Dense(32, activation="relu")(z)
            outputs[task] = keras.layers.Dense(1)(own)
        return {"categories": codes, "numbers": numbers}, outputs

    parts = {name: part(table) for name, table in tables.items()}
    kinds = dict.fromkeys(TASKS, "auc")
    return Problem(parts, build, kinds, batch_size=1024, epochs=5, rates=(3e-3, 1e-2, 3e-2))


def _text(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table[name].cast(pa.string())


def _numbers(table: pa.Table) -> np.ndarray:
    columns = [table[name].to_numpy() for name in NUMBERS]
    columns += [np.log1p(table[name].to_numpy()) for name in AMOUNTS]
    return np.stack(columns, 1).astype("float32")
