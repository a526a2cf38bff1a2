"""Decoded rows that are kept, on the device that trains, too."""

import keras
import numpy as np
import pytest

from plait.backend._device_memory import DeviceMemory
from plait.data._kept import Kept
from plait.features import ArraySpec, Encoded

SPEC = ArraySpec((2,), "uint8", lengths=True)
MB = 1 << 20


def row(number, *, present=True):
    return Encoded(
        np.full((1, 2), number, "uint8"), np.array([present]), np.array([number], "int32")
    )


@pytest.fixture
def kept():
    kept = Kept.empty(SPEC, 3)
    for number in range(3):
        kept.keep(np.array([number]), row(number + 1, present=number != 1))
    return kept


@pytest.fixture
def device(monkeypatch):
    def has(**memory):
        monkeypatch.setattr("plait.data._kept.device_memory", lambda: DeviceMemory(**memory))

    return has


def taken(kept):
    found = kept.taken(np.array([2, 0, 1]), 4)
    assert keras.ops.convert_to_numpy(found.values).tolist() == [[3, 3], [1, 1], [2, 2], [0, 0]]
    assert found.present.tolist() == [True, True, False, False]
    assert found.lengths.tolist() == [3, 1, 2, 0]
    return found.values


@pytest.mark.backends
def test_rows_are_put_together_on_a_device_with_room_and_are_the_same(kept, device):
    assert isinstance(taken(kept), np.ndarray)
    kept = Kept(kept.encoded, kept.known)
    device(used=0, peak=MB, limit=2 * MB)
    values = taken(kept)
    assert keras.ops.is_tensor(values)
    assert keras.backend.standardize_dtype(values.dtype) == "uint8"


def test_a_device_that_is_full_holds_none(kept, device):
    device(used=0, peak=2 * MB - 8, limit=2 * MB)
    assert isinstance(taken(kept), np.ndarray)


def test_rows_stay_where_they_are_until_all_are_there(kept, device):
    device(used=0, peak=0, limit=MB)
    kept.known[1] = False
    assert isinstance(kept.taken(np.array([0, 2]), 2).values, np.ndarray)
    kept.keep(np.array([1]), row(2, present=False))
    assert keras.ops.is_tensor(taken(kept))


def test_several_devices_share_rows_from_the_host(kept, device, monkeypatch):
    device(used=0, peak=0, limit=MB)
    monkeypatch.setattr("keras.distribution.distribution", object)
    assert isinstance(taken(kept), np.ndarray)
