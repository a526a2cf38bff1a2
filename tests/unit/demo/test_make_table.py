import filecmp

import numpy as np
import pyarrow.csv as pa_csv
import pytest
import soundfile
from PIL import Image

from plait.demo import make_table

ROWS = 400


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = make_table(tmp_path_factory.mktemp("demo"), rows=ROWS, seed=3)
    return path, pa_csv.read_csv(
        path, convert_options=pa_csv.ConvertOptions(strings_can_be_null=True)
    )


def known(rows, *names):
    return rows.select(names).filter(
        np.logical_and.reduce([~rows[n].is_null().to_numpy() for n in names])
    )


def test_the_same_seed_gives_the_same_files(table, tmp_path):
    path, rows = table
    again = make_table(tmp_path, rows=ROWS, seed=3)
    assert path.read_bytes() == again.read_bytes()
    media = [m for n in ("picture", "sound") for m in rows[n].drop_null().to_pylist()]
    same, *_ = filecmp.cmpfiles(path.parent, tmp_path, media, shallow=False)
    assert sorted(same) == sorted(media)


def test_another_seed_gives_another_table(table, tmp_path):
    assert make_table(tmp_path, rows=ROWS, seed=4).read_bytes() != table[0].read_bytes()


def test_every_medium_can_be_opened(table):
    path, rows = table
    for name in rows["picture"].drop_null().to_pylist():
        with Image.open(path.parent / name) as picture:
            assert (picture.size, picture.mode) == ((32, 32), "RGB")
    for name in rows["sound"].drop_null().to_pylist():
        wave, rate = soundfile.read(path.parent / name)
        assert (wave.shape, rate) == ((2000,), 8000)


def test_there_are_gaps_in_inputs_and_labels(table):
    _, rows = table
    for name in ("picture", "note", "sound", "weight", "material", "item", "genuine", "price"):
        assert 0 < rows[name].null_count < ROWS / 4, name
    assert rows["desk"].null_count > ROWS / 2


def test_labels_are_missing_in_the_training_part_only(table):
    _, rows = table
    held_out = rows.filter(np.array(rows["split"].to_pylist()) != "train")
    assert all(held_out[n].null_count == 0 for n in ("item", "genuine", "bell", "desk", "price"))


def test_genuine_is_whether_note_and_picture_agree_and_neither_tells_alone(table):
    _, rows = table
    seen = known(rows, "item", "note", "genuine").to_pydict()
    red_note = np.array(
        [any(f" {w} " in n for w in ("red", "scarlet", "crimson", "ruby")) for n in seen["note"]]
    )
    red_item = np.char.startswith(seen["item"], "red")
    genuine = np.array(seen["genuine"]) == "yes"
    assert np.array_equal(genuine, red_note == red_item)
    spread = 3 / np.sqrt(len(genuine))
    assert abs(np.corrcoef(red_note, genuine)[0, 1]) < spread
    assert abs(np.corrcoef(red_item, genuine)[0, 1]) < spread


def test_a_street_tells_the_district_and_the_district_the_desk(table):
    _, rows = table
    pairs = known(rows, "district", "desk").to_pydict()
    assert len(set(zip(pairs["district"], pairs["desk"], strict=True))) == 4
    notes = known(rows, "note", "district").to_pydict()
    streets = {
        (note.split()[-2], district)
        for note, district in zip(notes["note"], notes["district"], strict=True)
    }
    assert len(streets) == len({street for street, _ in streets})


def test_few_streets_have_a_desk_in_training(table):
    _, rows = table
    part = np.array(rows["split"].to_pylist())
    labelled = known(rows.filter(part == "train"), "note", "desk")["note"].to_pylist()
    asked = known(rows.filter(part == "test"), "note", "desk")["note"].to_pylist()
    seen = {note.split()[-2] for note in labelled}
    assert np.mean([note.split()[-2] in seen for note in asked]) < 0.4
