"""A config as the arguments of a `Learner` and the places of its data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Any

from plait._names import annotations, did_you_mean, did_you_mean_file, parameters
from plait.config._build import Builder
from plait.config._override import leave_out, override
from plait.config._search import left_open
from plait.config._source import Source, read_source
from plait.errors import ConfigError
from plait.learner import Learner
from plait.table import SQL, is_address

_PARTS = ("train", "validation", "test")
_OWN_KEYS = ("data", "root", "name")

Place = Path | str | SQL
"""Of a table: a path, a pattern or a folder; an address; or a database's answer."""


@dataclass(frozen=True)
class DataSources:
    """Where the tables are.

    Attributes:
        train: the table to learn from.
        validation: a table of its own, or None to split `train`.
        test: a table of its own, or None to split `train`.
    """

    train: Place
    validation: Place | None = None
    test: Place | None = None

    def tables(self) -> Place | dict[str, Place]:
        """What `Learner.fit` takes: the one table, or each part's."""
        parts = {part: getattr(self, part) for part in _PARTS}
        named = {part: path for part, path in parts.items() if path is not None}
        return self.train if len(named) == 1 else named


@dataclass(frozen=True)
class Config:
    """A config that has been read, checked and built.

    Attributes:
        path: the file it came from.
        name: what runs are called.
        data: the tables.
        root: the folder that media paths are relative to, or None for the table's own.
        arguments: what `Learner` takes, built.
        source: the plain data as it ran, overrides in it, and the places it came from.
    """

    path: Path
    name: str
    data: DataSources
    root: Path | str | None
    arguments: Mapping[str, Any]
    source: Source

    @property
    def document(self) -> Mapping[str, Any]:
        """The plain data as it ran: overrides are in it."""
        return self.source.document


def load(
    path: str | Path,
    overrides: Iterable[str] = (),
    data_dir: str | Path | None = None,
    code_dir: str | Path | None = None,
    without: Iterable[str] = (),
) -> Config:
    """Reads a config file.

    The top-level keys are `data` (a path, or `{train, validation, test}`), `root`, `name`, and the
    arguments of `Learner`.

    Args:
        path: the YAML file.
        overrides: `KEY=VALUE` each, applied in order.
        data_dir: the folder that the config's paths are relative to; the config's own if None.
        code_dir: the folder where the user's own classes are looked for, beside the import path;
            the config's own if None.
        without: tasks and objectives to leave out, by name.

    Raises:
        ConfigError: with the file, line and column of what is unknown, missing or of the wrong
            type.
    """
    path = Path(path)
    source = read_source(path)
    for assignment in overrides:
        source = override(source, assignment)
    without = tuple(without)
    for name in without:
        source = leave_out(source, name)
    folder = path.parent if data_dir is None else Path(data_dir)
    if not folder.is_dir():
        raise ConfigError(f"There is no folder '{folder}' for the config's data.")
    known = parameters(Learner)
    for key in source.document:
        if key not in known and key not in _OWN_KEYS:
            raise ConfigError(
                f"{source.at_key((key,))}: a config has no key '{key}'."
                f"{did_you_mean(key, [*_OWN_KEYS, *known])}"
            )
    for key in ("data", "features", "tasks"):
        if source.document.get(key) is None:
            if key == "tasks" and without:
                raise ConfigError(f"--without leaves no task of {source.name} to train.")
            raise ConfigError(
                f"{source.at_key((key,))}: the config has no '{key}'. It needs data, features and "
                f"tasks; `plait new TABLE` writes all three."
            )
    own = {k: v for k, v in source.document.items() if k not in _OWN_KEYS}
    data = _data_sources(source, folder)
    code = path.parent if code_dir is None else Path(code_dir)
    try:
        arguments = _learner_arguments(source, own, code)
    except ConfigError as error:
        for at, _ in left_open(source.document):
            raise ConfigError(
                f"{source.at_value(at)}: '{'.'.join(map(str, at))}' is left open by a search: "
                f"`plait tune {path}` looks for its value, and `--set` gives it one."
            ) from error
        raise
    return Config(
        path=path,
        name=_name(source, path.stem),
        data=data,
        root=_root(source, folder),
        arguments=_beside(arguments, folder, source),
        source=source,
    )


def build_learner(config: Config) -> Learner:
    """A new learner, not fitted.

    Raises:
        ConfigError: arguments that do not fit together, with their file, line and column.
    """
    try:
        return Learner(**config.arguments)
    except ConfigError as error:
        said = str(error).removeprefix(f"{Learner.__name__}: ")
        raise ConfigError(f"{config.source.at_key(error.at)}: {said}") from error


def _learner_arguments(source: Source, own: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    builder = Builder(source, folder)
    hints = annotations(Learner)
    return {
        key: builder.value(hints.get(key, Any), value, (key,), f"'{key}'")
        for key, value in own.items()
    }


def _beside(arguments: Mapping[str, Any], folder: Path, source: Source) -> Mapping[str, Any]:
    """The arguments, where other runs, to begin with or to learn from, lie relative to a folder.

    Raises:
        ConfigError: there is no teacher.
    """
    built = dict(arguments)
    training = built.get("training")
    if training is not None and training.start is not None:
        built["training"] = replace(training, start=str(folder / training.start))
    objectives = dict(built.get("objectives") or {})
    for name, objective in objectives.items():
        if objective.teaching is None:
            continue
        teacher = folder / objective.teaching
        if not teacher.exists():
            at = source.at_value(("objectives", name, type(objective).__name__, "teacher"))
            raise ConfigError(
                f"{at}: there is no run or model '{teacher}'. Paths are relative to the config's "
                "folder, or to --data DIR."
            )
        objectives[name] = replace(objective, teacher=str(teacher))
    return {**built, "objectives": objectives} if objectives else built


def _data_sources(source: Source, folder: Path) -> DataSources:
    data = source.document["data"]
    if not isinstance(data, Mapping) or SQL.__name__ in data:
        return DataSources(_place(source, data, folder, ("data",)))
    for part in data:
        if part not in _PARTS:
            raise ConfigError(
                f"{source.at_key(('data', part))}: data has no part '{part}'."
                f"{did_you_mean(part, _PARTS)}"
            )
    if data.get("train") is None:
        raise ConfigError(f"{source.at_key(('data',))}: data needs the part 'train'.")
    found = {
        part: _place(source, value, folder, ("data", part))
        for part, value in data.items()
        if value is not None
    }
    return DataSources(**found)


def _place(source: Source, value: Any, folder: Path, at: tuple[str, ...]) -> Place:
    if isinstance(value, Mapping) and SQL.__name__ in value:
        built: SQL = Builder(source, folder).value(SQL, value, at, f"'{at[-1]}'")
        return built.beside(folder)
    if not isinstance(value, str):
        raise ConfigError(
            f"{source.at_value(at)}: expected a path, an address, or {{SQL: {{uri, query}}}}"
            f"{', or {train, validation, test}' if at == ('data',) else ''}. Received: {value!r}."
        )
    if is_address(value):
        return value
    path = folder / value
    if not path.exists() and not has_magic(value):
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = did_you_mean_file(path.name, siblings)
        hint = near if near.startswith(" Did") else ""
        raise ConfigError(
            f"{source.at_value(at)}: there is no file '{path}'.{hint} Paths are relative to the "
            f"config's folder, or to --data DIR."
        )
    return path


def _root(source: Source, folder: Path) -> Path | str | None:
    root = _text(source, "root", "")
    if not root or is_address(root):
        return root or None
    if not (folder / root).is_dir():
        raise ConfigError(f"{source.at_value(('root',))}: there is no folder '{folder / root}'.")
    return folder / root


def _name(source: Source, default: str) -> str:
    """What runs are called: one folder of `runs/`, and no way out of it."""
    name = _text(source, "name", default)
    if not name.strip() or name.strip() in (".", "..") or any(sign in name for sign in "/\\\0"):
        raise ConfigError(
            f"{source.at_value(('name',))}: 'name' is that of one folder in runs/, without / and "
            f"\\. Received: {name!r}. `plait fit --run DIR` writes to any folder."
        )
    return name


def _text(source: Source, key: str, default: str) -> str:
    value = source.document.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ConfigError(f"{source.at_value((key,))}: '{key}' expects text. Received: {value!r}.")
    return value
