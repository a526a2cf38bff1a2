"""How the tasks are weighed against each other: one small class a method."""

from plait.balancing._aggregator import Aggregator, Update
from plait.balancing._balancer import Balancer, Evidence, StepContext
from plait.balancing._feature_balancer import FeatureBalancer, TrialBalancer
from plait.balancing._gramian_weighting import CrossGramianWeighting, GramianWeighting
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing.aggregation._db_mtl import DBMTL
from plait.balancing.aggregation._excess_mtl import ExcessMTL
from plait.balancing.aggregation._graddrop import GradDrop
from plait.balancing.aggregation._moco import MoCo
from plait.balancing.aggregation._trimmed_mean import TrimmedMean
from plait.balancing.modality._gradient_blending import GradientBlending
from plait.balancing.modality._mmpareto import MMPareto
from plait.balancing.modality._ogm_ge import OGMGE
from plait.balancing.modality._unimodal_losses import UnimodalLosses
from plait.balancing.weighting._aligned_mtl import AlignedMTL
from plait.balancing.weighting._cagrad import CAGrad
from plait.balancing.weighting._config import ConFIG
from plait.balancing.weighting._constant import Constant
from plait.balancing.weighting._cosine_gating import CosineGating
from plait.balancing.weighting._crmogm import CRMOGM
from plait.balancing.weighting._dtp import DTP
from plait.balancing.weighting._dual_proj import DualProj
from plait.balancing.weighting._dwa import DWA
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
    "DBMTL",
    "DTP",
    "DWA",
    "FAMO",
    "GLS",
    "IMTLG",
    "IMTLL",
    "MGDA",
    "OGMGE",
    "PBI",
    "PCD",
    "PSMGD",
    "RLW",
    "STCH",
    "UWSO",
    "Aggregator",
    "AlignedMTL",
    "Balancer",
    "CAGrad",
    "ConFIG",
    "Constant",
    "CosineGating",
    "CrossGramianWeighting",
    "DualProj",
    "Equal",
    "Evidence",
    "ExcessMTL",
    "FairGrad",
    "FeatureBalancer",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "GradientBlending",
    "GramianWeighting",
    "LossWeighting",
    "MMPareto",
    "MoCo",
    "MoDo",
    "NashMTL",
    "PCGrad",
    "SDMGrad",
    "ScaleInvariant",
    "StepContext",
    "Tchebycheff",
    "TrialBalancer",
    "TrimmedMean",
    "UPGrad",
    "Uncertainty",
    "UnimodalLosses",
    "Update",
]
