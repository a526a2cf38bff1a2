"""Where the progress of runs is shown, beside their folders."""

from plait.trackers._json_lines import JSONLines
from plait.trackers._mlflow import MLflow
from plait.trackers._tensorboard import TensorBoard
from plait.trackers._tracker import Begun, Outcome, Tracker
from plait.trackers._wandb import WandB

__all__ = ["Begun", "JSONLines", "MLflow", "Outcome", "TensorBoard", "Tracker", "WandB"]
