"""Decoded rows that are kept, on the device that trains, too."""

import threading

import keras
import numpy as np
import pytest

from plait.backend._device_memory import DeviceMemory
from plait.data import DeviceRoom
from plait.data._kept import Kept
from plait.features import ArraySpec, Encoded

SPEC = ArraySpec((2,), "uint8", lengths=True)
MB = 1 << 20
IN_ORDER = np.array([2, 0, 1])


def row(number, *, present=True):
    return Encoded(
        np.full((1, 2), number, "uint8"), np.array([present]), np.array([number], "int32")
    )


def kept(room=None):
    made = Kept.empty(SPEC, 3, room)
    for number in range(3):
        made.keep(np.array([number]), row(number + 1, present=number != 1))
    return made


def values_of(made):
    found = made.rows(IN_ORDER, 4)
    assert keras.ops.convert_to_numpy(found.values).tolist() == [[3, 3], [1, 1], [2, 2], [0, 0]]
    assert found.present.tolist() == [True, True, False, False]
    assert found.lengths.tolist() == [3, 1, 2, 0]
    return found.values


@pytest.fixture
def device(monkeypatch):
    def has(**memory):
        told = DeviceMemory(**memory) if memory else None
        monkeypatch.setattr("plait.data._device_room.device_memory", lambda: told)

    has(used=0, peak=MB, limit=2 * MB)
    return has


def test_rows_are_put_together_on_a_device_with_room_and_are_the_same(device):
    assert isinstance(values_of(kept()), np.ndarray)
    made = kept(DeviceRoom(MB))
    values = values_of(made)
    assert keras.ops.is_tensor(values)
    assert keras.backend.standardize_dtype(values.dtype) == "uint8"
    assert made.encoded.values.nbytes == 0
    assert keras.ops.is_tensor(values_of(made))


def test_a_device_that_is_full_holds_none(device):
    device(used=0, peak=2 * MB - 8, limit=2 * MB)
    made = kept(DeviceRoom(MB))
    assert isinstance(values_of(made), np.ndarray)
    # Nobody asks again, whatever has become free.
    device(used=0, peak=0, limit=2 * MB)
    assert isinstance(values_of(made), np.ndarray)


def test_a_device_that_another_process_has_filled_holds_none(device, monkeypatch):
    def refuses(values):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr("plait.data._device_room.keras.ops.convert_to_tensor", refuses)
    assert isinstance(values_of(kept(DeviceRoom(MB))), np.ndarray)


def test_rows_stay_where_they_are_until_all_are_there(device):
    made = kept(DeviceRoom(MB))
    made.known[1] = False
    assert isinstance(made.rows(np.array([0, 2]), 2).values, np.ndarray)
    made.keep(np.array([1]), row(2, present=False))
    assert keras.ops.is_tensor(values_of(made))


def test_threads_see_the_same_rows_while_they_move(device, monkeypatch):
    room, moving, moved = DeviceRoom(MB), threading.Event(), threading.Event()
    hold = room.hold

    def slowly(values):
        moving.set()
        assert moved.wait(10)
        return hold(values)

    monkeypatch.setattr(room, "hold", slowly)
    made, failed = kept(room), []

    def reads():
        try:
            values_of(made)
            # Decoded by this thread, too, before it heard that it had been.
            made.keep(np.array([1]), row(2, present=False))
            values_of(made)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=reads) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert moving.wait(10)
    made.keep(np.array([0]), row(1))
    moved.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert keras.ops.is_tensor(values_of(made))


def test_the_rows_of_a_run_share_one_room(device, monkeypatch):
    monkeypatch.setattr("plait.data._device_room.host_memory_free", lambda: 40)
    device(used=0, peak=0, limit=1000)
    room = DeviceRoom.here()
    assert [room.claim(size) for size in (6, 6, 4)] == [True, False, True]
    device(used=990, peak=990, limit=1000)
    assert [DeviceRoom.here().claim(size) for size in (6, 5)] == [False, True]
    monkeypatch.setattr("plait.data._device_room.host_memory_free", lambda: None)
    assert not DeviceRoom.here().claim(1)
    device()
    assert DeviceRoom.here() is None
