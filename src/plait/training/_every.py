"""How often something is done while a run trains."""

from dataclasses import dataclass

from plait._durations import seconds_in
from plait.errors import ConfigError

_DEFAULT = "5m"


@dataclass(frozen=True)
class Every:
    """How often a checkpoint is written: after so many steps, or so many seconds."""

    steps: int | None = None
    seconds: float | None = None

    @classmethod
    def read(cls, given: int | str | None) -> "Every":
        """`200` is steps; `"30s"`, `"5m"` and `"1h"` are times.

        Raises:
            ConfigError: it is none of these.
        """
        given = _DEFAULT if given is None else given
        if isinstance(given, int) and not isinstance(given, bool) and given > 0:
            return cls(steps=given)
        seconds = seconds_in(given)
        if seconds is None:
            raise ConfigError(
                "Training: checkpoint_every is a number of steps, or a time such as '30s', '5m' or "
                f"'1h'. Received: {given!r}.",
                ("checkpoint_every",),
            )
        return cls(seconds=seconds)
