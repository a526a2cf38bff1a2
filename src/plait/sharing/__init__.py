"""How much the tasks share: what stands between the fused tokens and each task's head."""

from plait.sharing._adapters import Adapters
from plait.sharing._cross_stitch import CrossStitch
from plait.sharing._dselect_k import DSelectK
from plait.sharing._hard_sharing import HardSharing
from plait.sharing._lora import LoRA
from plait.sharing._mmoe import MMoE
from plait.sharing._mtan import MTAN
from plait.sharing._ple import CGC, PLE
from plait.sharing._routing import TaskRouting
from plait.sharing._sharing import Sharing
from plait.sharing._sluice import Sluice
from plait.sharing._soft_sharing import SoftSharing
from plait.sharing._task_groups import TaskGroups
from plait.sharing._task_sharing import TaskSharing
from plait.sharing._trunk_sharing import TrunkSharing

__all__ = [
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
]
