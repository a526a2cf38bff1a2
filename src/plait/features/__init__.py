"""What a column of each modality becomes: one file a modality."""

from plait.features._category import Category
from plait.features._feature import ArraySpec, BrokenCell, Encoded, Feature
from plait.features._number import Number

__all__ = ["ArraySpec", "BrokenCell", "Category", "Encoded", "Feature", "Number"]
