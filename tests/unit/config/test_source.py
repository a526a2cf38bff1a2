import pytest

from plait.config._source import parse_source, read_source
from plait.errors import ConfigError

TEXT = """\
data: pets.csv
features:
  photo: {Image: {size: 64}}
  notes:
    Text:
      missing:
        - n/a
        - none
"""


def test_each_key_and_value_keeps_its_place():
    source = parse_source(TEXT, "plait.yaml")
    assert source.at_key(("features", "photo", "Image", "size")) == "plait.yaml:3:19"
    assert source.at_value(("features", "photo", "Image", "size")) == "plait.yaml:3:25"
    assert source.at_value(("features", "notes", "Text", "missing", 1)) == "plait.yaml:8:11"


def test_a_place_that_is_not_there_is_that_of_the_nearest_above():
    source = parse_source(TEXT, "plait.yaml")
    assert source.at_key(("features", "photo", "Text", "size")) == "plait.yaml:3:3"
    assert source.at_key(("tasks",)) == "plait.yaml"


def test_scalars_are_plain():
    document = parse_source("a: 1.50\nb: yes\nc: true\nd: 2020-01-02\ne: 0x10\nf: ~", "c").document
    assert document == {"a": 1.5, "b": "yes", "c": True, "d": "2020-01-02", "e": 16, "f": None}
    assert [type(v) for v in document.values()] == [float, str, bool, str, int, type(None)]


def test_a_merged_key_is_placed_where_its_mapping_is():
    source = parse_source("a: &x {b: 1}\nc:\n  <<: *x\n", "c.yaml")
    assert source.document["c"] == {"b": 1}
    assert source.at_key(("c", "b")) == "c.yaml:2:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: a\ntasks: {}\ndata: b\n", r"c\.yaml:3:1: the key 'data' stands here a second time"),
        ("features:\n\tphoto: Image\n", r"c\.yaml:2:1: a tab, which YAML does not allow"),
        ("", r"c\.yaml is empty\. `plait new"),
        ("# only a remark\n", r"c\.yaml is empty"),
        ("- data\n- tasks\n", r"c\.yaml:1:1: expected a mapping with the keys data"),
        ("just words", r"c\.yaml:1:1: expected a mapping"),
        ("a: {b: 1\nc: 2", r"c\.yaml:2:2: "),
        ("a: *nowhere", r"c\.yaml:1:4: .*nowhere"),
    ],
)
def test_what_is_no_config_is_refused_with_its_place(text, message, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_source(path)


@pytest.mark.parametrize("value", ["{}", "[ls]", "ls"])
def test_a_tag_is_refused(value):
    with pytest.raises(ConfigError, match=r"c:1:4: the tag .*os\.system.* means nothing"):
        parse_source(f"a: !!python/object/apply:os.system {value}", "c")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no config .*`plait new TABLE -o "):
        read_source(tmp_path / "c.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        read_source(tmp_path)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00data")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        read_source(tmp_path / "c.yaml")
