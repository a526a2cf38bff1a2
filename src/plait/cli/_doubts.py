"""What trains, and is likely not meant so, in a column by itself."""

import json

import pyarrow as pa
import pyarrow.compute as pc

from plait.features import Category, Columns, Feature
from plait.table import Column, markers
from plait.tasks import Task


def feature_doubts(name: str, feature: Feature, column: Column) -> list[str]:
    """Of a feature and its column in the training rows."""
    if isinstance(feature, Columns):
        parts = feature.apart(column).items()
        return [
            doubt for own, part in parts for doubt in feature_doubts(own, feature.of[own], part)
        ]
    found = []
    if isinstance(feature, Category):
        found += _marked("feature", name, feature, column, "a category")
    if _is_constant(column, feature):
        found.append(
            f"feature '{name}': every training row says {column.cell(0)!r}, from which "
            "nothing can be learnt. Leave it out."
        )
    return found


def task_doubts(name: str, task: Task, column: Column) -> list[str]:
    """Of a task and its column in the training rows."""
    if task.quantity:
        return []
    return _marked("task", name, task, column, "a class")


def _marked(kind: str, name: str, reader: Feature | Task, column: Column, taken: str) -> list[str]:
    gaps = [word for word in markers(column) if word not in reader.missing]
    if not gaps:
        return []
    missing = json.dumps([*reader.missing, *gaps], ensure_ascii=False)
    return [
        f"{kind} '{name}': {', '.join(map(repr, gaps))} in {column.source} is {taken} of its own. "
        f"If it means missing, declare `{name}: {{{type(reader).__name__}: {{missing: {missing}}}}}`."
    ]


def _is_constant(column: Column, feature: Feature) -> bool:
    kind = column.type
    if pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        return False
    # Where some cells are empty, that they are can still tell something.
    if len(column) < 2 or column.is_missing(feature.missing).any():
        return False
    first = pa.scalar(column.cell(0), kind)
    return all(pc.all(pc.equal(piece.values, first)).as_py() for piece in column.pieces())
