"""plait: one Keras 3 model for a table of pictures, text, sound, numbers and categories.

The flow, and where each stage lives::

    table -> features -> encoders -> fusion -> sharing -> heads -> losses -> balancing -> one step

Two doors: `Learner` for people with a table, `MultiTaskModel` for people who write Keras.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")

__version__ = "0.1.0"

# Where each public name is, stage by stage.
_PUBLIC: dict[str, tuple[str, ...]] = {
    "plait.errors": (
        "PlaitError",
        "BalancingError",
        "DivergedError",
        "StoppedError",
        "ConfigError",
        "DataError",
        "ModelFileError",
    ),
    "plait.table": ("Table", "SQL", "Split", "Windows"),
    "plait.features": (
        "Feature",
        "Image",
        "Audio",
        "Number",
        "Category",
        "CategorySet",
        "Columns",
        "Text",
        "Date",
        "Vector",
        "Series",
    ),
    "plait.encoders": (
        "Encoder",
        "ImageConv",
        "ImagePatches",
        "ResNet",
        "ConvNeXt",
        "AudioConv",
        "NumberEmbedding",
        "CategoryEmbedding",
        "CategoryBag",
        "VectorEmbedding",
        "Tabular",
        "TextBag",
        "TextRNN",
        "TextTransformer",
        "TextWords",
        "SeriesConv",
        "SeriesTransformer",
    ),
    "plait.fusion": (
        "Fusion",
        "PooledFusion",
        "Concat",
        "Mean",
        "Weighted",
        "Sum",
        "Max",
        "Product",
        "Gated",
        "FiLM",
        "MultiplicativeInteraction",
        "MLB",
        "MFB",
        "MUTAN",
        "MCB",
        "TensorFusion",
        "LowRankTensorFusion",
        "SubsetExperts",
        "ShaSpec",
        "Late",
        "CrossAttention",
        "MBT",
        "Latents",
    ),
    "plait.sharing": (
        "CGC",
        "MTAN",
        "PLE",
        "Adapters",
        "CrossStitch",
        "DSelectK",
        "HardSharing",
        "LoRA",
        "MMoE",
        "Sharing",
        "Sluice",
        "SoftSharing",
        "TaskGroups",
        "TaskRouting",
        "TaskSharing",
        "TrunkSharing",
    ),
    "plait.heads": (
        "Head",
        "LinearHead",
        "CountHead",
        "DensityHead",
        "BoxesHead",
        "StrongestBoxes",
        "OrderedHead",
        "UNetHead",
        "TagHead",
        "ForecastHead",
        "PairHead",
    ),
    "plait.balancing": (
        "Balancer",
        "LossWeighting",
        "GramianWeighting",
        "Evidence",
        "StepContext",
        "Equal",
        "Constant",
        "RLW",
        "ScaleInvariant",
        "GLS",
        "IMTLL",
        "UWSO",
        "Tchebycheff",
        "STCH",
        "PBI",
        "Uncertainty",
        "PCGrad",
        "GradVac",
        "PCD",
        "GradNorm",
        "FAMO",
        "MoDo",
        "SDMGrad",
        "MGDA",
        "IMTLG",
        "CAGrad",
        "NashMTL",
        "FairGrad",
        "AlignedMTL",
        "UPGrad",
        "DualProj",
        "ConFIG",
        "DBMTL",
        "ExcessMTL",
        "GradDrop",
        "MoCo",
        "TrimmedMean",
        "CosineGating",
        "DTP",
        "DWA",
        "CrossGramianWeighting",
        "Aggregator",
        "Update",
        "CRMOGM",
        "PSMGD",
        "FeatureBalancer",
        "TrialBalancer",
        "UnimodalLosses",
        "OGMGE",
        "GradientBlending",
        "MMPareto",
    ),
    "plait.tasks": (
        "Task",
        "DenseTask",
        "Targets",
        "Binary",
        "Boxes",
        "Multiclass",
        "Multilabel",
        "Regression",
        "Ordinal",
        "Count",
        "ObjectCount",
        "Quantiles",
        "Segmentation",
        "Tagging",
        "Forecast",
        "Matching",
    ),
    "plait.objectives": (
        "Objective",
        "RowObjective",
        "Consistency",
        "Reconstruct",
        "Align",
        "Distill",
    ),
    "plait.model": ("MultiTaskModel", "ModalityDropout"),
    "plait.trackers": ("Tracker", "JSONLines", "TensorBoard", "MLflow", "WandB"),
    "plait.training": ("Training",),
    "plait.inference": ("Predictor",),
    "plait.evaluation": ("by_presence", "evaluate"),
    "plait.learner": ("Learner",),
}
_WHERE = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if not name.startswith("_"):
        try:
            return importlib.import_module(f"plait.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"plait.{name}":
                raise
    raise AttributeError(f"module 'plait' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})


# Keras finds a class in a saved model only once it is registered. The command line has no use for that:
# it imports what a verb needs itself, so that `plait --help` answers before Keras would have started.
if Path(sys.argv[0] if sys.argv else "").stem != "plait":
    from plait import _stand_ins

    _stand_ins.register(_PUBLIC)
