import os
import threading
import time
from pathlib import Path

import pytest

from plait._held_folder import HeldFolder, wait_until_free
from plait.errors import ConfigError


def test_a_folder_is_held_by_one_until_it_is_released(tmp_path):
    held = HeldFolder.new(tmp_path / "deep" / "er" / "r")
    with pytest.raises(ConfigError, match=rf"Another process \({os.getpid()}\) writes to the run"):
        HeldFolder(held.path)
    with pytest.raises(ConfigError, match="Another process"):
        HeldFolder.new(held.path)
    held.release()
    assert list(held.path.iterdir()) == []
    HeldFolder(held.path).remove()
    assert held.path.is_dir(), "it was not made by the one who removed it"


def test_a_lock_that_is_removed_while_another_waits_for_it_keeps_nobody_out(tmp_path, monkeypatch):
    first = HeldFolder(tmp_path)
    opened = Path.open

    def slow(self, *words, **named):
        file = opened(self, *words, **named)
        monkeypatch.setattr(Path, "open", opened)
        # The first one lets go, and its lock is gone, after the second has opened it.
        first.release()
        return file

    monkeypatch.setattr(Path, "open", slow)
    second = HeldFolder(tmp_path)
    with pytest.raises(ConfigError, match="Another process"):
        HeldFolder(tmp_path)
    second.release()


def test_default_names_take_the_next_number_and_others_are_refused(tmp_path):
    (tmp_path / "shop-3").write_text("mine")
    held = [HeldFolder.new(tmp_path / "shop", numbered=True) for _ in range(3)]
    assert [each.path.name for each in held] == ["shop", "shop-2", "shop-4"]


def test_a_folder_is_never_written_over(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for taken in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ConfigError, match="never written over"):
            HeldFolder.new(taken)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_one_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("a")
    for name in ("t.csv/run", "x" * 300, "new/" + "x" * 300):
        with pytest.raises(ConfigError, match=r"cannot be written: .*Choose another folder"):
            HeldFolder.new(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_what_was_made_for_it_goes_with_it_and_nothing_else(tmp_path):
    held = HeldFolder.new(tmp_path / "runs" / "r")
    held.remove()
    assert not (tmp_path / "runs").exists()
    held = HeldFolder.new(tmp_path / "runs" / "r")
    (tmp_path / "runs" / "other").mkdir()
    held.remove()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["other"]


def test_waits_for_who_holds_it_and_not_for_ever(tmp_path):
    wait_until_free(tmp_path / "nowhere", 60)
    wait_until_free(tmp_path, 60)
    assert not list(tmp_path.iterdir())
    held, released = HeldFolder(tmp_path), []
    threading.Timer(0.5, lambda: (released.append(True), held.release())).start()
    wait_until_free(tmp_path, 60)
    assert released
    held = HeldFolder(tmp_path)
    before = time.monotonic()
    wait_until_free(tmp_path, 0.3)
    assert 0.3 <= time.monotonic() - before < 30
    held.release()
