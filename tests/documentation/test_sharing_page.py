"""docs/sharing.md lists every sharing, with the weights that it has."""

import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from plait import sharing

PAGE = (Path(__file__).parents[2] / "docs" / "sharing.md").read_text(encoding="utf-8")
ROWS = {
    name: (int(four.replace(",", "")), int(eight.replace(",", "")))
    for name, four, eight in re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \|.*\|$", PAGE, re.M)
}
PUBLIC = {n for n in sharing.__all__ if not inspect.isabstract(getattr(sharing, n))}


def test_all_are_there_and_said_what_they_are():
    assert set(ROWS) == PUBLIC
    assert set(re.findall(r"^\| `(\w+)` \| [^\d]", PAGE, re.M)) == PUBLIC


@pytest.mark.parametrize("name", ROWS)
def test_weights_are_as_many_as_it_says(name):
    tokens, mask = keras.Input((1, 128)), keras.Input((1,), dtype="bool")
    for count, weights in zip((4, 8), ROWS[name], strict=True):
        layer = getattr(sharing, name)().for_tasks([f"t{n}" for n in range(count)])
        shared = layer(tokens, mask)
        branches = [layer.branch(f"t{n}") for n in range(count)]
        for n, branch in enumerate(branches):
            if branch is not None:
                branch(layer.part(shared, f"t{n}"), tokens, mask)
        layers = [layer, *(b for b in branches if b is not None)]
        assert sum(int(np.prod(v.shape)) for x in layers for v in x.trainable_variables) == weights
