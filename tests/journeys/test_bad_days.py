"""What goes wrong while a run trains; what is killed or damaged is in test_resume."""

import json
import re
import shutil

import pyarrow.parquet as pq
import pytest

from plait import Binary, Learner, Number
from plait.cli import main
from plait.data import Batches, FeatureRows
from plait.errors import ReadingError
from plait.features import Image


def configured(records):
    records.configure("  bell: Audio\n", "")
    records.configure(
        "epochs: 1, batch_size: 16", "epochs: 8, patience: 8, batch_size: 16, checkpoint_every: 2"
    )
    return records


@pytest.fixture
def days(records):
    """Records whose run has a checkpoint early, and decodes every picture when it needs it."""
    return configured(records)


@pytest.fixture(scope="module")
def whole(make_records, tmp_path_factory):
    """The run of such records on a day on which all goes well."""
    days = configured(make_records(tmp_path_factory.mktemp("whole")))
    assert main(["fit", str(days.config), "--run", str(days.folder / "whole"), "--quiet"]) == 0
    return days.folder / "whole"


@pytest.fixture
def mid_run(monkeypatch):
    """Has something done once, when a batch of the sixth of eight epochs is about to be read.

    Batches are read ahead, but not so far: a checkpoint has been written by then.
    """

    def arm(spoil):
        read, spoilt = Batches.batch, []

        def batch(self, epoch, index):
            if epoch == 6 and not spoilt:
                spoilt.append(True)
                spoil()
            return read(self, epoch, index)

        monkeypatch.setattr(Batches, "batch", batch)

    return arm


@pytest.fixture
def without_cache(monkeypatch):
    made = FeatureRows.__init__
    monkeypatch.setattr(
        FeatureRows,
        "__init__",
        lambda self, features, table, *_, **__: made(self, features, table, 0),
    )


def test_a_file_that_vanishes_or_changes_mid_run_is_a_gap_that_is_told(
    days, mid_run, without_cache, plait
):
    gone, changed = (days.folder / f"{row}.png" for row in (3, 5))

    def spoil():
        gone.unlink()
        changed.write_bytes(changed.read_bytes()[:40])

    mid_run(spoil)
    days.configure("Image: {size: 16}", "Image: {size: 16, on_error: absent}")
    said = plait("fit", days.config, "--run", days.folder / "r", "--quiet")
    assert said.code == 0, said.err
    broken = json.loads((days.folder / "r" / "findings.json").read_text())["train"]["broken"]
    assert sorted((cell["row"], cell["column"]) for cell in broken) == [(3, "photo"), (5, "photo")]


def test_where_a_gap_is_an_error_the_run_ends_and_can_be_gone_on_with(
    days, mid_run, without_cache, plait
):
    picture = (days.folder / "3.png").read_bytes()
    mid_run((days.folder / "3.png").unlink)
    days.configure("Image: {size: 16}", "Image: {size: 16, on_error: raise}")
    run = days.folder / "r"
    said = plait("fit", days.config, "--run", run, "--quiet")
    assert (said.code, "row 3" in said.err, "3.png" in said.err) == (2, True, True), said.err
    assert not (run / ".running").exists()
    assert list((run / "checkpoints").iterdir())
    (days.folder / "3.png").write_bytes(picture)
    said = plait("fit", "--resume", run, "--quiet")
    assert said.code == 0, said.err


@pytest.mark.parametrize("kept", [True, False])
def test_a_picture_that_is_exchanged_mid_run_is_told_when_the_run_is_over(
    kept, days, whole, mid_run, request, plait
):
    """What is kept in memory is not read again; else the run learns from the one that is there."""
    if not kept:
        request.getfixturevalue("without_cache")
    run = days.folder / "r"
    mid_run(lambda: shutil.copy(days.folder / "4.png", days.folder / "3.png"))
    said = plait("fit", days.config, "--run", run, "--quiet")
    assert said.code == 0, said.err
    assert "column 'photo' of the train rows changed while the run trained" in said.err
    assert "'3.png' in row 3 was written last" in said.err
    first, second = (pq.read_table(folder / "history.parquet")["loss"] for folder in (whole, run))
    assert first[:5].equals(second[:5])
    assert first.equals(second) is kept
    said = plait("rerun", run, "--quiet")
    assert said.code == 2
    assert "column 'photo' of the train rows are not those that the run" in said.err


def dies():
    raise MemoryError("no memory left in this thread")


def test_a_worker_thread_that_dies_ends_the_run_at_once(days, monkeypatch, without_cache, plait):
    encode, calls = Image.encode, []

    def second_dies(self, column, *rest):
        calls.append(column)
        return dies() if len(calls) == 2 else encode(self, column, *rest)

    monkeypatch.setattr(Image, "encode", second_dies)
    said = plait("fit", days.config, "--run", days.folder / "r", "--quiet")
    assert said.code == 2
    assert re.search(
        r"Batch \d of epoch 1, rows (\d+, ){7}\d+ and 8 more of records.csv,", said.err
    )
    assert "could not be read: MemoryError: no memory left in this thread. Nothing" in said.err
    assert "had no checkpoint: begin anew." in said.err
    # Without a checkpoint nothing of it is worth keeping.
    assert not (days.folder / "r").exists()


def test_after_a_checkpoint_a_run_whose_thread_died_goes_on(
    days, whole, mid_run, without_cache, plait
):
    run = days.folder / "r"
    mid_run(dies)
    said = plait("fit", days.config, "--run", run, "--quiet")
    assert (said.code, "Traceback" in said.err) == (2, False)
    assert "of epoch 6, rows" in said.err
    way_out = f"this thread. `plait fit --resume {run}` goes on from the last checkpoint."
    assert way_out in said.err
    said = plait("fit", "--resume", run, "--quiet")
    assert said.code == 0, said.err
    assert (run / "model.plait").read_bytes() == (whole / "model.plait").read_bytes()


def test_what_a_thread_died_of_is_chained_to_what_is_told(days, monkeypatch, without_cache):
    monkeypatch.setattr(Batches, "batch", lambda *_: dies())
    learner = Learner({"age": Number()}, {"sold": Binary()}, width=8)
    with pytest.raises(ReadingError, match=r"records.csv, could not be read") as told:
        learner.fit(days.table, run=False, verbose=False)
    assert isinstance(told.value.__cause__, MemoryError)


def test_a_thread_that_dies_over_validation_rows_names_them(
    days, monkeypatch, without_cache, plait
):
    encode = Image.encode

    def dies_there(self, column, *rest):
        return dies() if 33 in column.rows else encode(self, column, *rest)

    monkeypatch.setattr(Image, "encode", dies_there)
    said = plait("fit", days.config, "--run", days.folder / "r", "--quiet")
    assert said.code == 2
    assert "Rows 33, 34, 35, 36, 37, 38, 39, 40 of records.csv could not be read" in said.err
