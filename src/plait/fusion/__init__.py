"""From each feature's tokens to one sequence of tokens."""

from plait.fusion._concat import Concat
from plait.fusion._cross_attention import CrossAttention
from plait.fusion._film import FiLM
from plait.fusion._fusion import Fusion
from plait.fusion._gated import Gated
from plait.fusion._late import Late
from plait.fusion._latents import Latents
from plait.fusion._low_rank_tensor_fusion import LowRankTensorFusion
from plait.fusion._max import Max
from plait.fusion._mbt import MBT
from plait.fusion._mcb import MCB
from plait.fusion._mean import Mean
from plait.fusion._mfb import MFB
from plait.fusion._mlb import MLB
from plait.fusion._multiplicative_interaction import MultiplicativeInteraction
from plait.fusion._mutan import MUTAN
from plait.fusion._pooled_fusion import PooledFusion
from plait.fusion._product import Product
from plait.fusion._shaspec import ShaSpec
from plait.fusion._subset_experts import SubsetExperts
from plait.fusion._sum import Sum
from plait.fusion._tensor_fusion import TensorFusion
from plait.fusion._weighted import Weighted

__all__ = [
    "MBT",
    "MCB",
    "MFB",
    "MLB",
    "MUTAN",
    "Concat",
    "CrossAttention",
    "FiLM",
    "Fusion",
    "Gated",
    "Late",
    "Latents",
    "LowRankTensorFusion",
    "Max",
    "Mean",
    "MultiplicativeInteraction",
    "PooledFusion",
    "Product",
    "ShaSpec",
    "SubsetExperts",
    "Sum",
    "TensorFusion",
    "Weighted",
]
