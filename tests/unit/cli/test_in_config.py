import pytest
from ruamel.yaml import YAML

from plait.cli._in_config import in_config


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('declare Number(missing=["?", "n/a"]).', 'declare Number: {missing: ["?", "n/a"]}.'),
        ('Tagging(on_unseen="missing")', 'Tagging: {on_unseen: "missing"}'),
        ("Boxes(of='photo', most_boxes=5)", 'Boxes: {of: "photo", most_boxes: 5}'),
        ("Image(size=...)", "Image: {size: ...}"),
        ("Image(flip=None), Text(lowercase=True)", "Image: {flip: null}, Text: {lowercase: true}"),
        # What is none of plait's, or no plain value, stays as it is.
        ("Thing(of='photo')", "Thing(of='photo')"),
        ("TaskGroups([[...], [...]])", "TaskGroups([[...], [...]])"),
        ("Image(size=side)", "Image(size=side)"),
        ("Image(size=)", "Image(size=)"),
        ("Image()", "Image()"),
    ],
)
def test_a_call_is_told_as_a_config_has_it(said, told):
    assert in_config(said) == told


def test_what_is_told_is_yaml():
    told = in_config('Number(missing=["?", "n/a"])')
    assert YAML(typ="safe").load(told) == {"Number": {"missing": ["?", "n/a"]}}
