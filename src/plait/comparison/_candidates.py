"""What is compared: ways to join, to share and to balance, one of each."""

import hashlib
import importlib
import itertools
import json
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from plait._names import did_you_mean, from_plain, published, to_plain
from plait.config import Config
from plait.errors import ConfigError

SECTIONS = ("fusion", "sharing", "balancing")
_DEFAULTS = {"fusion": "Concat", "sharing": "HardSharing", "balancing": "Equal"}
_ENDINGS = {"fusion": "Fusion", "sharing": "Sharing", "balancing": ""}


@dataclass(frozen=True)
class Candidate:
    """One way.

    Attributes:
        parts: a class for each section that is compared, as plain data.
        own: whether it is the config as it is written.
    """

    parts: Mapping[str, Any]
    own: bool = False

    @property
    def name(self) -> str:
        """Of its classes, as messages and tables have it."""
        return " + ".join(_said(part) for part in self.parts.values()) or "as written"

    @property
    def folder(self) -> str:
        """The same as part of a folder's name; of classes with arguments a hash tells them apart."""
        name = re.sub(r"[^0-9A-Za-z.]+", "-", self.name).strip("-")
        if all(isinstance(part, str) for part in self.parts.values()):
            return name
        said = json.dumps(self.parts, sort_keys=True).encode()
        return f"{name[:60]}-{hashlib.blake2b(said, digest_size=4).hexdigest()}"

    @property
    def settings(self) -> list[str]:
        """What is said to `plait fit` of it."""
        return [] if self.own else [f"{name}={json.dumps(p)}" for name, p in self.parts.items()]


def candidates(config: Config, asked: Mapping[str, str]) -> list[Candidate]:
    """Each choice of each section with each of the others; the config as it is written comes first.

    Args:
        config: as it is.
        asked: for some sections, classes with commas between: `"Concat, {MBT: {bottleneck: 2}}"`.

    Raises:
        ConfigError: no class of the section, or arguments that it does not take.
    """
    written = {name: _written(config, name) for name in asked}
    choices = dict(_all_of(asked.items(), lambda item: (item[0], _choices(*item))))
    found = [Candidate(written, own=True)]
    for parts in itertools.product(*choices.values()):
        one = Candidate(dict(zip(choices, parts, strict=True)))
        if one.parts != written and one not in found:
            found.append(one)
    return found


def _written(config: Config, section: str) -> Any:
    made = config.arguments.get(section)
    return to_plain(made) if made is not None else _DEFAULTS[section]


def _choices(section: str, text: str) -> list[Any]:
    try:
        listed = YAML(typ="safe", pure=True).load(f"[{text}]")
    except YAMLError:
        listed = None
    if not listed:
        raise ConfigError(
            f"--{section} takes classes with commas between, such as "
            f"'{_DEFAULTS[section]}, {{ClassName: {{argument: value}}}}'. Received: '{text}'."
        )
    return _all_of(listed, lambda plain: _built(section, plain))


def _all_of(given: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
    """What is made of each; the faults of all are told together."""
    made, faults = [], []
    for one in given:
        try:
            made.append(make(one))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    return made


def _built(section: str, plain: Any) -> Any:
    folder = importlib.import_module(f"plait.{section}")
    if isinstance(plain, str):
        named: dict[str, Any] = {_full_name(section, plain, folder): {}}
    elif isinstance(plain, Mapping) and len(plain) == 1:
        ((name, arguments),) = plain.items()
        named = {_full_name(section, str(name), folder): arguments}
    else:
        raise ConfigError(
            f"--{section} expects ClassName or {{ClassName: {{argument: value}}}}. "
            f"Received: {plain!r}."
        )
    try:
        return to_plain(from_plain(named, folder))
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError(f"--{section} {plain}: {error}") from error


def _full_name(section: str, name: str, folder: types.ModuleType) -> str:
    """`Hard` is `HardSharing`."""
    known = published(folder)
    for one in (name, name + _ENDINGS[section]):
        if one in known:
            return one
    raise ConfigError(f"--{section}: there is no '{name}'.{did_you_mean(name, known)}")


def _said(part: Any) -> str:
    if isinstance(part, str):
        return part
    ((name, arguments),) = part.items()
    inner = ", ".join(f"{key} {_short(value)}" for key, value in arguments.items())
    return f"{name}({inner})"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
