"""Checkpoints that cannot be read."""

import numpy as np

from plait.errors import ModelFileError
from plait.inference import write_archive
from plait.training._checkpoint import Checkpoint, last_whole

OLD, NEW = "000000-000000002.checkpoint", "000000-000000004.checkpoint"


def test_whatever_byte_is_flipped_is_damage_or_nothing(tmp_path):
    path, good = tmp_path / NEW, tmp_path / "good"
    forms = {"w": [[2], "float32"]}
    plain = {"position": {"epoch": 0, "step": 4}, "over": False, "beside": {}, "arrays": forms}
    write_archive(good, plain, {"w": np.ones(2, "float32")})
    whole, refused = good.read_bytes(), 0
    for place in range(len(whole)):
        for flip in (0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            try:
                assert Checkpoint.read(path).arrays["w"].tolist() == [1, 1]
            except ModelFileError:
                refused += 1
    assert refused > len(whole)


def test_one_that_is_damaged_is_called_by_its_name_and_left_aside(tmp_path):
    plain = {"position": {"epoch": 0, "step": 2}, "over": False, "beside": {}, "arrays": {}}
    write_archive(tmp_path / OLD, plain, {})
    (tmp_path / NEW).write_bytes(b"half")
    told = []
    assert last_whole(tmp_path, told.append).position.step == 2
    (line,) = told
    assert line.startswith(f"The checkpoint {tmp_path / NEW} is refused: it is cut short or no ")
    assert line.endswith(f"{OLD}, the one before, is used. It is kept as {NEW}.damaged.")
    assert (tmp_path / f"{NEW}.damaged").read_bytes() == b"half"
    assert last_whole(tmp_path, told.append).position.step == 2
    assert len(told) == 1


def test_where_none_is_whole_the_run_begins_anew_and_says_so(tmp_path):
    for name in (OLD, NEW):
        (tmp_path / name).write_bytes(b"half")
    told = []
    assert last_whole(tmp_path, told.append) is None
    assert [f"{OLD}, the one before" in line for line in told] == [True, False]
    assert "The run begins anew. It is kept as" in told[1]
    assert {path.suffix for path in tmp_path.iterdir()} == {".damaged"}
