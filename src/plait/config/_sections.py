"""What can stand in a config, found by walking the constructors' own annotations."""

import types
from collections.abc import Mapping
from typing import Any

from plait._names import annotations, parameters, published, section_of
from plait.config._build import choices, values_of_mapping
from plait.learner import Learner


def sections() -> dict[str, types.ModuleType]:
    """Every folder whose classes a config may name, in the order in which `Learner` takes them."""
    found: dict[str, types.ModuleType] = {}
    _collect(Learner, found)
    return found


def _collect(cls: type, found: dict[str, types.ModuleType]) -> None:
    hints: Mapping[str, Any] = annotations(cls)
    for name in parameters(cls):
        for choice in choices(hints.get(name, Any)):
            section = section_of(values_of_mapping(choice) or choice)
            if section is None:
                continue
            key = section.__name__.removeprefix("plait.")
            if key not in found:
                found[key] = section
                for inner in published(section).values():
                    _collect(inner, found)
