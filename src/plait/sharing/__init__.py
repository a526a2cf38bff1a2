"""How much the tasks share: what stands between the fused tokens and each task's head."""

from plait.sharing._hard_sharing import HardSharing
from plait.sharing._sharing import Sharing

__all__ = ["HardSharing", "Sharing"]
