"""Media files that are exchanged between the start of a run and its going on, or its repetition."""

import json
import os
import re
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from plait import Image, Table
from plait.cli import main
from plait.data import Batches
from plait.training import _media_files
from plait.training._media_files import media_files, written_since


@pytest.fixture(scope="module")
def begun(tmp_path_factory, make_records):
    """Records, and a run on them that was stopped once it had a checkpoint."""
    records = make_records(tmp_path_factory.mktemp("begun"))
    records.configure("  bell: Audio\n  age: Number\n  kind: Category\n", "")
    records.configure("  price: Regression\n", "")
    records.configure("{size: 16}", "{size: 16, on_error: absent}")
    records.configure("epochs: 1, batch_size: 16", "epochs: 4, batch_size: 16, checkpoint_every: 2")
    read = Batches.batch

    def batch(self, epoch, index):
        if epoch == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(self, epoch, index)

    with pytest.MonkeyPatch.context() as until:
        until.setattr(Batches, "batch", batch)
        code = main(["fit", str(records.config), "--run", str(records.folder / "r"), "--quiet"])
    assert code == 128 + signal.SIGTERM
    return records


def copied(records, to, how):
    shutil.copytree(records.folder, to, copy_function=how)
    command = to / "r" / "command.json"
    command.write_text(command.read_text().replace(str(records.folder), str(to)))
    return replace(records, folder=to)


@pytest.fixture
def stopped(begun, tmp_path):
    """The same in a folder of the test's own."""
    return copied(begun, tmp_path / "data", shutil.copy2)


def exchange(path, value=77):
    """Another good picture in the place of one."""
    Pillow.fromarray(np.full((16, 16, 3), value, np.uint8)).save(path)


def exchange_for_one_as_large(path):
    """The same for one whose file has the same size."""
    size = path.stat().st_size
    exchange(path)
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    assert path.stat().st_size == size


@pytest.mark.parametrize("how", [exchange, exchange_for_one_as_large])
def test_a_run_does_not_go_on_with_another_picture(how, stopped, plait):
    run, picture = stopped.folder / "r", stopped.folder / "5.png"
    was = picture.read_bytes()
    how(picture)
    said = plait("fit", "--resume", run, "--quiet")
    assert said.code == 2
    assert f"column 'photo' of the train rows are not those that the run '{run}' began" in said.err
    assert "'5.png' in row 5 was written last" in said.err
    assert "Bring the files back, or begin a new run." in said.err
    picture.write_bytes(was)
    said = plait("fit", "--resume", run, "--quiet")
    assert said.code == 0, said.err
    assert "media files" not in said.err


def test_a_run_is_not_repeated_without_a_picture(stopped, plait):
    run = stopped.folder / "r"
    assert plait("fit", "--resume", run, "--quiet").code == 0
    (stopped.folder / "35.png").unlink()
    said = plait("rerun", run, "--quiet")
    assert said.code == 2
    assert f"column 'photo' of the validation rows are not those that the run '{run}'" in said.err
    assert re.search(r"began with: 8 of \d+ bytes, .* then, 7 of \d+ bytes, .* now", said.err)
    assert "'35.png' in row 35 is not there" in said.err
    assert not (stopped.folder / "r-rerun").exists()


def test_a_copy_of_the_folder_is_the_same_data(begun, tmp_path, plait):
    """As on another machine, where every file has another time."""
    there = copied(begun, tmp_path / "there", shutil.copyfile)
    assert (there.folder / "5.png").stat().st_mtime > (begun.folder / "5.png").stat().st_mtime
    said = plait("fit", "--resume", there.folder / "r", "--quiet")
    assert said.code == 0, said.err
    assert "media files" not in said.err


def test_test_rows_have_no_part_in_it(stopped, plait):
    exchange(stopped.folder / "48.png")
    assert plait("fit", "--resume", stopped.folder / "r", "--quiet").code == 0


def test_of_a_run_of_an_older_version_no_file_is_compared(stopped, plait):
    path = stopped.folder / "r" / "environment.json"
    plain = json.loads(path.read_text())
    assert {part for part, data in plain["data"].items() if data.pop("media", None)} == {
        "train", "validation",
    }  # fmt: skip
    path.write_text(json.dumps(plain))
    exchange(stopped.folder / "35.png")
    said = plait("fit", "--resume", stopped.folder / "r", "--quiet")
    assert said.code == 0, said.err


def test_of_many_files_those_that_were_not_read_are_told_if_they_are_newer(stopped):
    def files():
        column = {"photo": [f"{n}.png" for n in range(1, 33)]}
        found = media_files(Table.read(column, root=stopped.folder), {"photo": Image()})
        return {"train": {"media": found}}

    with pytest.MonkeyPatch.context() as few:
        few.setattr(_media_files, "_CONTENTS", 0)
        was = files()
        exchange_for_one_as_large(stopped.folder / "5.png")
        now = files()
    assert was["train"]["media"]["photo"]["sha256"] == now["train"]["media"]["photo"]["sha256"]
    (line,) = written_since(was, now)
    assert "column 'photo' of the train rows were written since, '5.png' last" in line
    assert written_since(was, was) == []
    whole = files()
    assert written_since(whole, whole) == []


def files_of(folder, cells):
    table = Table.read({"photo": cells}, root=folder)
    return media_files(table, {"photo": Image(missing=("none",)), "other": Image()}).get("photo")


def test_what_is_known_of_files(tmp_path):
    (tmp_path / "in").mkdir()
    for name, size in (("a", 3), ("in/b", 4)):
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, ns=(0, 1000 + size))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "out").symlink_to("/etc/hostname")
    found = files_of(tmp_path, ["a", None, "in/b", "", "none", "link", "in", "c", "../d", "out"])
    assert (found["files"], found["bytes"], found["read"]) == (3, 10, 3)
    assert found["newest"] == {"row": 3, "path": "in/b", "time": 1004}
    assert (found["gone"]["row"], found["gone"]["path"]) == (7, "in")
    assert files_of(tmp_path, ["a", "in/b"])["gone"] is None
    assert files_of(tmp_path, ["c"])["newest"] is None


def test_of_what_is_no_file_here_nothing_is_known(tmp_path):
    assert files_of(tmp_path, [b"abc", None]) is None
    assert files_of(tmp_path, [[1, 2], [3]]) is None
    assert files_of(tmp_path, [None, "none"]) is None
    assert files_of("memory://somewhere", ["a"]) is None
