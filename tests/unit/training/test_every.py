"""How often a checkpoint is written, and when the next one is due."""

from types import SimpleNamespace

import pytest

from plait.errors import ConfigError
from plait.training import _keeper
from plait.training._every import Every
from plait.training._keeper import Keeper


@pytest.mark.parametrize(
    ("given", "every"),
    [
        (None, Every(seconds=300.0)),
        ("30s", Every(seconds=30.0)),
        ("5m", Every(seconds=300.0)),
        (" 1.5 h ", Every(seconds=5400.0)),
        (1, Every(steps=1)),
        (200, Every(steps=200)),
    ],
)
def test_steps_and_times_are_read(given, every):
    assert Every.read(given) == every


@pytest.mark.parametrize("given", [0, -1, True, 2.5, "", "200", "0s", "-5s", "5d", "1m30s"])
def test_what_is_neither_is_told(given):
    with pytest.raises(ConfigError, match="a number of steps, or a time such as '30s'") as caught:
        Every.read(given)
    assert repr(given) in str(caught.value)


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Where a run of epochs of three steps writes checkpoints, and its clock says so late."""

    def run(given, seconds, epochs=4):
        now, found = [1000.0], []
        monkeypatch.setattr(_keeper, "time", SimpleNamespace(monotonic=lambda: now[0]))
        monkeypatch.setattr(
            _keeper,
            "write_checkpoint",
            lambda folder, position, *_: found.append((position.epoch, position.step)),
        )
        keeper = Keeper(tmp_path, Every.read(given), 3, {}, None, pytest.fail)
        keeper.set_model(SimpleNamespace(stop_training=False))
        for epoch in range(epochs):
            keeper.begin(epoch)
            for step in range(3):
                keeper.before_step(step)
                now[0] += seconds
            keeper.on_epoch_end(epoch)
        return found

    return run


@pytest.mark.parametrize(
    ("given", "seconds", "where"),
    [
        # The third step is the first to end 30 s after the start, or after the last one.
        ("30s", 10, [(1, 0), (2, 0), (3, 0), (4, 0)]),
        ("30s", 12, [(1, 0), (2, 0), (3, 0), (4, 0)]),
        ("30s", 8, [(1, 1), (2, 2), (4, 0)]),
        ("30s", 31, [(e, s) for e in range(5) for s in range(3)][1:13]),
        ("30s", 2, []),
        (None, 24, []),
        (None, 25, [(4, 0)]),
        (None, 60, [(1, 2), (3, 1)]),
        ("1h", 299, []),
        ("1h", 300, [(4, 0)]),
        (5, 1000, [(1, 2), (3, 1)]),
        (3, 0, [(1, 0), (2, 0), (3, 0), (4, 0)]),
    ],
)
def test_one_is_due_when_so_much_has_passed_since_the_last(given, seconds, where, written):
    assert written(given, seconds) == where
