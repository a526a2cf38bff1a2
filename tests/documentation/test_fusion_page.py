"""docs/fusion.md lists every fusion, with the weights that it has."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from tests.programs import built

from plait import fusion
from plait.fusion._token_fusion import TokenFusion

PAGE = (Path(__file__).parents[2] / "docs" / "fusion.md").read_text(encoding="utf-8")
ROWS = {
    name: (int(two.replace(",", "")), int(six.replace(",", "")))
    for names, two, six in re.findall(r"^\| (`.*?`) \|.*\| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.M)
    for name in re.findall(r"`(\w+)`", names)
}


def test_all_are_there():
    assert set(ROWS) == {
        name for name in fusion.__all__ if not inspect.isabstract(getattr(fusion, name))
    }


@pytest.mark.parametrize("name", ROWS)
def test_weights_are_as_many_as_it_says(name):
    cls = getattr(fusion, name)
    tokens = 9 if issubclass(cls, TokenFusion) else 1
    for features, weights in zip((2, 6), ROWS[name], strict=True):
        names = [f"f{n}" for n in range(features)]
        layer = built(
            cls(),
            tokens={name: np.zeros((1, tokens, 128), "float32") for name in names},
            masks={name: np.ones((1, tokens), bool) for name in names},
            presence={name: np.ones(1, bool) for name in names},
        )
        assert sum(int(np.prod(v.shape)) for v in layer.trainable_variables) == weights
