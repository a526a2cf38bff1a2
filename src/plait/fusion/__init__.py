"""From each feature's tokens to one sequence of tokens."""

from plait.fusion._concat import Concat
from plait.fusion._fusion import Fusion
from plait.fusion._max import Max
from plait.fusion._mean import Mean
from plait.fusion._pooled_fusion import PooledFusion
from plait.fusion._sum import Sum
from plait.fusion._weighted import Weighted

__all__ = ["Concat", "Fusion", "Max", "Mean", "PooledFusion", "Sum", "Weighted"]
