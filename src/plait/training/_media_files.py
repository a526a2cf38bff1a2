"""The media files that a run reads, and whether they are still what they were."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from plait.errors import DataError
from plait.features import BrokenCell, Feature, MediaCells, MediaFeature, MediaReader
from plait.table import Table
from plait.tasks import Task

_CONTENTS = 256
"""So many files are read; those of training rows have just been, when the features were fitted."""
_AT_ONCE, _THREADS = 4096, 8


class _Lenient:
    """Reads what there is: a row without a label may have a file that nobody can read."""

    on_error: Literal["absent"] = "absent"

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.missing = missing


def media_readers(
    features: Mapping[str, Feature], tasks: Mapping[str, Task]
) -> dict[str, MediaReader]:
    """What reads media, by column: features, and tasks whose labels are masks."""
    found: dict[str, MediaReader] = {}
    for name, feature in features.items():
        if isinstance(feature, MediaFeature):
            found |= dict.fromkeys(feature.reads(name), feature)
    for name, task in tasks.items():
        if isinstance(task, MediaReader):
            found |= dict.fromkeys(task.columns(name), task)
    return found


def media_files(table: Table, readers: Mapping[str, MediaReader]) -> dict[str, dict[str, Any]]:
    """What the disk says of a table's media files, as JSON data by column.

    A hash of the size of every file, and of the content of 256 of them, the same ones each time: of so
    few files each is known by what is in it. The time of a file is no part of it, since a copied
    folder has other times and is the same data; it only tells which file was written last.

    It takes some 30 microseconds a file, half a minute for a million, as measured on two busy cores; a
    run does it when it begins and when it ends. Bytes in the cells are in the table's own hash; of what
    lies at an address nothing is asked.

    Args:
        table: the rows.
        readers: see `media_readers`.
    """
    found = {}
    for name, reader in readers.items():
        try:
            column = table.column(name)
            files = _files(MediaCells(_Lenient(reader.missing), column, "file"))
        except DataError:
            # No such column, or one of arrays.
            continue
        if files is not None:
            found[name] = files
    return found


def _files(cells: MediaCells) -> dict[str, Any] | None:
    """None where no cell is a path on this machine."""
    count = len(cells.column)

    def asked(start: int) -> np.ndarray:
        rows = range(start, min(start + _AT_ONCE, count))
        said = [
            (row, -1, 0) if status is None else (row, status.st_size, status.st_mtime_ns)
            for row, status in cells.statuses(rows)
        ]
        return np.array(said, "<i8").reshape(-1, 3)

    # On a drive that is far away each waits for its answer.
    with ThreadPoolExecutor(_THREADS) as pool:
        rows, sizes, times = np.concatenate([*pool.map(asked, range(0, count, _AT_ONCE))]).T
    if not len(rows):
        return None
    there = sizes >= 0
    order = np.random.Generator(np.random.Philox(0)).permutation(rows[there])
    read = np.sort(order[:_CONTENTS]).tolist()
    digest = hashlib.sha256(sizes.tobytes())
    for _, content in cells.decoded(read, lambda data, _: hashlib.sha256(data).digest()):
        digest.update(b"unread" if isinstance(content, BrokenCell) else content)

    def file(place: np.intp) -> dict[str, Any]:
        row = int(rows[place])
        path = cells.column.cell(row)
        return {"row": int(cells.column.rows[row]), "path": path, "time": int(times[place])}

    return {
        "files": int(there.sum()),
        "bytes": int(sizes[there].sum()),
        "sha256": digest.hexdigest(),
        "read": len(read),
        "gone": None if there.all() else file(np.argmin(there)),
        "newest": file(np.argmax(times)) if there.any() else None,
    }


def demand_same_media(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Compares media files to those that a run began with.

    Args:
        folder: of the run.
        then: the `data` of its environment, by part. What it says nothing of is not compared: older
            versions wrote nothing.
        now: that of this one, of the same rows.

    Raises:
        DataError: they are others; it names the column, and the file if the disk tells which.
    """
    for where, was, here in _both(then, now):
        if was["sha256"] != here["sha256"]:
            raise DataError(
                f"The media files in {where} are not those that the run '{folder}' began with: "
                f"{_change(was, here)} Bring the files back, or begin a new run."
            )


def changed_meanwhile(
    then: Mapping[str, Any], parts: Mapping[str, Table], readers: Mapping[str, MediaReader]
) -> list[str]:
    """Lines about media files that changed while a run trained.

    Args:
        then: see `demand_same_media`.
        parts: the rows of each part.
        readers: see `media_readers`.
    """
    asked = [part for part, data in then.items() if "media" in data]
    now = {part: {"media": media_files(parts[part], readers)} for part in asked}
    return [
        f"The media files in {where} changed while the run trained, and it has learnt from what was "
        f"there when it read them: {_change(was, here)}"
        for where, was, here in _both(then, now)
        if was["sha256"] != here["sha256"]
    ]


def written_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Lines about files that were written since, have the sizes that they had, and were not all read.

    Args:
        then: see `demand_same_media`.
        now: see there.
    """
    return [
        f"Files in {where} were written since, '{here['newest']['path']}' last. Their sizes are what "
        f"they were, as is the content of {here['read']}; the others were not read."
        for where, was, here in _both(then, now)
        if here["read"] < here["files"] and _is_newer(was, here)
    ]


def _both(
    then: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Where there are files both then and now, and what is said of them."""
    for part, data in then.items():
        media = now.get(part, {}).get("media", {})
        for name, was in data.get("media", {}).items():
            if name in media:
                yield f"column '{name}' of the {part} rows", was, media[name]


def _change(was: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    return f"{_shown(was)} then, {_shown(here)} now.{_which(was, here)}"


def _shown(files: Mapping[str, Any]) -> str:
    return f"{files['files']} of {files['bytes']} bytes, sha256 {files['sha256'][:16]}..."


def _which(was: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    gone, newest = here["gone"], here["newest"]
    if gone is not None and (was["gone"] is None or gone["row"] != was["gone"]["row"]):
        return f" '{gone['path']}' in row {gone['row']} is not there."
    if _is_newer(was, here):
        when = datetime.fromtimestamp(newest["time"] / 1e9).isoformat(" ", "seconds")
        return f" '{newest['path']}' in row {newest['row']} was written last, {when}."
    return ""


def _is_newer(was: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    old, new = was["newest"], here["newest"]
    return new is not None and (old is None or new["time"] > old["time"])
