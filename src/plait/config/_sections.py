"""What can stand in a config, found by walking the constructors' own annotations."""

import inspect
import types
from typing import Any

from plait._names import annotations, only_class, parameters, published, section_of
from plait.config._build import choices, item_of_sequence, values_of_mapping
from plait.learner import Learner

Sections = dict[types.ModuleType, dict[str, type]]


def sections() -> dict[str, tuple[str, dict[str, type]]]:
    """Each folder whose classes a config may name: its one line of help, and those classes."""
    found: Sections = {}
    _collect(Learner, found)
    return {
        section.__name__.removeprefix("plait."): (summary(section), classes)
        for section, classes in found.items()
    }


def summary(documented: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())


def _collect(cls: type, found: Sections) -> None:
    hints = annotations(cls)
    for name in parameters(cls):
        for choice in choices(hints.get(name, Any)):
            wanted = values_of_mapping(choice) or item_of_sequence(choice) or choice
            section = section_of(wanted)
            if section is None:
                continue
            known = found.setdefault(section, {})
            for inner_name, inner in _fitting(wanted, section).items():
                if inner_name not in known:
                    known[inner_name] = inner
                    _collect(inner, found)


def _fitting(wanted: type, section: types.ModuleType) -> dict[str, type]:
    """An argument of an abstract class takes any published subclass; of a concrete one, that."""
    if only_class(wanted, section):
        return {wanted.__name__: wanted}
    return {name: cls for name, cls in published(section).items() if issubclass(cls, wanted)}
