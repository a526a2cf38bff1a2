import threading

import pytest

from plait.data._read_ahead import ReadAhead


def test_what_was_read_ahead_is_what_is_asked_for():
    made = []

    def make(key):
        made.append(key)
        return 2 * key

    reader = ReadAhead(make, workers=2, ahead=3)
    assert [reader.get(key, range(key + 1, 10)) for key in range(10)] == list(range(0, 20, 2))
    assert sorted(made) == list(range(10))


def test_somebody_who_goes_elsewhere_gets_what_is_there():
    reader = ReadAhead(lambda key: 2 * key, workers=1, ahead=3)
    assert reader.get(0, range(1, 10)) == 0
    assert reader.get(7, range(8, 10)) == 14
    assert reader.get(1, range(2, 10)) == 2


def test_what_is_closed_makes_nothing_more_that_nobody_asked_for():
    made, go = [], threading.Event()

    def make(key):
        made.append(key)
        if key:
            go.wait(10)
        return key

    reader = ReadAhead(make, workers=1, ahead=5)
    assert reader.get(0, range(1, 9)) == 0
    reader.close()
    go.set()
    assert reader.get(8, ()) == 8
    assert set(made) <= {0, 1, 8}


@pytest.mark.parametrize("death", [MemoryError("no memory"), SystemExit(3)])
def test_a_thread_that_dies_is_told_where_its_work_was_asked_for(death):
    """Not before, and never by waiting for ever."""
    asked = threading.current_thread()

    def make(key):
        assert threading.current_thread() is not asked
        if key == 2:
            raise death
        return key

    reader = ReadAhead(make, workers=1, ahead=4)
    assert [reader.get(key, range(key + 1, 5)) for key in (0, 1)] == [0, 1]
    with pytest.raises(type(death)):
        reader.get(2, range(3, 5))
    assert reader.get(3, range(4, 5)) == 3
