"""The model that learns several outputs at once, and its training step."""

from plait.model._average import WeightAverage
from plait.model._fade import Fade
from plait.model._mix_up import MixUp
from plait.model._modality_dropout import ModalityDropout
from plait.model._multi_task_model import MultiTaskModel
from plait.model._regime import Regime
from plait.model._turns import OBSERVE_EVERY

__all__ = [
    "OBSERVE_EVERY",
    "Fade",
    "MixUp",
    "ModalityDropout",
    "MultiTaskModel",
    "Regime",
    "WeightAverage",
]
