"""Crafted files: each is refused with its reason, before anything of a declared size is made."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest

from plait.errors import ModelFileError
from plait.inference._archive import Archive, ArrayForm, member, write_archive

FORMS = {"a/000_kernel": ArrayForm((2, 3), "float32"), "b/000_bias": ArrayForm((), "int32")}
WEIGHTS = {
    "a/000_kernel": np.arange(6, dtype="float32").reshape(2, 3),
    "b/000_bias": np.array(4, "int32"),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "m.plait"
    write_archive(path, {"width": 8}, WEIGHTS)
    return path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def npy(header, values=b""):
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values


def load(path):
    with Archive(path) as archive:
        archive.check(FORMS)
        return {name: archive.read(name, form) for name, form in FORMS.items()}


def test_what_was_written_is_read(path):
    read = load(path)
    assert read.keys() == WEIGHTS.keys()
    for name, values in WEIGHTS.items():
        np.testing.assert_array_equal(read[name], values)
    with Archive(path) as archive:
        assert (archive.description["format"], archive.description["width"]) == (1, 8)


def test_the_same_model_is_the_same_bytes(path, tmp_path):
    write_archive(tmp_path / "again.plait", {"width": 8}, WEIGHTS)
    assert (tmp_path / "again.plait").read_bytes() == path.read_bytes()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_archive(path, {"width": object()}, WEIGHTS)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_is_there_instead_is_told(tmp_path):
    for run in ("houses", "cv/fold-0", "cv/fold-1"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "model.plait").touch()
    with pytest.raises(ModelFileError, match="Did you mean 'houses'"):
        Archive(tmp_path / "hoses")
    with pytest.raises(ModelFileError, match=r"runs in it; name one .*fold-0"):
        Archive(tmp_path / "cv")


def test_no_file(tmp_path):
    with pytest.raises(ModelFileError, match="No saved model"):
        load(tmp_path / "nothing.plait")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_cut_short(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelFileError, match="cut short"):
        load(path)


def test_a_flipped_bit(path):
    content = bytearray(path.read_bytes())
    content[content.index(WEIGHTS["a/000_kernel"].tobytes()) + 6] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load(path)


def test_a_newer_format_says_which_plait_is_needed(path):
    contents = members(path)
    contents["model.json"] = json.dumps({"format": 2, "plait": "7.1.0"})
    rewrite(path, contents)
    with pytest.raises(ModelFileError, match=r"format 2.*Install plait 7\.1\.0 or newer"):
        load(path)


@pytest.mark.parametrize(
    "description", [b"[]", b"{}", b'{"format": "1"}', b'{"format": 0}', b"{", b"\xff", b"[" * 99999]
)
def test_no_description(path, description):
    rewrite(path, {**members(path), "model.json": description})
    with pytest.raises(ModelFileError, match=r"format number|cannot be read"):
        load(path)


def test_a_member_is_missing(path):
    contents = members(path)
    for gone, match in (("model.json", "no model.json"), (member("b/000_bias"), "1 weights are")):
        rewrite(path, {name: c for name, c in contents.items() if name != gone})
        with pytest.raises(ModelFileError, match=match):
            load(path)


@pytest.mark.parametrize(
    "name",
    ["../../etc/cron.d/x", "/etc/passwd", "weights/../../x", "weights\\..\\x", "run.py", "x.pkl"],
)
def test_a_member_that_climbs_out_or_does_not_belong(path, name):
    rewrite(path, {**members(path), name: b"x"})
    with pytest.raises(ModelFileError, match=r"belongs to no saved model|climbs out"):
        load(path)


def test_a_weight_nobody_asked_for(path):
    rewrite(path, {**members(path), "weights/c/000_kernel.npy": b"x"})
    with pytest.raises(ModelFileError, match="c/000_kernel"):
        load(path)


def test_a_compressed_bomb(path):
    bomb = {**members(path), member("a/000_kernel"): bytes(50_000_000)}
    rewrite(path, bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelFileError, match="compressed"):
        load(path)


def test_two_members_of_one_name(path):
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("model.json", b"{}")
    with pytest.raises(ModelFileError, match="two members of one name"):
        load(path)


def test_a_declared_shape_of_ten_gigabytes(path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (50000, 50000), }"
    rewrite(path, {**members(path), member("a/000_kernel"): npy(header, bytes(24))})
    with pytest.raises(ModelFileError, match=r"declares float32 \(50000, 50000\)"):
        load(path)
    # Even a description that asks for it gets no further than the bytes that are there.
    with Archive(path) as archive, pytest.raises(ModelFileError, match="declares 10000000000 byt"):
        archive.check({**FORMS, "a/000_kernel": ArrayForm((50000, 50000), "float32")})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x03\x00",
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", bytes(48)),
        npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", bytes(24)),
        npy("__import__('os').system('true')", bytes(24)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", bytes(20)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", bytes(28)),
    ],
    ids=["empty", "version", "object", "fortran", "code", "short", "long"],
)
def test_a_member_that_is_no_plain_array(path, content):
    rewrite(path, {**members(path), member("a/000_kernel"): content})
    with pytest.raises(ModelFileError, match=r"no plain array|declares"):
        load(path)


def test_a_pickle_is_not_opened(path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    rewrite(path, {**members(path), member("a/000_kernel"): stream.getvalue()})
    with pytest.raises(ModelFileError, match="declares object"):
        load(path)


def test_an_array_in_fortrans_order_is_read_again(tmp_path):
    turned = np.arange(6.0).reshape(2, 3).T
    write_archive(tmp_path / "turned.plait", {}, {"turned": turned})
    with Archive(tmp_path / "turned.plait") as archive:
        form = ArrayForm(turned.shape, "float64")
        archive.check({"turned": form})
        assert (archive.read("turned", form) == turned).all()
