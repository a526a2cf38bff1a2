"""The model that learns several outputs at once, and its training step."""

from plait.model._average import WeightAverage
from plait.model._modality_dropout import ModalityDropout
from plait.model._multi_task_model import MultiTaskModel

__all__ = ["ModalityDropout", "MultiTaskModel", "WeightAverage"]
