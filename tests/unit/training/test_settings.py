import pytest

from plait.errors import ConfigError
from plait.training import Training


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
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Training(**wrong)
