"""What is public is documented, and the examples in the documentation run."""

import doctest
import importlib
import inspect
import pkgutil

import keras
import pytest

import plait

# Each backend's module imports its library, of which only the running one need be installed.
ELSEWHERE = {
    f"plait.backend._{name}"
    for name in ("jax", "torch", "tensorflow")
    if name != keras.backend.backend()
}
MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(plait.__path__, "plait.")
    if ".cli." not in m.name and m.name not in ELSEWHERE
)
SECTIONS = [m for m in MODULES if hasattr(importlib.import_module(m), "__all__")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in finder.find(module, globs={"plait": plait}):
        runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize("name", SECTIONS)
def test_public_names_are_documented(name):
    section = importlib.import_module(name)
    assert section.__doc__, name
    for public in section.__all__:
        thing = getattr(section, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{name}.{public}"
            assert thing.__doc__ != thing.__mro__[1].__doc__ if inspect.isclass(thing) else True


def test_every_name_at_the_top_is_where_it_says():
    for public in plait.__all__:
        assert getattr(plait, public) is not None
