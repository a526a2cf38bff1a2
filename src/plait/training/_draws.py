"""The backend's own generator, from which layers without a seed draw."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from plait.backend import draws, set_draws


class Draws:
    """Goes on where it was, as all that is beside the model."""

    def __init__(self) -> None:
        self._restored: Mapping[str, np.ndarray] = {}

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The generator's state, where the backend has one."""
        return {}, draws()

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave."""
        self._restored = arrays
        self.again()

    def again(self) -> None:
        """As restored, whatever was drawn since."""
        set_draws(self._restored)
