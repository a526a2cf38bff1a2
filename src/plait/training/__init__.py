"""Training: a declaration and rows in, the best weights and a run folder out."""

from plait.training._batch_that_fits import batch_that_fits
from plait.training._bytes import bytes_in_words
from plait.training._coverage import label_coverage, labelled_rows
from plait.training._demands import demand_parts
from plait.training._environment import environment
from plait.training._estimate import Estimate, Spent, estimate
from plait.training._folds import check_folds, run_folds
from plait.training._groups import affinity_in_words, groups_by_affinity, measured_affinity
from plait.training._notes import batch_in_words, left_over, sampling_note, tell
from plait.training._parts import counted_parts, counted_rows, parted
from plait.training._prepared import Prepared
from plait.training._progress import Progress
from plait.training._run import RUNS, Run, held_run, is_over
from plait.training._run_folder import (
    MODEL_FILE,
    begin_documents,
    folds_documents,
    write_documents,
    write_run,
)
from plait.training._run_once import run_once
from plait.training._selection import Epoch, Selection, Validation
from plait.training._settings import MAY_CHANGE, Training
from plait.training._start import START, Start
from plait.training._train import Trained, compile_model, train
from plait.training._trained_rows import trained_rows

__all__ = [
    "MAY_CHANGE",
    "MODEL_FILE",
    "RUNS",
    "START",
    "Epoch",
    "Estimate",
    "Prepared",
    "Progress",
    "Run",
    "Selection",
    "Spent",
    "Start",
    "Trained",
    "Training",
    "Validation",
    "affinity_in_words",
    "batch_in_words",
    "batch_that_fits",
    "begin_documents",
    "bytes_in_words",
    "check_folds",
    "compile_model",
    "counted_parts",
    "counted_rows",
    "demand_parts",
    "environment",
    "estimate",
    "folds_documents",
    "groups_by_affinity",
    "held_run",
    "is_over",
    "label_coverage",
    "labelled_rows",
    "left_over",
    "measured_affinity",
    "parted",
    "run_folds",
    "run_once",
    "sampling_note",
    "tell",
    "train",
    "trained_rows",
    "write_documents",
    "write_run",
]
