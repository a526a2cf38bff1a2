"""docs/encoders.md lists every encoder, and says how many stages a picture has."""

import math
import re
from pathlib import Path

import keras
import pytest

from plait import encoders
from plait._names import published

PAGE = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
STAGES = re.findall(r"^\| (\d+) \| ([\d, ]+) \| ([\d, ]+) \| ([\d, ]+) \|$", PAGE, re.M)


def test_all_are_there():
    rows = re.findall(r"^\| (?:`\w+`(?:, `\w+`)*)? ?\| `(\w+)` \|", PAGE, re.M)
    assert sorted(rows) == sorted(published(encoders))


@pytest.mark.parametrize("row", STAGES, ids=lambda row: row[0])
def test_stages_are_as_it_says(row):
    side, maps, *channels = ([int(n) for n in cell.split(",")] for cell in row)
    for cls, counts in zip((encoders.ResNet, encoders.ConvNeXt), channels, strict=True):
        given = cls(8, blocks=1)(keras.Input((*side, *side, 3)))["maps"][::-1]
        assert [m.shape[1] for m in given] == maps
        assert [m.shape[-1] for m in given] == counts


def test_weights_are_as_many_as_it_says():
    said = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ", PAGE, re.M))
    assert len(said) == 6
    for name, weights in said.items():
        is_text = name.startswith("Text")
        layer = getattr(encoders, name)(**({"vocabulary": 5_000} if is_text else {}))
        layer.build((None, 32) if is_text else (None, 64, 64, 3))
        count = sum(math.prod(v.shape) for v in layer.trainable_variables)
        assert count == int(weights.replace(",", ""))
