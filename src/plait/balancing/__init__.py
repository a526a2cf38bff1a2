"""How the tasks are weighed against each other: one small class a method."""

from plait.balancing._balancer import (
    Balancer,
    Evidence,
    GramianWeighting,
    LossWeighting,
    StepContext,
)
from plait.balancing.weighting._aligned_mtl import AlignedMTL
from plait.balancing.weighting._cagrad import CAGrad
from plait.balancing.weighting._config import ConFIG
from plait.balancing.weighting._constant import Constant
from plait.balancing.weighting._crmogm import CRMOGM
from plait.balancing.weighting._dual_proj import DualProj
from plait.balancing.weighting._equal import Equal
from plait.balancing.weighting._fairgrad import FairGrad
from plait.balancing.weighting._famo import FAMO
from plait.balancing.weighting._gls import GLS
from plait.balancing.weighting._gradnorm import GradNorm
from plait.balancing.weighting._gradvac import GradVac
from plait.balancing.weighting._imtlg import IMTLG
from plait.balancing.weighting._imtll import IMTLL
from plait.balancing.weighting._mgda import MGDA
from plait.balancing.weighting._modo import MoDo
from plait.balancing.weighting._nash_mtl import NashMTL
from plait.balancing.weighting._pbi import PBI
from plait.balancing.weighting._pcd import PCD
from plait.balancing.weighting._pcgrad import PCGrad
from plait.balancing.weighting._psmgd import PSMGD
from plait.balancing.weighting._rlw import RLW
from plait.balancing.weighting._scale_invariant import ScaleInvariant
from plait.balancing.weighting._sdmgrad import SDMGrad
from plait.balancing.weighting._stch import STCH
from plait.balancing.weighting._tchebycheff import Tchebycheff
from plait.balancing.weighting._uncertainty import Uncertainty
from plait.balancing.weighting._upgrad import UPGrad
from plait.balancing.weighting._uwso import UWSO

__all__ = [
    "CRMOGM",
    "FAMO",
    "GLS",
    "IMTLG",
    "IMTLL",
    "MGDA",
    "PBI",
    "PCD",
    "PSMGD",
    "RLW",
    "STCH",
    "UWSO",
    "AlignedMTL",
    "Balancer",
    "CAGrad",
    "ConFIG",
    "Constant",
    "DualProj",
    "Equal",
    "Evidence",
    "FairGrad",
    "GradNorm",
    "GradVac",
    "GramianWeighting",
    "LossWeighting",
    "MoDo",
    "NashMTL",
    "PCGrad",
    "SDMGrad",
    "ScaleInvariant",
    "StepContext",
    "Tchebycheff",
    "UPGrad",
    "Uncertainty",
]
