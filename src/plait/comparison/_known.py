"""What a folder of runs is of, so that those of another config, or of other data, are never taken."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait._beside import written_beside
from plait.config import Config
from plait.errors import ConfigError
from plait.table import document_without_passwords

_FILE = "question.json"


def known(
    folder: Path, config: Config, place: Path, beside: Mapping[str, Any], keep: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What is kept with a folder, or is from now on.

    Args:
        folder: of the runs.
        config: as it is; of its tables the files, their sizes and when they were written count.
        place: what its paths are relative to.
        beside: what else has to be the same.
        keep: what the first call settles for those that follow.

    Returns:
        `keep`, of the first call.

    Raises:
        ConfigError: the folder is of something else.
    """
    document = document_without_passwords(config.document)
    question = {
        "config": document,
        "place": str(place.resolve()),
        "data": _stamps(config),
        **beside,
    }
    plain = json.loads(json.dumps(question, default=str))
    path = folder / _FILE
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        differs = [key for key in plain if kept["question"].get(key) != plain[key]]
        if differs:
            raise ConfigError(
                f"'{folder}' is of another {', '.join(differs)}: its runs would be taken for those of "
                "this one. Choose a new folder by --dir, or remove it."
            )
        found: Mapping[str, Any] = kept["keep"]
        return found
    with written_beside(path) as part:
        said = {"question": plain, "keep": keep}
        part.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    return keep


def _stamps(config: Config) -> list[Any]:
    """Of each table that is one file its name, size, and when it was written."""
    tables = config.data.tables()
    places = tables.values() if isinstance(tables, dict) else [tables]
    found = []
    for place in places:
        path = Path(place) if isinstance(place, Path) else None
        if path is not None and path.is_file():
            seen = path.stat()
            found.append([str(path), seen.st_size, seen.st_mtime_ns])
    return found
