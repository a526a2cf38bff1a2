"""The YAML of the README and of the pages names arguments that there are."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import plait
from plait._names import parameters

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{n}")
    for page in PAGES
    for n, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.S))
]


def read(block):
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True  # A block may show one key in several ways.
    return yaml.load(block)


def classes_in(plain):
    """Each `{ClassName: {argument: value}}` of plait's classes, at any depth."""
    if isinstance(plain, Mapping):
        for name, value in plain.items():
            cls = getattr(plait, str(name), None)
            if inspect.isclass(cls) and isinstance(value, Mapping):
                yield cls, value
            yield from classes_in(value)
    elif isinstance(plain, list):
        for one in plain:
            yield from classes_in(one)


@pytest.mark.parametrize("block", BLOCKS)
def test_arguments_are_those_of_the_class(block):
    for cls, given in classes_in(read(block)):
        assert set(given) <= {*parameters(cls), "name", "dtype"}, cls.__name__


def test_there_is_something_to_check():
    found = [c for b in BLOCKS for c in classes_in(read(b.values[0]))]
    assert len(found) > 20
