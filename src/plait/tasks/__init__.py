"""A target column: its encoding, head, loss, scores and the way back to the user's labels."""

from plait.tasks._binary import Binary
from plait.tasks._boxes import Boxes
from plait.tasks._contrast import infonce
from plait.tasks._count import Count
from plait.tasks._dense_task import DenseTask
from plait.tasks._forecast import Forecast
from plait.tasks._matching import Matching
from plait.tasks._multiclass import Multiclass
from plait.tasks._multilabel import Multilabel
from plait.tasks._nearest import nearest
from plait.tasks._object_count import ObjectCount
from plait.tasks._ordinal import Ordinal
from plait.tasks._quantiles import Quantiles
from plait.tasks._regression import Regression
from plait.tasks._said import OF_CLASSES, Gives, answers_of, log_said, said
from plait.tasks._segmentation import Segmentation
from plait.tasks._tagging import Tagging
from plait.tasks._task import Targets, Task
from plait.tasks._together import features_for, fit_tasks

__all__ = [
    "OF_CLASSES",
    "Binary",
    "Boxes",
    "Count",
    "DenseTask",
    "Forecast",
    "Gives",
    "Matching",
    "Multiclass",
    "Multilabel",
    "ObjectCount",
    "Ordinal",
    "Quantiles",
    "Regression",
    "Segmentation",
    "Tagging",
    "Targets",
    "Task",
    "answers_of",
    "features_for",
    "fit_tasks",
    "infonce",
    "log_said",
    "nearest",
    "said",
]
