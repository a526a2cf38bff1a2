"""What a command changes of a config: `--set KEY=VALUE`, and `--without TASK`."""

from dataclasses import replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from plait._names import did_you_mean
from plait.config._source import KeyPath, Source, plain
from plait.errors import ConfigError

_LEFT_OUT = ("tasks", "objectives")
_NAMED: tuple[KeyPath, ...] = (("features",), ("tasks",), ("objectives",))
"""The keys whose entries have names of the user's own: a typo there must not add an entry."""


def override(source: Source, assignment: str) -> Source:
    """A copy of `source` with one key set.

    `training.epochs=5`, `features.photo.size=64` and `features.photo.Image.size=64` (an argument of
    the class that stands there), `fusion=Mean`, `features.notes.missing.0=n/a` (an item of a list).

    Raises:
        ConfigError: no `=`, a value that is not YAML, or a path that leads nowhere.
    """
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(
            f"--set expects KEY=VALUE, such as training.epochs=5. Received: '{assignment}'."
        )
    try:
        value = plain(YAML(typ="safe", pure=True).load(text))
    except YAMLError:
        raise ConfigError(f"--set {key}: '{text}' is not a YAML value.") from None
    document, path = _assign(source.document, key.split("."), value, (), key)
    keys = {p: at for p, at in source.keys.items() if p[: len(path)] != path}
    values = {p: at for p, at in source.values.items() if p[: len(path)] != path}
    keys[path] = values[path] = f"--set {key}"
    return Source(source.name, document, keys, values)


def leave_out(source: Source, name: str) -> Source:
    """A copy of `source` without the task, or the objective, of a name.

    Raises:
        ConfigError: there is none.
    """
    sections = {s: source.document.get(s) for s in _LEFT_OUT}
    named = {s: entries for s, entries in sections.items() if isinstance(entries, dict)}
    found = next((s for s, entries in named.items() if name in entries), None)
    if found is None:
        known = [entry for entries in named.values() for entry in entries]
        raise ConfigError(
            f"--without {name}: {source.name} has no such task or objective."
            f"{did_you_mean(name, known)}"
        )
    kept = {entry: plain for entry, plain in named[found].items() if entry != name}
    document = {**source.document, found: kept}
    return replace(source, document={s: plain for s, plain in document.items() if plain != {}})


def _assign(
    node: Any, parts: list[str], value: Any, path: KeyPath, key: str
) -> tuple[Any, KeyPath]:
    """`node` with `value` at `parts`, and the full path where it went."""
    if not parts:
        return value, path
    if isinstance(node, list):
        return _assign_item(node, parts, value, path, key)
    if isinstance(node, str):
        node = {"train": node} if path == ("data",) else {node: {}}
    if node is None:
        node = {}
    if not isinstance(node, dict):
        raise ConfigError(
            f"--set {key}: '{_dotted(path)}' holds {node!r} and has no part '{parts[0]}'."
        )
    name, rest = _first_key(node, parts)
    written = _written_class(node, path)
    if written is not None and name != written:
        inner, at = _assign(node[written], parts, value, (*path, written), key)
        return {written: inner}, at
    if name not in node and rest and path in _NAMED:
        raise ConfigError(f"--set {key}: {path[0]} has no '{name}'.{did_you_mean(name, node)}")
    inner, at = _assign(node.get(name), rest, value, (*path, name), key)
    return {**node, name: inner}, at


def _assign_item(
    node: list, parts: list[str], value: Any, path: KeyPath, key: str
) -> tuple[list, KeyPath]:
    if not parts[0].isdigit() or int(parts[0]) >= len(node):
        raise ConfigError(
            f"--set {key}: '{_dotted(path)}' is a list of {len(node)}, counted from 0. "
            f"Received: '{parts[0]}'."
        )
    index = int(parts[0])
    inner, at = _assign(node[index], parts[1:], value, (*path, index), key)
    return [*node[:index], inner, *node[index + 1 :]], at


def _first_key(node: dict, parts: list[str]) -> tuple[str, list[str]]:
    """The longest key of `node` that `parts` begins with: names may hold dots themselves."""
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in node:
            return ".".join(parts[:length]), parts[length:]
    return parts[0], parts[1:]


def _written_class(node: dict, path: KeyPath) -> str | None:
    """The class name in `{ClassName: {arguments}}`, where such a thing may stand."""
    if len(node) != 1 or not path or path in _NAMED:
        return None
    (name, arguments), *_ = node.items()
    is_class = name.rpartition(".")[2][:1].isupper()
    return name if is_class and (arguments is None or isinstance(arguments, dict)) else None


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
