import numpy as np
import pytest

from plait.data._order import drawn_rows, draws_before

TIMES = np.array([0.0, 0.25, 0.5, 0.5, 0.75, 1.0, 1.6, 3.4])


def test_a_row_is_drawn_its_times_rounded_up_or_down():
    counts = np.array([np.bincount(drawn_rows(3, e, TIMES), minlength=8) for e in range(2000)])
    assert (counts >= np.floor(TIMES)).all()
    assert (counts <= np.ceil(TIMES)).all()
    np.testing.assert_allclose(counts.mean(0), TIMES, atol=4 * 0.5 / np.sqrt(2000))
    # Neighbours in the table are no more apart than others are.
    both = ((counts[:, 2] > 0) & (counts[:, 3] > 0)).mean()
    assert 0.1 < both < 0.4


def test_rows_that_are_drawn_once_each_come_in_an_order_of_their_own():
    first, second = (drawn_rows(3, epoch, np.ones(500)) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(500))
    assert (first != second).any()


def test_what_is_drawn_depends_on_seed_and_epoch_alone():
    assert drawn_rows(7, 3, TIMES).tolist() == drawn_rows(7, 3, TIMES).tolist()
    assert len({tuple(drawn_rows(s, e, TIMES)) for s in range(3) for e in range(3)}) == 9


@pytest.mark.parametrize(
    ("rows", "before"), [([4, 1, 4, 4, 1], [0, 0, 1, 2, 1]), ([2, 0, 1], [0, 0, 0]), ([], [])]
)
def test_how_often_a_row_was_drawn_before(rows, before):
    assert draws_before(np.array(rows, "int64")).tolist() == before
