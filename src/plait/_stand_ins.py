"""How Keras finds plait's classes in a saved model before anything has imported them.

A file is read by the names that its classes are registered under, and `import plait` loads no class.
So each name first has a stand-in, which imports its class when Keras makes one; the class, once
imported, is registered in its place.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

# The folders whose public classes Keras can write.
_FOLDERS = (
    "plait.encoders",
    "plait.fusion",
    "plait.sharing",
    "plait.heads",
    "plait.balancing",
    "plait.model",
)
# What else it can: classes that no user names.
_PRIVATE = {
    "plait._convolution": ("Conv2D",),
    "plait._dropout": ("Dropout",),
    "plait._attention_block": ("AttentionBlock",),
    "plait.encoders._batch_ensemble": ("BatchEnsemble",),
    "plait.encoders._basic_block": ("BasicBlock",),
    "plait.encoders._inverted_block": ("InvertedBlock",),
    "plait.encoders._map_tokens": ("MapTokens",),
    "plait.encoders._residual_block": ("ResidualBlock",),
    "plait.encoders._smooth_start": ("SmoothHeNormal",),
    "plait.encoders._steps": ("LastStep",),
    "plait.tasks._losses": ("BinaryCrossentropy", "ClassCrossentropy", "ScaledError"),
    "plait.tasks._ordinal_loss": ("OrdinalCrossentropy",),
    "plait.tasks._count_loss": ("CountSurprise",),
    "plait.tasks._pinball": ("Pinball",),
    "plait.inference._after_answers": ("AfterAnswers",),
    "plait.sharing._adapters": ("Adapter",),
    "plait.sharing._dselect_k": ("Chosen",),
    "plait.sharing._mixture": ("Gate",),
    "plait.sharing._template": ("Follow",),
    "plait.objectives._soft_targets": ("SoftTargets",),
    "plait.objectives._hiding": ("HidingColumns", "HidingPatches", "HidingTokens", "Picked"),
    "plait.objectives._row_objective": ("AsGiven", "RowLosses"),
    "plait.tasks._box_loss": ("BoxLoss",),
    "plait.tasks._forecast_error": ("ForecastError",),
    "plait.tasks._mask_loss": ("MaskLoss",),
    "plait.tasks._match_loss": ("MatchLoss",),
    "plait.tasks._tag_losses": ("ChainLogLoss", "TokenLogLoss"),
    "plait.inference._layers": ("AbsentToken", "Blank"),
    "plait.training._schedules": ("RiseAndFall",),
}


@dataclass(frozen=True)
class StandIn:
    """In the registry of Keras for a class that is not imported yet."""

    module: str
    name: str

    def from_config(self, config: dict[str, Any]) -> Any:
        """An object of the class, as the class' own `from_config` makes it."""
        return getattr(importlib.import_module(self.module), self.name).from_config(config)


def register(public: Mapping[str, Iterable[str]]) -> None:
    """Puts a stand-in into Keras' registry for each class that is not in it.

    Args:
        public: the public names of each folder.
    """
    registry = keras.saving.get_custom_objects()
    for module, names in ({folder: public[folder] for folder in _FOLDERS} | _PRIVATE).items():
        for name in names:
            registry.setdefault(f"plait>{name}", StandIn(module, name))
