"""A YAML file as plain data that remembers where each key and value stood."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from plait.errors import ConfigError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Source:
    """Plain data and the places it came from.

    Attributes:
        name: the file as messages call it.
        document: dicts, lists and scalars.
        keys: where the key of a path stands, such as `plait.yaml:12:5`.
        values: where the value of a path stands.
    """

    name: str
    document: dict[str, Any]
    keys: Mapping[KeyPath, str]
    values: Mapping[KeyPath, str]

    def at_key(self, path: KeyPath) -> str:
        """The place of the key, or of the nearest key above it."""
        return _nearest(self.keys, path, self.name)

    def at_value(self, path: KeyPath) -> str:
        """The place of the value, or of the nearest value above it."""
        return _nearest(self.values, path, self.name)


def read_source(path: str | Path) -> Source:
    """Reads a YAML file.

    Raises:
        ConfigError: no such file, not text, not YAML, empty, a duplicate key, or not a mapping.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no config '{path}'. `plait new TABLE -o {path}` writes one."
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"'{path}' is a folder. Expected a YAML file.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8: {error.reason}.") from None
    return parse_source(text, path.name)


def parse_source(text: str, name: str) -> Source:
    """Plain data and places from YAML text."""
    try:
        tree = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).partition('"')[2].partition('"')[0]
        raise ConfigError(
            f"{_mark(error, name)}: the key '{key}' stands here a second time. Remove one of them."
        ) from None
    except MarkedYAMLError as error:
        problem = error.problem or error.context or "this is not YAML"
        if "\\t" in problem:
            problem = "a tab, which YAML does not allow in front of a key; indent with spaces"
        raise ConfigError(f"{_mark(error, name)}: {problem}.") from None
    except YAMLError as error:
        raise ConfigError(f"{name}: {error}") from None
    if tree is None:
        raise ConfigError(f"{name} is empty. `plait new TABLE -o {name}` writes a config.")
    if not isinstance(tree, CommentedMap):
        raise ConfigError(
            f"{name}:1:1: expected a mapping with the keys data, features and tasks. "
            f"Received: {str(tree)[:60]!r}."
        )
    keys: dict[KeyPath, str] = {}
    values: dict[KeyPath, str] = {}
    _collect_places(tree, (), name, keys, values)
    return Source(name, plain(tree), keys, values)


def plain(value: Any) -> Any:
    """What a YAML reader returns as dicts, lists and JSON scalars; dates as ISO strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    # The reader's scalars are subclasses that carry their notation.
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)


def _collect_places(
    tree: Any, path: KeyPath, name: str, keys: dict[KeyPath, str], values: dict[KeyPath, str]
) -> None:
    tag = getattr(getattr(tree, "tag", None), "value", None)
    if tag is not None:
        at = _nearest(values, path, name)
        raise ConfigError(f"{at}: the tag '{tag}' means nothing in a config. Remove it.")
    if isinstance(tree, CommentedMap):
        for key, value in tree.items():
            here = (*path, str(key))
            # A key that came in by a merge (<<) has no place of its own.
            if key in (tree.lc.data or {}):
                keys[here] = _place(name, *tree.lc.key(key))
                values[here] = _place(name, *tree.lc.value(key))
            _collect_places(value, here, name, keys, values)
    elif isinstance(tree, CommentedSeq):
        for index, value in enumerate(tree):
            here = (*path, index)
            keys[here] = values[here] = _place(name, *tree.lc.item(index))
            _collect_places(value, here, name, keys, values)


def _place(name: str, line: int, column: int) -> str:
    return f"{name}:{line + 1}:{column + 1}"


def _mark(error: MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    return name if mark is None else _place(name, mark.line, mark.column)


def _nearest(places: Mapping[KeyPath, str], path: KeyPath, name: str) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return name
