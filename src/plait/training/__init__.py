"""Training: a declaration and rows in, the best weights and a run folder out."""

from plait.training._coverage import label_coverage, labelled_rows
from plait.training._environment import environment, fingerprint
from plait.training._progress import Progress
from plait.training._run_folder import write_run
from plait.training._selection import Epoch, Selection, Validation
from plait.training._settings import Training
from plait.training._train import Trained, compile_model, train

__all__ = [
    "Epoch",
    "Progress",
    "Selection",
    "Trained",
    "Training",
    "Validation",
    "compile_model",
    "environment",
    "fingerprint",
    "label_coverage",
    "labelled_rows",
    "train",
    "write_run",
]
