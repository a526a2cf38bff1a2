import threading

import keras
import numpy as np
import pytest

from plait.backend._device_memory import DeviceMemory
from plait.data import (
    Batches,
    DeviceRoom,
    FeatureRows,
    _batches,
    _feature_rows,
    epoch_order,
    row_keys,
)
from plait.errors import DataError
from plait.features import ArraySpec, BrokenCell, Category, Encoded, Number, Text
from plait.table import Table, _cells
from plait.tasks import Multiclass, Regression

ROWS = 10


class Lazy(Number):
    """A feature that is decoded when it is asked for; row 3 cannot be read, row 5 is too long."""

    lazy = True
    calls: list

    @property
    def spec(self):
        return ArraySpec((2,), "float32", lengths=True)

    def encode(self, column):
        values = column.values.to_numpy()
        LOG.append(column.rows.tolist())
        present = values != 3
        broken = tuple(
            BrokenCell(int(r), column.source, column.name, "torn") for r in column.rows[~present]
        )
        return Encoded(
            np.stack([values, -values], 1).astype("float32"),
            present,
            np.full(len(column), 2, "int32"),
            broken,
            cut=values == 5,
        )


LOG: list = []


@pytest.fixture
def table():
    LOG.clear()
    return Table.read(
        {
            "n": np.arange(ROWS) * 1.0,
            "m": np.arange(ROWS),
            "kind": ["a", "b", None] * 3 + ["a"],
            "price": [None] + [1.0, 2.0, 3.0] * 3,
        }
    )


@pytest.fixture
def make(table):
    features = {"n": Number().fit(table.column("n")), "m": Lazy(state={})}
    tasks = {
        "kind": Multiclass().fit(table.column("kind")),
        "price": Regression().fit(table.column("price")),
    }
    return lambda **k: Batches(
        table, features, tasks, **{"batch_size": 4, "seed": 1, "workers": 0, **k}
    )


def same(one, other):
    for ours, theirs in zip(one, other, strict=True):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            np.testing.assert_array_equal(value, theirs[key], err_msg=key)


def test_a_batch_does_not_depend_on_what_was_read_before(make):
    walked = make()
    for epoch in range(3):
        for index in range(len(walked)):
            same(walked[index], make().batch(epoch, index))
        walked.on_epoch_end()


def test_each_epoch_has_every_row_once_in_an_order_of_its_own(make):
    orders = [
        np.concatenate([make().batch(e, k)[0]["m"][:, 0][:4] for k in range(3)])[:ROWS].tolist()
        for e in range(2)
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(ROWS))
    assert orders[0] != orders[1]
    assert make(shuffle=False).batch(5, 1)[0]["m"][:, 0].tolist() == [4, 5, 6, 7]


def test_the_last_batch_is_filled_up_with_rows_of_no_weight(make):
    x, y, weights = make(shuffle=False).batch(0, 2)
    assert x["n"].shape == (4, 1)
    assert x["m__present"].tolist() == [True, True, False, False]
    assert x["m__length"].tolist() == [2, 2, 0, 0]
    assert weights["kind"].tolist() == [0, 1, 0, 0]
    assert weights["price"].tolist() == [1, 1, 0, 0]
    assert np.isfinite(y["price"]).all()


def test_row_weights_multiply_and_missing_labels_are_zero(make):
    _, _, weights = make(shuffle=False, weights=np.arange(ROWS) / 2).batch(0, 0)
    assert weights["kind"].tolist() == [0, 0.5, 0, 1.5]
    assert weights["price"].tolist() == [0, 0.5, 1, 1.5]


def test_media_are_decoded_once_where_they_fit_and_findings_are_counted_once(make, table):
    batches = make()
    for _ in range(3):
        for index in range(len(batches)):
            batches[index]
        batches.on_epoch_end()
    assert sorted(r for rows in LOG for r in rows) == list(range(1, ROWS + 1))
    assert list(batches.findings.broken) == [("m", 4)]
    assert batches.findings.cut == {"m": 1}
    LOG.clear()
    rows = FeatureRows({"m": Lazy(state={})}, table, cache_bytes=10)
    rows.inputs(np.array([5, 3]))
    rows.inputs(np.array([5, 3]))
    assert LOG == [[6, 4], [6, 4]]
    assert rows.findings.cut == {"m": 1}


@pytest.mark.parametrize("cache", [0, 1 << 20])
def test_a_row_that_is_asked_for_twice_is_decoded_once(table, cache):
    rows = FeatureRows({"m": Lazy(state={})}, table, cache_bytes=cache)
    assert rows.inputs(np.array([5, 3, 5]))["m"][:, 0].tolist() == [5, 3, 5]
    assert LOG == [[4, 6]]
    assert rows.findings.cut == {"m": 1}


def test_findings_go_on_from_a_checkpoint_beside_what_was_read_ahead(table):
    once, first, second = (FeatureRows({"m": Lazy(state={})}, table) for _ in range(3))
    first.inputs(np.array([0, 5, 1]))
    # Rows of which some were seen before, and one of them was cut.
    first.inputs(np.array([5, 2]))
    second.inputs(np.array([3, 4]))
    second.restore_state(*first.state())
    once.inputs(np.arange(6))
    assert once.findings == second.findings
    assert second.findings.cut == {"m": 1}
    assert list(second.findings.broken) == [("m", 4)]


def test_broken_cells_are_told_in_order():
    rows = FeatureRows({"m": Lazy(state={})}, Table.read({"m": [3, 0, 3]}))
    rows.inputs(np.array([2, 1]))
    rows.inputs(np.array([0]))
    assert list(rows.findings.broken) == [("m", 1), ("m", 3)]


def test_arrays_that_would_be_large_are_made_by_batch_and_are_the_same(table):
    features = {
        "n": Number().fit(table.column("n")),
        "kind": Category().fit(table.column("kind")),
        "m": Text(characters=(1, 2)).fit(table.column("m")),
    }
    at = np.array([7, 2, 2, 9])
    whole = FeatureRows(features, table).inputs(at)
    by_batch = FeatureRows(features, table.take(np.arange(ROWS)), whole_bytes=0)
    assert not by_batch._whole
    found = by_batch.inputs(at)
    assert found.keys() == whole.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(found[name], values)


def test_columns_that_are_encoded_side_by_side_are_the_same_and_fail_the_same(table, monkeypatch):
    features = {name: Category().fit(table.column(name)) for name in ("kind", "m", "price")}
    one_by_one = FeatureRows(features, table).inputs(np.arange(ROWS))
    monkeypatch.setattr(_feature_rows, "_MANY", 1)
    side_by_side = FeatureRows(features, table).inputs(np.arange(ROWS))
    same([one_by_one], [side_by_side])
    other = Table.read({"kind": ["a"], "m": [b"x"], "price": [1.0]})
    with pytest.raises(DataError, match="column 'm'"):
        FeatureRows(features, other)


@pytest.mark.parametrize("many", [1, 10])
def test_of_two_columns_that_fail_the_first_is_named(many, table, monkeypatch):
    features = {name: Category().fit(table.column(name)) for name in ("kind", "m")}
    encode, failed = Category.encode, threading.Event()

    def encode_the_first_last(self, column):
        if column.name == "kind" and many == 1:
            assert failed.wait(10)
        try:
            return encode(self, column)
        finally:
            if column.name == "m":
                failed.set()

    monkeypatch.setattr(Category, "encode", encode_the_first_last)
    monkeypatch.setattr(_feature_rows, "_MANY", many)
    monkeypatch.setattr(_feature_rows.os, "cpu_count", lambda: 2)
    with pytest.raises(DataError, match="column 'kind'"):
        FeatureRows(features, Table.read({"kind": [b"x"], "m": [b"x"]}))


def test_a_feature_without_a_column_is_absent_everywhere(table):
    feature = Category(column="nowhere", state={"categories": ["x"]})
    x = FeatureRows({"c": feature}, table).inputs(np.array([0, 1]))
    assert x["c__present"].tolist() == [False, False]
    assert x["c"].tolist() == [0, 0]


def test_threads_change_nothing(make):
    with_threads = make(workers=3)
    for index in range(3):
        same(with_threads[index], make()[index])


def test_a_device_with_a_memory_of_its_own_gets_the_same_batches(make, monkeypatch):
    expected = [[make().batch(epoch, index) for index in range(3)] for epoch in range(3)]
    memory = DeviceMemory(used=0, peak=0, limit=1 << 20)
    monkeypatch.setattr("plait.data._device_room.device_memory", lambda: memory)
    # More than is kept in memory otherwise.
    monkeypatch.setattr(_feature_rows, "CACHE_BYTES", 0)
    walked = make(workers=4, room=DeviceRoom.here())
    for epoch in range(3):
        walked.epoch = epoch
        for index in range(3):
            got = walked[index]
            if keras.backend.backend() != "tensorflow":
                assert all(map(keras.ops.is_tensor, keras.tree.flatten(got)))
            same(keras.tree.map_structure(keras.ops.convert_to_numpy, got), expected[epoch][index])
    # Once all rows are decoded they lie there.
    assert keras.ops.is_tensor(walked.batch(3, 0)[0]["m"])
    walked.close()


def test_batches_that_are_large_are_not_read_far_ahead(make, monkeypatch):
    def read_for_the_first(bound):
        LOG.clear()
        monkeypatch.setattr(_batches, "_AHEAD_BYTES", bound)
        batches = make(workers=1)
        batches[0]
        batches._reader._pool.shutdown()
        return len(LOG)

    assert read_for_the_first(1) == 2
    # Four rows of a number, two more, a class and a price.
    assert read_for_the_first(2 * 4 * 4 * (1 + 2 + 1 + 1)) == 3


def test_a_whole_batch_of_media_is_what_was_decoded(table, monkeypatch):
    decoded = []
    encode = Lazy.encode
    monkeypatch.setattr(Lazy, "encode", lambda f, c: decoded.append(encode(f, c)) or decoded[-1])
    rows = FeatureRows({"m": Lazy(state={})}, table, cache_bytes=0)
    assert rows.inputs(np.array([1, 2]), 2)["m"] is decoded[0].values
    padded = rows.inputs(np.array([1, 2]), 3)
    assert padded["m"][:, 0].tolist() == [1, 2, 0]
    assert padded["m__present"].tolist() == [True, True, False]


def test_a_column_is_encoded_some_rows_at_a_time(table, monkeypatch):
    feature = Text(characters=(1, 2)).fit(table.column("m"))
    whole = FeatureRows({"m": feature}, table)
    monkeypatch.setattr(_cells, "PIECE", 4)
    in_pieces = FeatureRows({"m": feature}, Table.read(table.arrow))
    for name, values in whole.inputs(np.arange(ROWS)).items():
        np.testing.assert_array_equal(in_pieces.inputs(np.arange(ROWS))[name], values)


def test_keys_are_different_for_each_row_and_epoch_and_the_same_again():
    rows = np.arange(2000)
    keys = np.concatenate([row_keys(s, e, rows) for s in (0, 1) for e in (0, 1)])
    assert keys.dtype == np.int32
    assert len(np.unique(keys, axis=0)) == 8000
    np.testing.assert_array_equal(row_keys(1, 1, rows[::-1])[::-1], row_keys(1, 1, rows))


def test_order_and_keys_are_pinned():
    """A change here would change every run that is resumed after an upgrade."""
    assert epoch_order(7, 3, 6).tolist() == [4, 0, 5, 3, 1, 2]
    assert row_keys(3, 2, np.array([5])).tolist() == [[-608120478, -645761634]]
