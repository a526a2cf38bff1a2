"""How often something is done while a run trains."""

import re
from dataclasses import dataclass

from plait.errors import ConfigError

_DEFAULT = "5m"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")


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
        time_ = _TIME.fullmatch(given.strip()) if isinstance(given, str) else None
        if time_ is None or not float(time_[1]) > 0:
            raise ConfigError(
                "Training: checkpoint_every is a number of steps, or a time such as '30s', '5m' or "
                f"'1h'. Received: {given!r}.",
                ("checkpoint_every",),
            )
        return cls(seconds=float(time_[1]) * _UNITS[time_[2]])
