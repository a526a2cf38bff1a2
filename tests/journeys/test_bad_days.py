"""What goes wrong while a run trains; what is killed or damaged is in test_resume."""

import json

import pytest

from plait.data import Batches, FeatureRows
from plait.features import Image


@pytest.fixture
def days(records):
    """Records whose run has a checkpoint early, and decodes every picture when it needs it."""
    records.configure(
        "epochs: 1, batch_size: 16", "epochs: 8, patience: 8, batch_size: 16, checkpoint_every: 2"
    )
    return records


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


def spoil_picture(records, how):
    path = records.folder / "3.png"
    path.unlink() if how == "vanishes" else path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("how", ["vanishes", "changes"])
def test_a_file_that_vanishes_or_changes_mid_run_is_a_gap_that_is_told(
    how, days, mid_run, without_cache, plait
):
    mid_run(lambda: spoil_picture(days, how))
    days.configure("Image: {size: 16}", "Image: {size: 16, on_error: absent}")
    said = plait("fit", days.config, "--run", days.folder / "r", "--quiet")
    assert said.code == 0, said.err
    (cell,) = json.loads((days.folder / "r" / "findings.json").read_text())["train"]["broken"]
    assert (cell["row"], cell["column"]) == (3, "photo")


def test_where_a_gap_is_an_error_the_run_ends_and_can_be_gone_on_with(
    days, mid_run, without_cache, plait
):
    picture = (days.folder / "3.png").read_bytes()
    mid_run(lambda: spoil_picture(days, "vanishes"))
    days.configure("Image: {size: 16}", "Image: {size: 16, on_error: raise}")
    run = days.folder / "r"
    said = plait("fit", days.config, "--run", run, "--quiet")
    assert (said.code, "row 3" in said.err, "3.png" in said.err) == (2, True, True), said.err
    assert not (run / ".running").exists()
    assert list((run / "checkpoints").iterdir())
    (days.folder / "3.png").write_bytes(picture)
    said = plait("fit", "--resume", run, "--quiet")
    assert said.code == 0, said.err


def test_a_worker_thread_that_dies_ends_the_run_at_once(days, monkeypatch, without_cache, plait):
    encode, calls = Image.encode, []

    def dies(self, column, *rest):
        calls.append(column)
        if len(calls) == 2:
            raise MemoryError("no memory left in this thread")
        return encode(self, column, *rest)

    monkeypatch.setattr(Image, "encode", dies)
    with pytest.raises(MemoryError, match="in this thread"):
        plait("fit", days.config, "--run", days.folder / "r", "--quiet")
    # Without a checkpoint nothing of it is worth keeping.
    assert not (days.folder / "r").exists()
