"""What a config meets in its data, found without training anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.cli._doubts import feature_doubts, task_doubts
from plait.cli._notation import notation
from plait.errors import PlaitError
from plait.features import BrokenCell, Encoded, Feature
from plait.learner import Learner
from plait.objectives import fit_objectives
from plait.table import Column, Table, leaks
from plait.tasks import DenseTask, Targets, Task
from plait.training import Training, counted_rows, sampling_note

SAMPLE = 200
"""How many media cells of a part are opened unless all of them are asked for."""

_MOST_NAMED = 8

T = TypeVar("T")


@dataclass
class Report:
    """What there is to say.

    Attributes:
        lines: what the data are.
        warnings: what will train, and is likely not meant so.
        problems: what would end a run, or an evaluation.
    """

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def attempt(self, work: Callable[..., T], *arguments: Any) -> T | None:
        """What `work` returns; None, and a problem, where it refuses."""
        try:
            return work(*arguments)
        except PlaitError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return None


def inspect(learner: Learner, parts: Mapping[str, Table], *, every: bool = False) -> Report:
    """Reads every column that the learner names.

    Args:
        learner: not fitted.
        parts: the rows of each part; "train" among them.
        every: open every picture and sound instead of `SAMPLE` of each part.
    """
    report = Report()
    if learner.weight is not None:
        parts = {
            part: report.attempt(counted_rows, table, learner.weight) or table
            for part, table in parts.items()
        }
    sizes = ", ".join(f"{part} {len(table)}" for part, table in parts.items())
    report.lines.append(f"rows: {sizes}")
    features = {
        name: _inspect_feature(report, name, learner, parts, every) for name in learner.features
    }
    fitted = {name: feature for name, feature in features.items() if feature is not None}
    tasks = {
        name: _inspect_task(report, name, task, parts, fitted, every)
        for name, task in learner.tasks.items()
    }
    train = parts["train"]
    taught = {name: task for name, task in tasks.items() if task is not None}
    # A graph with a part left out would say what is not so of the whole.
    if len(fitted) == len(features) and len(taught) == len(tasks):
        report.attempt(lambda: learner.declared(fitted, taught).forms())
        signals = report.attempt(fit_objectives, learner.objectives, train, fitted, taught) or {}
        for objective in signals.values():
            # A teacher would have to answer every row first.
            if objective.teaching is None:
                report.attempt(objective.targets, train, taught, None)
        asked = {name: task.beside(fitted, train) for name, task in taught.items()}
        times = report.attempt((learner.training or Training()).times, train, asked)
        if times is not None:
            report.lines.append(sampling_note(times))
    if learner.key is not None:
        report.attempt(train.column, learner.key)
    targets = {column for name, task in learner.tasks.items() for column in task.columns(name)}
    report.warnings += [
        f"column '{leak.column}': {leak.values} values, such as {leak.example}, are in training and "
        f"in another part ({leak.rows} rows there). If it names what rows have in common, "
        f"`split: {{by: {leak.column}}}` keeps it whole."
        for leak in leaks(parts)
        # What is to be answered is meant to come back.
        if leak.column not in targets
    ]
    settings = (learner.training or Training()).settled(len(train))
    report.lines.append(
        f"training: up to {settings.epochs} epochs of {settings.batch_size} rows a step"
    )
    return report


def _inspect_feature(
    report: Report,
    name: str,
    learner: Learner,
    parts: Mapping[str, Table],
    every: bool,
) -> Feature | None:
    feature = learner.features[name]
    where = " + ".join(feature.reads(name))
    columns = {
        part: column
        for part, table in parts.items()
        if (column := report.attempt(feature.cells, name, table)) is not None
    }
    if "train" not in columns:
        return None
    # Every broken cell shall be named, not the first alone.
    lenient = replace(feature, on_error="absent")
    fitted = report.attempt(lenient.fit, columns["train"])
    if fitted is None:
        return None
    empty = {part: column.is_missing(feature.missing) for part, column in columns.items()}
    gone, total = sum(int(e.sum()) for e in empty.values()), sum(map(len, empty.values()))
    encoder = feature.encoder or fitted.default_encoder(learner.width)
    report.lines.append(
        f"feature {name}: {type(feature).__name__}, {gone} of {total} cells empty, "
        f"encoder {notation(encoder)}"
    )
    for part, column in columns.items():
        if empty[part].all():
            report.warnings.append(
                f"column '{where}' of {column.source} is empty in every {part} row."
            )
        encoded = _encoded(report, fitted, column, empty[part], None if every else part)
        if encoded is not None:
            _tell_encoded(report, feature, name, part, encoded)
    report.warnings += feature_doubts(name, feature, columns["train"])
    return fitted


def _encoded(
    report: Report, fitted: Feature, column: Column, empty: np.ndarray, sampled: str | None
) -> Encoded | None:
    """What the cells become, those of media of a sample alone where the part has a name."""
    there = np.flatnonzero(~empty)
    if not len(there):
        return None
    if fitted.lazy and sampled is not None and len(there) > SAMPLE:
        report.lines.append(
            f"  {SAMPLE} of its {len(there)} {sampled} cells were opened; --all opens each"
        )
        there = _some(there)
    # Decoded media of a whole table need not fit into memory.
    step = SAMPLE if fitted.lazy else len(there)
    found: list[Encoded] = []
    for start in range(0, len(there), step):
        rows = there[start : start + step]
        encoded = report.attempt(fitted.encode, column.take(rows))
        if encoded is None:
            return None
        found.append(replace(encoded, values=encoded.values[:0]))
    cut = [e.cut for e in found if e.cut is not None]
    unknown = [e.unknown for e in found if e.unknown is not None]
    return Encoded(
        values=found[0].values,
        present=np.concatenate([e.present for e in found]),
        broken=tuple(cell for e in found for cell in e.broken),
        cut=np.concatenate(cut) if cut else None,
        unknown=np.concatenate(unknown) if unknown else None,
    )


def _tell_encoded(report: Report, feature: Feature, name: str, part: str, encoded: Encoded) -> None:
    if encoded.cut is not None and encoded.cut.any():
        shape = "x".join(map(str, encoded.values.shape[1:]))
        report.warnings.append(
            f"feature '{name}': {encoded.cut.sum()} of {len(encoded.present)} {part} rows are longer "
            f"than the fixed shape ({shape}) and are cut."
        )
    if encoded.unknown is not None and encoded.unknown.any():
        report.lines.append(
            f"  {encoded.unknown.sum()} values in {np.count_nonzero(encoded.unknown)} {part} rows mean "
            "'unknown': they are in no or one training row"
        )
    told = report.problems if feature.on_error == "raise" else report.warnings
    if feature.on_error == "raise" and encoded.broken:
        told.append(
            f"feature '{name}': {len(encoded.broken)} {part} cells cannot be read. Mend or empty "
            f'them, or declare {type(feature).__name__}(on_error="absent"):'
        )
    told += [_broken(cell) for cell in encoded.broken[:_MOST_NAMED]]
    if len(encoded.broken) > _MOST_NAMED:
        told.append(
            f"feature '{name}': {len(encoded.broken) - _MOST_NAMED} more broken {part} cells."
        )


def _broken(cell: BrokenCell) -> str:
    return f"column '{cell.column}', row {cell.row} of {cell.source}: {cell.reason}"


def _inspect_task(
    report: Report,
    name: str,
    task: Task,
    parts: Mapping[str, Table],
    features: Mapping[str, Feature],
    every: bool,
) -> Task | None:
    if not set(task.of_features) <= features.keys():
        return None  # What is wrong with its features is told already.
    asked = {part: task.beside(features, table) for part, table in parts.items()}
    columns = {
        part: one.column_in(name, parts[part])
        for part, one in asked.items()
        if one.is_in(name, parts[part])
    }
    if "train" not in columns:
        report.attempt(asked["train"].column_in, name, parts["train"])
        return None
    fitted = report.attempt(asked["train"].fit, columns["train"])
    if fitted is None:
        return None
    labelled = {}
    for part, column in columns.items():
        targets = report.attempt(fitted.beside(features, parts[part]).targets, column)
        if targets is not None:
            if isinstance(task, DenseTask):
                _read(report, targets, every)
            labelled[part] = int(targets.labelled.sum())
            if not labelled[part]:
                report.warnings.append(f"task '{name}': no {part} row has a label.")
            if targets.unseen:
                report.warnings.append(
                    f"task '{name}': {targets.unseen} {part} labels are of classes that no training "
                    "row has, and are left out."
                )
    counts = ", ".join(f"{part} {n} of {len(columns[part])}" for part, n in labelled.items())
    report.lines.append(f"task {name}: {type(task).__name__}, labelled: {counts}")
    classes = _class_counts(columns["train"], task)
    if classes:
        report.lines.append(f"  {classes}")
    report.warnings += task_doubts(name, task, columns["train"])
    return fitted


def _read(report: Report, targets: Targets, every: bool) -> None:
    """Masks and the like, which are read when they are asked for; names the first that cannot be."""
    there = np.flatnonzero(targets.labelled)
    bad = 0
    for row in there if every else _some(there):
        bad += report.attempt(targets.values.__getitem__, int(row)) is None
        if bad == _MOST_NAMED:
            return


def _some(rows: np.ndarray) -> np.ndarray:
    """At most `SAMPLE` of the rows, from all over them."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(int)]


def _class_counts(column: Column, task: Task) -> str:
    """`yes 12, no 9` of the training rows, the most frequent first; "" for numbers and lists."""
    known = column.values.filter(pa.array(~column.is_missing(task.missing)))
    dense = isinstance(task, DenseTask)
    if task.quantity or dense or pa.types.is_nested(known.type):
        return ""
    counts = sorted(
        ((entry["counts"], str(entry["values"])) for entry in pc.value_counts(known).to_pylist()),
        key=lambda pair: (-pair[0], pair[1]),
    )
    told = ", ".join(f"{label} {count}" for count, label in counts[:_MOST_NAMED])
    rest = len(counts) - _MOST_NAMED
    return f"{told}, and {rest} more; the rarest {counts[-1][0]}" if rest > 0 else told
