"""From each feature's tokens to one sequence of tokens."""

from plait.fusion._fusion import Fusion

__all__ = ["Fusion"]
