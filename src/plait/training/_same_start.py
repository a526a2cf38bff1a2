"""Whether a run begins as another one began: on the same rows, about the same, by the same program."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from plait.errors import ConfigError, DataError
from plait.training._media_files import demand_same_media, written_since
from plait.training._run_folder import as_json
from plait.training._settings import MAY_CHANGE

_ENVIRONMENT, _CONFIG = "environment", "config"
_MOST = 3
_ABSENT = object()


def demand_same_start(
    folder: Path, documents: Mapping[str, Any], told: Callable[[str], None], program: bool = False
) -> None:
    """Compares what a run begins with to what another one began with.

    Args:
        folder: of the other.
        documents: of this one; see `begin_documents`.
        told: called with a line about what else may have the weights come out otherwise: other
            versions, and files that were written since.
        program: whether plait's version and the backend have to be the same.

    Raises:
        DataError: other rows or media files, or another model to begin with.
        ConfigError: another configuration, features or tasks that were fitted otherwise, another
            program; or the documents of the run cannot be read.
    """
    now = {name: json.loads(as_json(document)) for name, document in documents.items()}
    was = {name: read_document(folder, name) for name in now}
    then, here = was.pop(_ENVIRONMENT), now.pop(_ENVIRONMENT)
    if program and any(then[name] != here[name] for name in ("plait", "backend")):
        raise ConfigError(
            f"The run '{folder}' was begun with plait {then['plait']} on {then['backend']}, and this "
            f"is plait {here['plait']} on {here['backend']}."
        )
    _demand_same_rows(folder, then["data"], here["data"])
    demand_same_media(folder, then["data"], here["data"])
    if then.get("start") != here["start"]:
        raise DataError(
            f"The run '{folder}' began with what another model had learnt, as its {_ENVIRONMENT}.json "
            "says. Bring that model back, or begin a new run."
        )
    for documents_of in (was, now):
        documents_of[_CONFIG] = _what_cannot_change(documents_of[_CONFIG])
    for name, said in was.items():
        found = list(islice(_differences(said, now[name]), _MOST))
        if found:
            raise ConfigError(
                f"The run '{folder}' began otherwise, as its {name}.json says: {'; '.join(found)}. "
                "Bring back what it began with, or begin a new run."
            )
    for line in written_since(then["data"], here["data"]):
        told(line)
    others = list(_differences(_versions(then), _versions(here)))
    if others:
        told(f"The weights may come out otherwise than in '{folder}': {'; '.join(others)}.")


def _what_cannot_change(config: Mapping[str, Any]) -> dict[str, Any]:
    training = config.get("training")
    given = training["Training"] if isinstance(training, dict) else {}
    # Of the model to begin with its content counts, and not its place.
    leave = (*MAY_CHANGE, "start")
    kept = {name: value for name, value in given.items() if name not in leave}
    return {**config, "training": {"Training": kept}}


def _demand_same_rows(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for part in {**then, **now}:
        old, new = (_digest(data.get(part)) for data in (then, now))
        if old != new:
            raise DataError(
                f"{(now.get(part) or then[part])['table']}: the {part} rows are not those that the "
                f"run '{folder}' began with: {old} then, {new} now. Bring the table back, or begin a "
                "new run."
            )


def _digest(found: Mapping[str, Any] | None) -> str:
    return "no such part" if found is None else f"sha256 {found['sha256'][:16]}..."


def read_document(folder: Path, name: str) -> dict[str, Any]:
    """What a run's `<name>.json` says that it began with.

    Raises:
        ConfigError: it cannot be read.
    """
    path = folder / f"{name}.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} does not say any more what the run began with ({error}). Begin a new run."
        ) from error


def _versions(environment: Mapping[str, Any]) -> dict[str, Any]:
    names = ("plait", "backend", "python", "platform")
    return {**{name: environment[name] for name in names}, **environment["libraries"]}


def _differences(was: Any, now: Any, at: str = "") -> Iterator[str]:
    """Where two documents differ, such as `training.epochs was 5 and is 6`."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        if was != now:
            yield f"{at} was {_shown(was)} and is {_shown(now)}"
        return
    for key in was | now:
        inner = f"{at}.{key}" if at else str(key)
        yield from _differences(was.get(key, _ABSENT), now.get(key, _ABSENT), inner)
    # Fusion sees the features in this order.
    if was.keys() == now.keys() and list(was) != list(now):
        yield f"the order of {at or 'its columns'} was {_shown(list(was))} and is {_shown(list(now))}"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "not there"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
