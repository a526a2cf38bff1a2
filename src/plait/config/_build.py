"""From plain data to constructor arguments: the annotation of each argument is the schema."""

import importlib
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from plait._names import annotations, did_you_mean, find_class, only_class, parameters, section_of
from plait.config._source import KeyPath, Source
from plait.errors import ConfigError, PlaitError


@dataclass(frozen=True)
class Builder:
    """Builds what a config spells, and points at the place of what it cannot build.

    Attributes:
        source: the config.
        folder: where a user's own modules are looked for, beside the import path.
    """

    source: Source
    folder: Path

    def arguments(self, cls: type, plain: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        """The checked arguments of a constructor.

        Raises:
            ConfigError: an unknown or missing argument, or a value of the wrong type.
        """
        known, hints = parameters(cls), annotations(cls)
        built = {}
        for key, value in plain.items():
            here = (*path, key)
            if key not in known:
                raise ConfigError(
                    f"{self.source.at_key(here)}: {cls.__name__} has no argument '{key}'."
                    f"{did_you_mean(key, known)}"
                )
            built[key] = self.value(hints.get(key, Any), value, here, f"{cls.__name__}'s '{key}'")
        for key, parameter in known.items():
            if parameter.default is inspect.Parameter.empty and key not in built:
                raise ConfigError(
                    f"{self.source.at_key(path)}: {cls.__name__} needs the argument '{key}'."
                )
        return built

    def value(self, annotation: Any, plain: Any, path: KeyPath, what: str) -> Any:
        """One value as its annotation says: an object, objects by name, or plain data."""
        for choice in choices(annotation):
            named = values_of_mapping(choice)
            if named is not None and section_of(named) is not None:
                return self._named_objects(named, plain, path, what)
            item = item_of_sequence(choice)
            if (
                item is not None
                and section_of(item) is not None
                and not _is_plain(annotation, plain)
            ):
                return self._listed_objects(item, plain, path, what)
        section = section_of(annotation)
        if section is None or _is_plain(annotation, plain):
            return self._checked(annotation, plain, path, what)
        if plain is None and type(None) in choices(annotation):
            return None
        cls = next(c for c in choices(annotation) if section_of(c) is section)
        if only_class(cls, section):
            return self._only_class(cls, plain, path, what)
        return self._object(cls, section, plain, path, what)

    def _named_objects(self, base: Any, plain: Any, path: KeyPath, what: str) -> dict[str, Any]:
        if not isinstance(plain, Mapping) or not plain:
            raise ConfigError(
                f"{self.source.at_value(path)}: expected a mapping from names to classes for "
                f"{what}, such as {{name: ClassName}}. Received: {plain!r}."
            )
        return {
            name: self.value(base, item, (*path, name), f"{what}, '{name}'")
            for name, item in plain.items()
        }

    def _listed_objects(self, base: Any, plain: Any, path: KeyPath, what: str) -> tuple[Any, ...]:
        """A list of classes; one alone may stand without a list."""
        if not isinstance(plain, list):
            return (self.value(base, plain, path, what),)
        return tuple(self.value(base, item, (*path, n), what) for n, item in enumerate(plain))

    def _only_class(self, cls: type, plain: Any, path: KeyPath, what: str) -> Any:
        """An argument that takes one class alone: its arguments, without repeating its name.

        A bare scalar is the first of them: `split: part` is `split: {column: part}`.
        """
        if plain == cls.__name__:
            return self._made(cls, {}, path)
        if isinstance(plain, Mapping) and set(plain) == {cls.__name__}:
            plain, path = plain[cls.__name__] or {}, (*path, cls.__name__)
        first = next(iter(parameters(cls).items()), None)
        if isinstance(plain, str) and first and _takes_text(annotations(cls).get(first[0])):
            plain = {first[0]: plain}
        if not isinstance(plain, Mapping):
            raise ConfigError(
                f"{self.source.at_value(path)}: expected {what} to be a mapping of "
                f"{cls.__name__}'s arguments. Received: {plain!r}."
            )
        return self._made(cls, plain, path)

    def _object(
        self, base: type, section: types.ModuleType, plain: Any, path: KeyPath, what: str
    ) -> Any:
        if isinstance(plain, str):
            plain = {plain: {}}
        if not (isinstance(plain, Mapping) and len(plain) == 1):
            raise ConfigError(
                f"{self.source.at_value(path)}: expected ClassName or {{ClassName: {{argument: "
                f"value}}}} for {what}. Received: {plain!r}."
            )
        (name, inner), *_ = plain.items()
        inside = (*path, name)
        cls = self._class(name, base, section, path)
        if not isinstance(inner, Mapping | None):
            raise ConfigError(
                f"{self.source.at_value(inside)}: expected {name}: {{argument: value}}. "
                f"Received: {inner!r}."
            )
        return self._made(cls, inner or {}, inside)

    def _made(self, cls: type, plain: Mapping[str, Any], path: KeyPath) -> Any:
        arguments = self.arguments(cls, plain, path)
        try:
            return cls(**arguments)
        except (PlaitError, ValueError, TypeError) as error:
            said = str(error).removeprefix(f"{cls.__name__}: ")
            at = (*path, *error.at) if isinstance(error, ConfigError) else path
            raise ConfigError(f"{self.source.at_key(at)}: {cls.__name__}: {said}") from error

    def _class(self, name: str, base: type, section: types.ModuleType, path: KeyPath) -> type:
        at = self.source.at_value(path)
        if "." in name:
            return _own_class(name, base, self.folder, at)
        try:
            cls = find_class(name, section)
        except ConfigError as error:
            raise ConfigError(f"{at}: {error}") from None
        if not issubclass(cls, base):
            raise ConfigError(f"{at}: expected a {base.__name__}. {name} is none.")
        return cls

    def _checked(self, annotation: Any, plain: Any, path: KeyPath, what: str) -> Any:
        adapter = pydantic.TypeAdapter(
            annotation, config=pydantic.ConfigDict(arbitrary_types_allowed=True)
        )
        try:
            # As JSON, lists become tuples where the annotation says so, yet "5" is no number.
            return adapter.validate_json(json.dumps(plain), strict=True)
        except pydantic.ValidationError:
            raise ConfigError(
                f"{self.source.at_value(path)}: {what} expects {_spelt(annotation)}. "
                f"Received: {plain!r}.{_near_literal(annotation, plain)}"
            ) from None


def _own_class(dotted: str, base: type, folder: Path, at: str) -> type:
    """A class of the user's own; only a config that the user runs comes here."""
    module_name, _, class_name = dotted.rpartition(".")
    if not all(part.isidentifier() for part in dotted.split(".")):
        raise ConfigError(
            f"{at}: '{dotted}' names no class. A class of your own is package.module.ClassName."
        )
    search = str(folder.resolve())
    if search not in sys.path:
        sys.path.insert(0, search)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{at}: cannot import '{module_name}' for '{dotted}': {error}. It is looked for in "
            f"{folder} and on the import path."
        ) from error
    # The module is the user's code: whatever it raises is of their config, and no fault of plait's.
    except Exception as error:
        raise ConfigError(
            f"{at}: '{module_name}' cannot be imported for '{dotted}': "
            f"{type(error).__name__}: {error}. Mend that module."
        ) from error
    cls = getattr(module, class_name, None)
    if cls is None:
        fitting = [n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, base)]
        raise ConfigError(
            f"{at}: {module_name} has no '{class_name}'.{did_you_mean(class_name, fitting)}"
        )
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        raise ConfigError(f"{at}: '{dotted}' is no {base.__name__}. Make it a subclass of that.")
    return cls


def choices(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def values_of_mapping(annotation: Any) -> Any:
    """`V` of `Mapping[str, V]`, else None."""
    origin = typing.get_origin(annotation)
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return typing.get_args(annotation)[1]
    return None


def item_of_sequence(annotation: Any) -> Any:
    """`V` of `tuple[V, ...]` or `Sequence[V]`, else None."""
    inner, origin = typing.get_args(annotation), typing.get_origin(annotation)
    many = inner[-1:] == (Ellipsis,) if origin is tuple else origin is Sequence
    return inner[0] if many else None


def _is_plain(annotation: Any, plain: Any) -> bool:
    """A number or null, where an argument takes that or objects."""
    kinds = [kind for kind in (int, float, type(None)) if kind in choices(annotation)]
    return type(plain) in kinds


def _takes_text(annotation: Any) -> bool:
    return str in choices(annotation)


def _spelt(annotation: Any) -> str:
    """A type in words."""
    words = {
        int: "a whole number",
        float: "a number",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }
    spelt = []
    for choice in choices(annotation):
        origin, inner = typing.get_origin(choice), typing.get_args(choice)
        if choice in words:
            spelt.append(words[choice])
        elif origin is typing.Literal:
            spelt.append(" or ".join(repr(option) for option in inner))
        elif inspect.isclass(origin) and issubclass(origin, Mapping):
            spelt.append("a mapping")
        elif origin in (tuple, list):
            kinds = ", ".join(_spelt(kind) for kind in inner if kind is not Ellipsis)
            spelt.append(f"a list of {kinds}")
        else:
            spelt.append(getattr(choice, "__name__", str(choice)))
    return " or ".join(spelt)


def _near_literal(annotation: Any, plain: Any) -> str:
    options = [
        str(option)
        for choice in choices(annotation)
        if typing.get_origin(choice) is typing.Literal
        for option in typing.get_args(choice)
    ]
    return did_you_mean(plain, options) if options and isinstance(plain, str) else ""
