import numpy as np
import pytest

from plait.data._order import drawn_rows, draws_before, epoch_order, mixed_order

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


def test_others_come_in_turn_beside_the_rows_of_an_epoch():
    rows, beside, batch, drawn = 10, 7, 5, 2
    met = []
    for epoch in range(5):
        order = mixed_order(3, epoch, epoch_order(3, epoch, rows), rows, beside, batch, drawn)
        again = mixed_order(3, epoch, epoch_order(3, epoch, rows), rows, beside, batch, drawn)
        np.testing.assert_array_equal(order, again)
        # Three own rows and two others a batch; the last batch is short of own rows.
        for step in range(4):
            some = order[step * batch : (step + 1) * batch]
            assert (some >= rows).sum() == drawn
        assert sorted(order[order < rows]) == list(range(rows))
        met += order[order >= rows].tolist()
    # 40 others of 7: each 5 or 6 times, and once in each turn.
    assert sorted(np.bincount(met)[rows:]) == [5, 5, 6, 6, 6, 6, 6]
    for turn in range(5):
        assert sorted(met[turn * beside : (turn + 1) * beside]) == list(range(rows, rows + beside))
    assert met[:beside] != met[beside : 2 * beside]
