import gc

import numpy as np

from plait.data._recycled import Recycled


def test_memory_is_used_again_when_no_view_of_it_is_left():
    recycled = Recycled()
    first = recycled.empty((4, 6), "uint8")
    where, view = first.ctypes.data, first[1:].reshape(-1)[::2]
    view[:] = 7
    del first
    other = recycled.empty((4, 6), "uint8")
    other[:] = 9
    assert other.ctypes.data != where
    assert (view == 7).all()
    del view
    gc.collect()
    assert recycled.empty((2, 3), "float32").ctypes.data == where


def test_memory_that_is_too_small_is_not_used():
    recycled = Recycled()
    recycled.empty((4,), "uint8")
    large = recycled.empty((100, 2), "int32")
    large[:] = np.arange(200).reshape(100, 2)
    assert large.flags.writeable
    assert large[-1].tolist() == [198, 199]
