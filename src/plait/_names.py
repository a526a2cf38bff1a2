"""Class <-> name <-> constructor arguments: the one place where plait's objects become plain data.

An object is written as ``"Name"`` when every argument has its default, else ``{"Name": {argument:
value}}``. A name is looked up in the ``__all__`` of the folder that its place asks for; arguments are
the constructor's own, read back from the attributes of the same name.
"""

import dataclasses
import difflib
import importlib
import inspect
import posixpath
import sys
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plait._keras_layers import arguments_of, check_plain, is_keras_layer
from plait.errors import ConfigError


def did_you_mean(name: str, options: Iterable[str], cutoff: float = 0.6) -> str:
    """`" Did you mean 'x'?"`, or the options there are when nothing is near."""
    options = [str(option) for option in options]
    return _suggested(_nearest(name, {option: option for option in options}, cutoff), options)


def did_you_mean_file(name: str, siblings: Iterable[str]) -> str:
    """As `did_you_mean`, but that an ending two files share does not make their names near."""
    siblings = list(siblings)
    stem, ending = posixpath.splitext(name)
    by_stem: dict[str, str] = {}
    for near in sorted(siblings, key=lambda near: near.endswith(ending)):
        by_stem[posixpath.splitext(near)[0]] = near
    return _suggested(_nearest(stem, by_stem), siblings)


def _nearest(name: str, options: Mapping[str, str], cutoff: float = 0.6) -> str | None:
    """The value whose key is most like a name, if one is."""
    lowered = {key.lower(): value for key, value in options.items()}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return lowered[near[0]] if near else None


def _suggested(near: str | None, options: Sequence[str]) -> str:
    if near is not None:
        return f" Did you mean '{near}'?"
    return f" There is: {', '.join(options)}." if options else ""


def demand(where: str, value: Any, contract: type) -> None:
    """Refuses a class, or its name, where an object of it is due.

    Raises:
        ConfigError: `value` is no `contract`.
    """
    if isinstance(value, contract):
        return
    called = isinstance(value, type) and issubclass(value, contract)
    way_out = f" Write {value.__name__}()." if called else ""
    raise ConfigError(
        f"{where}: expected an object of a {contract.__name__}. Received: {value!r}.{way_out}"
    )


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's named arguments, in order, without ``self`` and ``**kwargs``.

    What `fit` learnt (a dataclass field named ``state``) is no argument of the user's.
    """
    found = inspect.signature(cls).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {n: p for n, p in found.items() if p.kind in kinds and n != "state"}


def annotations(cls: type) -> dict[str, Any]:
    """The resolved type of each constructor argument that has one."""
    if dataclasses.is_dataclass(cls):
        return typing.get_type_hints(cls)
    return typing.get_type_hints(cls.__init__)  # type: ignore[misc]


def published(section: types.ModuleType) -> dict[str, type]:
    """The classes of a folder that fulfil its contract, by name: what a config may name there."""
    classes = {n: c for n in section.__all__ if isinstance(c := getattr(section, n), type)}
    contracts = tuple(c for c in classes.values() if inspect.isabstract(c))
    return {
        n: c
        for n, c in classes.items()
        if c not in contracts and issubclass(c, contracts or object)
    }


def find_class(
    name: str, section: types.ModuleType, custom: Mapping[str, type] | None = None
) -> type:
    """The class that a folder publishes under `name`, or the user's own from `custom`.

    Raises:
        ConfigError: neither the folder's ``__all__`` nor `custom` has the name.
    """
    if custom is not None and name in custom:
        return custom[name]
    concrete = published(section)
    if name not in concrete:
        kind = section.__name__.rpartition(".")[2]
        raise ConfigError(f"{kind} has no '{name}'.{did_you_mean(name, concrete)}")
    return concrete[name]


def only_class(wanted: type, section: types.ModuleType) -> bool:
    """Whether an argument takes this one class of a folder: one that is no contract."""
    return not inspect.isabstract(wanted) and wanted.__name__ in section.__all__


def items_section_of(annotation: Any) -> types.ModuleType | None:
    """The folder whose classes an argument takes in a list."""
    for candidate in [annotation, *typing.get_args(annotation)]:
        origin = typing.get_origin(candidate)
        if inspect.isclass(origin) and issubclass(origin, Sequence):
            for inner in typing.get_args(candidate):
                if (section := section_of(inner)) is not None:
                    return section
    return None


def named_section_of(annotation: Any) -> types.ModuleType | None:
    """The folder whose classes an argument takes in a mapping from names."""
    for candidate in [annotation, *typing.get_args(annotation)]:
        origin = typing.get_origin(candidate)
        if inspect.isclass(origin) and issubclass(origin, Mapping):
            return section_of(typing.get_args(candidate)[1])
    return None


def section_of(annotation: Any) -> types.ModuleType | None:
    """The folder whose classes an argument takes, from the abstract class that annotates it."""
    for candidate in [annotation, *typing.get_args(annotation)]:
        if not inspect.isclass(candidate):
            continue
        if candidate.__name__ == "Layer" and candidate.__module__.startswith("keras."):
            return importlib.import_module("plait.layers")
        if candidate.__module__.startswith("plait."):
            package = sys.modules[candidate.__module__.rpartition(".")[0]]
            if candidate.__name__ in getattr(package, "__all__", ()):
                return package
    return None


def to_plain(value: Any) -> Any:
    """An object of plait's as plain data; plain data as it is (tuples become lists)."""
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    cls = type(value)
    if is_keras_layer(value):
        arguments = arguments_of(value)
        return {cls.__name__: arguments} if arguments else cls.__name__
    arguments = {}
    for name, parameter in parameters(cls).items():
        argument = getattr(value, name)
        if parameter.default is inspect.Parameter.empty or argument != parameter.default:
            arguments[name] = to_plain(argument)
    return {cls.__name__: arguments} if arguments else cls.__name__


def from_plain(
    plain: Any, section: types.ModuleType, custom: Mapping[str, type] | None = None
) -> Any:
    """The object that `to_plain` wrote, its class looked up in `section`.

    Args:
        plain: what `to_plain` returned.
        section: the folder whose ``__all__`` is the list of allowed names.
        custom: a user's own classes by the name they are written under.

    Raises:
        ConfigError: an unknown class or argument, or data of another form.
    """
    if isinstance(plain, str):
        plain = {plain: {}}
    if not (isinstance(plain, Mapping) and len(plain) == 1):
        raise ConfigError(
            f"Expected ClassName or {{ClassName: {{argument: value}}}}. Received: {plain!r}"
        )
    (name, arguments), *_ = plain.items()
    cls = find_class(name, section, custom)
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise ConfigError(f"Expected {name}: {{argument: value}}. Received: {arguments!r}")
    known = parameters(cls)
    hints = annotations(cls)
    if cls.__module__.startswith("keras."):
        check_plain(cls, arguments)
    built = {}
    for key, value in arguments.items():
        if key not in known:
            raise ConfigError(f"{name} has no argument '{key}'.{did_you_mean(key, known)}")
        built[key] = _built(value, hints.get(key), custom)
    return cls(**built)


def _built(value: Any, hint: Any, custom: Mapping[str, type] | None) -> Any:
    """An argument out of plain data, as its annotation says."""
    if isinstance(value, Mapping) and (named := named_section_of(hint)) is not None:
        return {name: from_plain(item, named, custom) for name, item in value.items()}
    if isinstance(value, list) and (items := items_section_of(hint)) is not None:
        return tuple(from_plain(item, items, custom) for item in value)
    nested = section_of(hint)
    if nested is not None and isinstance(value, str | Mapping):
        return from_plain(value, nested, custom)
    return _frozen(value)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
