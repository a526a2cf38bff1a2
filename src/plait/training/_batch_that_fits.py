"""The largest part of a batch whose step fits into memory, by a few such steps."""

from dataclasses import replace

from plait.balancing import Balancer
from plait.errors import ConfigError
from plait.training._bytes import bytes_in_words, read_bytes
from plait.training._memory import demand_told, forget_most, free, in_use
from plait.training._prepared import Prepared
from plait.training._run import Run
from plait.training._settings import Training
from plait.training._trial import trial

_STEPS = 2
"""One that looks at the gradients, and one that does not."""
_SHARE = 0.8
"""Of what is free: other programs want some, too."""
_MOST_PARTS = 64
_AT = ("batch_size",)


def batch_that_fits(ready: Prepared, balancing: Balancer | None, run: Run | None) -> Prepared:
    """As many rows a step as the settings say, in the largest equal parts that fit into memory.

    Beyond what was taken before there was a model, memory grows with the rows of a part at most in
    proportion. So a small part tells which larger ones are safe, and none is tried that is not.

    Args:
        ready: its settings have the batch that is wanted.
        balancing: see `train`.
        run: one that goes on, or repeats another one, has the parts that it began with.

    Raises:
        ConfigError: no part fits, or nobody tells how much memory there is.
    """
    settings = None if run is None else run.batch_as_begun(ready.settings)
    return replace(ready, settings=settings or _found(ready, balancing))


def _found(ready: Prepared, balancing: Balancer | None) -> Training:
    parts, room = _parts(ready.settings), _room(ready)
    size, fits = min(parts), None
    while True:
        forget_most()
        held = in_use()
        taken = trial(replace(ready, settings=parts[size]), balancing, steps=_STEPS, epochs=1)
        grows = taken.memory - held
        if taken.memory > room:
            break
        fits = size
        safe = max(rows for rows in parts if held + grows * rows / size <= room)
        if safe in (size, max(parts)):
            return parts[safe]
        size = safe
    if fits is None:
        raise ConfigError(
            f"Training: batch_size='auto' finds none that fits: with {size} of the rows at once, "
            f"training takes {bytes_in_words(taken.memory)}, and there is room for "
            f"{bytes_in_words(room)}. Choose smaller encoders, or more max_memory.",
            _AT,
        )
    return parts[fits]


def _parts(settings: Training) -> dict[int, Training]:
    """The parts that a batch can be taken in, by their rows: each is shared by all devices."""
    batch, devices = settings.batch_rows, settings.shares
    return {
        batch // count: replace(
            settings, batch_size=batch // count, accumulate=settings.accumulate * count
        )
        for count in range(1, min(batch, _MOST_PARTS) + 1)
        if batch % (count * devices) == 0
    }


def _room(ready: Prepared) -> int:
    """Bytes that training may take, without those that media will which are kept once they are read."""
    demand_told("batch_size='auto'", _AT)
    unread = ready.unread_bytes
    if ready.settings.max_memory is not None:
        return read_bytes("max_memory", ready.settings.max_memory) - unread
    there = free()
    if there is None:
        raise ConfigError(
            "Training: batch_size='auto' cannot find out how much memory is free on this system. Name "
            "max_memory.",
            _AT,
        )
    return in_use() + int(_SHARE * there) - unread
