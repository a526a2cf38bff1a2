from dataclasses import replace

import pytest

from plait.errors import ConfigError
from plait.training import Training, left_over


@pytest.mark.parametrize("rows", [1, 50, 999, 1_000, 30_000, 10_000_000])
def test_everything_left_open_is_settled_by_the_rows(rows):
    settled = Training().settled(rows)
    assert None not in (settled.epochs, settled.batch_size, settled.patience)
    assert settled.settled(7) == settled


def test_more_rows_take_larger_batches_and_fewer_epochs():
    sizes = [Training().settled(rows) for rows in (500, 3_000, 10_000, 60_000, 1_000_000)]
    batches, epochs = [s.batch_size for s in sizes], [s.epochs for s in sizes]
    assert batches == sorted(batches)
    assert epochs == sorted(epochs, reverse=True)
    assert len(set(batches)) == len(batches)


def test_batches_that_would_move_nothing_are_refused_or_told():
    asked = Training(epochs=2, batch_size=16, accumulate=6)
    with pytest.raises(ConfigError, match=r"accumulate=6 .* has 2 epochs of 2 batches"):
        asked.settled(32)
    settled = asked.settled(64)
    assert left_over(settled, 4) == ["accumulate: the last 2 of 8 batches move no weight"]
    assert left_over(replace(settled, accumulate=4), 4) == []


def test_what_is_given_is_kept():
    given = Training(epochs=3, batch_size=7, patience=9)
    assert given.settled(10_000) == given


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"warmup": 1.0},
        {"modality_dropout": 1.0},
        {"modality_dropout": -0.1},
        {"weight_decay": -1.0},
        {"clip_norm": 0.0},
        {"schedule": "stairs"},
        {"precision": "float8"},
    ],
    ids=str,
)
def test_a_value_out_of_its_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=name) as error:
        Training(**wrong)
    assert error.value.at == (name,)
