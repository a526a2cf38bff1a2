"""What is kept from one run to the next: whole or not at all, below a bound, with others beside."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait import _disk_cache
from plait._disk_cache import DiskCache, Keys

MANY = 1 << 30


def size_of(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files)


def only_file(folder):
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return path


def test_what_is_put_is_there_for_another_run(tmp_path):
    DiskCache(tmp_path / "c", MANY).put("ab12", b"pixels")
    assert DiskCache(tmp_path / "c", MANY).get("ab12") == b"pixels"
    assert DiskCache(tmp_path / "c", MANY).get("ab13") is None


def test_keys_depend_on_the_bytes_and_on_every_setting():
    keys = {
        Keys(settings).of(content)
        for settings in ({"size": 8}, {"size": 9}, {"size": 8, "grey": True}, {})
        for content in (b"a", b"b", b"")
    }
    assert len(keys) == 12
    assert Keys({"a": 1, "b": 2}).of(b"x") == Keys({"b": 2, "a": 1}).of(b"x")


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file[:-1],
        lambda file: file + b"\0",
        lambda file: file[:2],
        lambda file: b"",
        lambda file: bytes(len(file)),
        lambda file: bytes(4),
        lambda file: bytes([file[0] ^ 1]) + file[1:],
        lambda file: file[:-1] + bytes([file[-1] ^ 128]),
    ],
)
def test_a_damaged_entry_is_none_and_is_replaced(tmp_path, damage):
    cache = DiskCache(tmp_path, MANY)
    cache.put("ab12", b"pixels")
    path = only_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get("ab12") is None
    cache.put("ab12", b"pixels")
    assert cache.get("ab12") == b"pixels"


def test_an_entry_under_the_name_of_another_is_none(tmp_path):
    cache = DiskCache(tmp_path, MANY)
    cache.put("ab12", b"pixels")
    path = only_file(tmp_path)
    path.rename(path.with_name("ab13"))
    assert cache.get("ab13") is None


def test_the_folder_stays_below_its_bound_and_what_was_not_used_leaves_first(tmp_path):
    bound = 64 * 4096
    cache = DiskCache(tmp_path, bound)
    long_ago = time.time() - 10 * 24 * 3600
    for number in range(30):
        cache.put(f"{number:02}ab", bytes(4000))
        path = tmp_path / f"{number:02}" / f"{number:02}ab"
        os.utime(path, (long_ago + number, long_ago + number))
    assert cache.get("00ab") is not None
    for number in range(30, 66):
        cache.put(f"{number:02}ab", bytes(4000))
        assert size_of(tmp_path) <= bound
    assert size_of(tmp_path) >= bound // 2
    assert cache.get("00ab") is not None
    assert cache.get("01ab") is None
    assert cache.get("65ab") is not None


def test_an_entry_that_is_large_for_the_bound_is_not_kept(tmp_path):
    cache = DiskCache(tmp_path, 64 * 4096)
    cache.put("ab12", bytes(5 * 4096))
    assert cache.get("ab12") is None
    assert size_of(tmp_path) == 0


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file", MANY)
    cache.put("ab12", b"pixels")
    assert cache.get("ab12") is None


def test_what_a_killed_run_left_is_removed(tmp_path):
    (tmp_path / "ab").mkdir()
    left, young = tmp_path / "ab" / "ab12.7.7.part", tmp_path / "ab" / "ab13.8.8.part"
    for part in (left, young):
        part.write_bytes(b"half")
    os.utime(left, (0, 0))
    DiskCache(tmp_path, MANY).put("cd12", b"pixels")
    assert not left.exists()
    assert young.exists()


# The module alone: plait itself takes seconds to import.
_RUN = """
import importlib.util, random, sys
spec = importlib.util.spec_from_file_location("disk_cache", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
cache, draw = module.DiskCache(sys.argv[2], int(sys.argv[3])), random.Random(int(sys.argv[4]))
met = 0
for _ in range(1500):
    number = draw.randrange(60)
    key, content = f"{number:02}ab", bytes([number]) * (100 * number)
    found = cache.get(key)
    assert found in (None, content), key
    met += found is not None
    if found is None or draw.random() < 0.3:
        cache.put(key, content)
print(met)
"""


def test_two_runs_at_once_read_whole_entries_and_stay_below_the_bound_together(tmp_path):
    bound = 40 * 4096
    command = [sys.executable, "-c", _RUN, _disk_cache.__file__, str(tmp_path), str(bound)]
    runs = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True)
        for seed in range(2)
    ]
    most = 0
    while any(run.poll() is None for run in runs):
        most = max(most, _seen(tmp_path))
    assert [run.returncode for run in runs] == [0, 0]
    assert all(int(run.stdout.read()) > 100 for run in runs)
    assert 0 < most <= bound


def _seen(folder: Path) -> int:
    """At least the size at one moment: what is there both before it and after it.

    One walk would count what leaves behind it and what comes before it together.
    """
    before, after = _files(folder), _files(folder)
    return sum(min(before[file], after[file]) for file in before.keys() & after.keys())


def _files(folder: Path) -> dict[tuple[str, int], int]:
    """The size on disk of each file, by its path and inode."""
    found = {}
    for inner, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(inner, name)
            with contextlib.suppress(FileNotFoundError):
                file = os.stat(path)
                found[path, file.st_ino] = -(-file.st_size // 4096) * 4096
    return found
