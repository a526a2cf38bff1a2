"""How a task that only serves the others leaves a run."""

import keras
import numpy as np

from plait.model import Fade


def left(fade, steps, tasks=("main", "aid")):
    found = [keras.ops.convert_to_numpy(fade.left(tasks, np.int32(s))) for s in range(steps)]
    return np.array(found).T.tolist()


def test_what_is_left_falls_on_a_line_between_two_shares_of_the_run():
    main, aid = left(Fade.over({"main": None, "aid": (0.5, 1.0)}, 8), 10)
    assert main == [1.0] * 10
    assert aid == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]


def test_two_equal_shares_are_an_end_at_once():
    (aid,) = left(Fade.over({"aid": (0.5, 0.5)}, 8), 8, ("aid",))
    assert aid == [1, 1, 1, 1, 0, 0, 0, 0]
    (never,) = left(Fade.over({"aid": (0.0, 0.0)}, 8), 8, ("aid",))
    assert never == [0] * 8


def test_where_nothing_fades_there_is_nothing():
    assert Fade.over({"main": None}, 8) is None
