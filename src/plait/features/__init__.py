"""What a column of each modality becomes: one file a modality."""

from plait.features._feature import ArraySpec, BrokenCell, Encoded, Feature

__all__ = ["ArraySpec", "BrokenCell", "Encoded", "Feature"]
