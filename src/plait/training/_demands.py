"""What a learner's parts may be, refused before anything is read."""

from typing import Any

from plait._names import demand
from plait.balancing import Balancer
from plait.errors import ConfigError
from plait.fusion import Fusion
from plait.sharing import Sharing
from plait.table import Split, Windows
from plait.training._settings import Training

_CONTRACTS = {
    "fusion": Fusion,
    "sharing": Sharing,
    "balancing": Balancer,
    "training": Training,
    "split": Split,
    "windows": Windows,
}


def demand_parts(**parts: Any) -> None:
    """Refuses what is no object of the part's class; None stands for a choice, and will do.

    Args:
        **parts: fusion, sharing, balancing, training, windows and split, which may be a
            column's name.

    Raises:
        ConfigError: names the first that is none.
    """
    for name, value in parts.items():
        if value is None or (name == "split" and isinstance(value, str)):
            continue
        if name == "split" and not isinstance(value, Split | type):
            raise ConfigError(
                "split: expected a Split, or the name of a column that says each row's part. "
                f"Received: {value!r}. For shares, write Split(fractions=(0.7, 0.1, 0.2)); to keep "
                'groups whole, Split(by="column").',
                ("split",),
            )
        demand(name, value, _CONTRACTS[name])
