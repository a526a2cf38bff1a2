"""Bad input gives one clear message, exit code 2 and no half-written model."""

import json
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from plait.cli import main


def an_empty_file(records):
    records.table.write_text("")


def a_header_alone(records):
    records.rows.clear()
    records.write()


def a_column_that_is_not_there(records):
    records.configure("age: Number", "agee: Number")


def a_target_that_is_not_there(records):
    records.configure("price: Regression", "prise: Regression")


def two_columns_of_one_name(records):
    lines = records.table.read_text().splitlines()
    records.table.write_text("\n".join([lines[0].replace("kind", "age"), *lines[1:]]))


def an_unknown_key(records):
    records.configure("width: 8", "widht: 8")


def an_unknown_class(records):
    records.configure("price: Regression", "price: Regresion")


def an_unknown_argument(records):
    records.configure("{size: 16}", "{siz: 16}")


def a_value_of_the_wrong_type(records):
    records.configure("epochs: 1", "epochs: many")


def a_corrupt_picture(records):
    whole = (records.folder / "7.png").read_bytes()
    (records.folder / "7.png").write_bytes(whole[: len(whole) // 2])


def a_picture_that_is_none(records):
    (records.folder / "7.png").write_text("I am text")


def a_corrupt_sound(records):
    (records.folder / "7.wav").write_bytes(b"RIFF\x00\x00")


def a_missing_picture(records):
    (records.folder / "7.png").unlink()


def a_missing_sound(records):
    (records.folder / "7.wav").unlink()


def a_picture_of_one_pixel(records):
    Image.new("RGB", (1, 1)).save(records.folder / "7.png")


def a_decompression_bomb(records):
    """A PNG whose header says 20,000 x 20,000; only the header is ever needed to refuse it."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    (records.folder / "7.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")
    )


def a_path_that_climbs_out(records):
    outside = records.folder.parent / "outside.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(outside)
    records.set("photo", "../outside.png", row=7)


def an_absolute_path_that_climbs_out(records):
    outside = records.folder.parent / "outside.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(outside)
    records.set("photo", str(outside), row=7)


def text_among_numbers(records):
    records.set("age", "old", row=7)


def text_among_the_numbers_of_a_target(records):
    records.set("price", "n/a", row=7)


def an_empty_column(records):
    records.set("age", "")


def an_empty_target(records):
    records.set("price", "")


def a_target_of_one_class(records):
    records.set("sold", "yes")


def an_infinite_target(records):
    records.set("price", "inf", row=7)


def a_class_that_training_never_saw(records):
    records.set("sold", "maybe", row=36)


def a_column_that_is_feature_and_target(records):
    records.configure("  price: Regression", "  price: Regression\n  age: Regression")


def a_column_that_is_feature_and_target_by_another_name(records):
    records.configure("  price: Regression", "  how_old: {Regression: {column: age}}")


def an_encoder_of_another_modality(records):
    records.configure("kind: Category", "kind: {Category: {encoder: TextBag}}")


def a_width_of_nothing(records):
    records.configure("width: 8", "width: 0")


def a_key_of_an_answers_name(records):
    records.configure("width: 8", "key: sold")


SPOILT = {
    an_empty_file: ["records.csv", "empty"],
    a_header_alone: ["records.csv", "0 rows"],
    a_column_that_is_not_there: ["records.csv", "'agee'", "Did you mean 'age'?"],
    a_target_that_is_not_there: ["records.csv", "'prise'", "Did you mean 'price'?"],
    two_columns_of_one_name: ["records.csv", "'age'", "2 times"],
    an_unknown_key: ["plait.yaml:12:1", "'widht'", "Did you mean 'width'?"],
    an_unknown_class: ["plait.yaml:9:10", "'Regresion'", "Did you mean 'Regression'?"],
    an_unknown_argument: ["plait.yaml:3:19", "'siz'", "Did you mean 'size'?"],
    a_value_of_the_wrong_type: ["plait.yaml:11:20", "'epochs'", "a whole number", "'many'"],
    a_corrupt_picture: ["7.png", "row 7", "records.csv", "'photo'", 'Image: {on_error: "absent"}'],
    a_picture_that_is_none: ["7.png", "row 7", "records.csv", "'photo'"],
    a_corrupt_sound: ["7.wav", "row 7", "records.csv", "'bell'"],
    a_missing_picture: ["7.png", "row 7", "records.csv", "'photo'"],
    a_missing_sound: ["7.wav", "row 7", "records.csv", "'bell'", 'Audio: {on_error: "absent"}'],
    a_picture_of_one_pixel: ["7.png", "row 7", "records.csv", "'photo'"],
    a_decompression_bomb: ["7.png", "row 7", "records.csv", "'photo'", "20000"],
    a_path_that_climbs_out: ["outside.png", "row 7", "records.csv", "'photo'"],
    an_absolute_path_that_climbs_out: ["outside.png", "row 7", "records.csv", "'photo'"],
    text_among_numbers: ["'old'", "row 7", "records.csv", "'age'", "missing"],
    text_among_the_numbers_of_a_target: ["'n/a'", "row 7", "records.csv", "'price'", "missing"],
    an_empty_column: ["'age'", "records.csv"],
    an_empty_target: ["'price'", "records.csv", "leave the task out"],
    a_target_of_one_class: ["'sold'", "'yes'", "records.csv", "leave the task out"],
    an_infinite_target: ["'price'", "row 7", "inf", "records.csv"],
    a_class_that_training_never_saw: ["'sold'", "'maybe'", "row 36", "records.csv"],
    a_column_that_is_feature_and_target: ["plait.yaml:10:3", "'age'", "both"],
    a_column_that_is_feature_and_target_by_another_name: ["plait.yaml:9:3", "'age'", "both"],
    an_encoder_of_another_modality: ["plait.yaml:6:21", "'kind'", "TextBag", "CategoryEmbedding"],
    a_width_of_nothing: ["plait.yaml:12:1", "width", "1 or more"],
    a_key_of_an_answers_name: ["plait.yaml:12:1", "'sold'"],
}


def refused(said, parts):
    assert said.code == 2, said
    assert said.err.startswith("plait: ")
    assert "Traceback" not in said.err
    for part in parts:
        assert part in said.err, f"{part!r} is not in {said.err!r}"


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_fit_refuses_and_leaves_no_model(spoil, records, plait):
    spoil(records)
    run = records.folder / "run"
    said = plait("fit", records.config, "--run", run, "--quiet")
    refused(said, SPOILT[spoil])
    assert not list(records.folder.rglob("*.plait"))
    assert not run.exists()


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_check_finds_it_first(spoil, records, plait):
    spoil(records)
    said = plait("check", records.config, "--all")
    assert said.code == 2, said
    assert "Traceback" not in said.err
    for part in SPOILT[spoil]:
        assert part in said.err + said.out, f"{part!r} is not in {said.err + said.out!r}"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("fit", "nowhere.yaml"), ["'nowhere.yaml'", "plait new"]),
        (("check", "nowhere.yaml"), ["'nowhere.yaml'", "plait new"]),
        (("new", "nowhere.csv"), ["nowhere.csv"]),
        (("evaluate", "nowhere", "records.csv"), ["nowhere"]),
        (("predict", "nowhere", "records.csv", "-o", "o.csv"), ["nowhere"]),
        (("describe", "fuson"), ["'fuson'", "Did you mean 'fusion'?"]),
        (("describe", "tasks", "Binry"), ["'Binry'", "Did you mean 'Binary'?"]),
        (("fit", "plait.yaml", "--set", "trainin.epochs=3"), ["trainin", "'training'"]),
        (("fit", "plait.yaml", "--set", "training.epoch=3"), ["training.epoch", "'epochs'"]),
        (("fit", "plait.yaml", "--set", "features.ag.column=b"), ["'ag'", "'age'"]),
        (("fit", "plait.yaml", "--set", "data=record.csv"), ["record.csv", "'records.csv'"]),
        (("fit", "plait.yaml", "--data", "nowhere"), ["nowhere"]),
        (("fit", "plait.yaml", "--folds", "1"), ["folds", "2"]),
        (("fit", "plait.yaml", "--folds", "²"), ["'²'", "no column"]),
        (("fit", "plait.yaml", "--folds", "--2"), ["'--2'", "no column"]),
        (("new", "~nobody-of-this-name/t.csv"), ["~nobody-of-this-name/t.csv"]),
        (("new", "http://127.0.0.1:9/t.csv"), ["127.0.0.1:9/t.csv", "cannot be read"]),
        (("fit", "plait.yaml", "--folds", "parts"), ["'parts'", "Did you mean 'part'?"]),
    ],
    ids=" ".join,
)
def test_a_command_that_points_nowhere(words, parts, records, plait, monkeypatch):
    monkeypatch.chdir(records.folder)
    refused(plait(*words), parts)
    assert not (records.folder / "runs").exists()


def test_a_run_folder_is_never_written_over(records, plait):
    run = records.folder / "run"
    run.mkdir()
    (run / "mine.txt").write_text("precious")
    refused(plait("fit", records.config, "--run", run, "--quiet"), [str(run), "never written over"])
    assert [p.name for p in run.iterdir()] == ["mine.txt"]


@pytest.fixture(scope="module")
def trained(make_records, tmp_path_factory):
    """The run of a small model that reads no media, to be copied before it is spoilt."""
    folder = tmp_path_factory.mktemp("trained")
    records = make_records(folder)
    records.configure("  photo: {Image: {size: 16}}\n  bell: Audio\n", "")
    assert main(["fit", str(records.config), "--run", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def test_a_category_unseen_in_training_is_the_unknown_one(run, records, plait):
    records.set("kind", "vehicle", row=45)
    out = records.folder / "out.csv"
    assert plait("predict", run, records.table, "-o", out).code == 0
    assert len(out.read_text().splitlines()) == 49


def cut_short(model):
    model.write_bytes(model.read_bytes()[:-200])


def emptied(model):
    model.write_bytes(b"")


def of_a_newer_version(model):
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(n for n in members if n.endswith(".json"))
    described = json.loads(members[name])
    key = next(k for k in described if "format" in k)
    members[name] = json.dumps({**described, key: 999}).encode()
    with zipfile.ZipFile(model, "w", zipfile.ZIP_STORED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)


@pytest.mark.parametrize(
    ("spoil", "part"), [(cut_short, ""), (emptied, ""), (of_a_newer_version, "newer")]
)
def test_a_spoilt_model_is_refused(spoil, part, run, records, plait):
    (model,) = run.glob("*.plait")
    spoil(model)
    out = records.folder / "out.csv"
    for verb in (
        ("predict", run, records.table, "-o", out),
        ("evaluate", run, records.table),
        ("describe", run),
    ):
        refused(plait(*verb), [model.name, part])
    assert not out.exists()


@pytest.mark.parametrize("text", ['{"epoch": 1, "val', "[1]", '{"validation": {"sold": 3}}'])
def test_scores_that_were_cut_short_are_one_message(text, run, plait):
    (run / "metrics.json").write_text(text)
    refused(plait("describe", run), ["metrics.json", "no scores of a run"])


@pytest.mark.parametrize(
    ("output", "reason"),
    [("x" * 300 + ".csv", "File name too long"), ("records.csv/out.csv", "records.csv")],
)
def test_what_the_disk_refuses_is_one_message(output, reason, run, records, plait):
    refused(plait("predict", run, records.table, "-o", records.folder / output), [reason])
