"""Reading label cells that are numbers, and bringing them to a standardised scale."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.tasks._labels import Labelled, is_number, means_missing, where
from plait.tasks._scale import Scale, Transform

_NUMBER = r"(?i)^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity)$"


def numbers(labelled: Labelled, task: str) -> np.ndarray:
    """The cells as finite float64.

    Args:
        labelled: the rows.
        task: the task's class, for messages.

    Raises:
        DataError: a cell that is no number, or an infinite one.
    """
    values = labelled.values
    if pa.types.is_string(values.type):
        values = _parsed(labelled, values, task)
    elif not (is_number(values.type) or pa.types.is_decimal(values.type)):
        if not len(values):
            return np.zeros(0)
        way_out = (
            " To predict a time, write it as a number, such as the days since a date."
            if pa.types.is_temporal(values.type)
            else ""
        )
        raise DataError(
            f"{where(labelled, 0)}: {task} expects numbers. Received the {values.type} "
            f"{str(values[0].as_py())!r}.{way_out}"
        )
    found = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    infinite = np.flatnonzero(~np.isfinite(found))
    if len(infinite):
        raise DataError(
            f"{where(labelled, infinite[0])}: {task} expects finite numbers. "
            f"Received: {found[infinite[0]]}. Leave the cell empty if its label is unknown."
        )
    return found


def on_domain(
    labelled: Labelled, values: np.ndarray, transform: Transform | None, task: str
) -> np.ndarray:
    """The values, refused where the transform has none for them.

    Raises:
        DataError: a negative number under "log".
    """
    if transform == "log" and (values < 0).any():
        row = np.flatnonzero(values < 0)[0]
        raise DataError(
            f'{where(labelled, row)}: {task}(transform="log") expects numbers from 0 up. '
            f"Received: {values[row]}. For amounts that may be negative, declare "
            f'{task}(transform="quantile").'
        )
    return values


def demand_two(labelled: Labelled, values: np.ndarray, task: str) -> None:
    """Refuses labels to learn from that are all one number.

    Raises:
        DataError: they are.
    """
    lowest = float(values.min())
    if lowest == float(values.max()):
        raise DataError(
            f"Column '{labelled.column.name}' of {labelled.column.source}: every label of the "
            f"training rows is {lowest}. {task} needs labels that differ. Split so that they train, "
            "or leave the task out."
        )


def fit_scale(
    labelled: Labelled, values: np.ndarray, transform: Transform | None, task: str
) -> Scale:
    """The scale of the training labels.

    Raises:
        DataError: labels that are all one number, or too far apart for a finite deviation.
    """
    demand_two(labelled, values, task)
    scale = Scale.fit(values, labelled.weights, transform)
    if not (np.isfinite(scale.std) and scale.std > 0):
        raise DataError(
            f"Column '{labelled.column.name}' of {labelled.column.source}: labels from "
            f"{float(values.min())} to {float(values.max())} have no finite spread. Declare "
            f'{task}(transform="quantile").'
        )
    return scale


def _parsed(labelled: Labelled, texts: pa.Array, task: str) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(texts)
    number = np.asarray(pc.match_substring_regex(trimmed, _NUMBER))
    wrong = np.flatnonzero(~number)
    if len(wrong):
        text = texts[int(wrong[0])].as_py()
        raise DataError(
            f"{where(labelled, wrong[0])}: {task} expects numbers. Received: {text!r}."
            f"{means_missing(text, task)}"
        )
    return trimmed.cast(pa.float64())
