"""What a column of each modality becomes: one file a modality."""

from plait.features._audio import Audio
from plait.features._category import Category
from plait.features._category_set import CategorySet
from plait.features._columns import Columns
from plait.features._date import Date
from plait.features._feature import ArraySpec, BrokenCell, Encoded, Feature
from plait.features._image import Image
from plait.features._mask import mask_pixels
from plait.features._media import MediaCells, MediaReader, UnreadableError
from plait.features._media_feature import MediaFeature, Medium
from plait.features._number import Number
from plait.features._placement import Placement
from plait.features._series import Series
from plait.features._series_cells import SeriesCells, read_series
from plait.features._text import Text
from plait.features._together import fit_features
from plait.features._vector import Vector

__all__ = [
    "ArraySpec",
    "Audio",
    "BrokenCell",
    "Category",
    "CategorySet",
    "Columns",
    "Date",
    "Encoded",
    "Feature",
    "Image",
    "MediaCells",
    "MediaFeature",
    "MediaReader",
    "Medium",
    "Number",
    "Placement",
    "Series",
    "SeriesCells",
    "Text",
    "UnreadableError",
    "Vector",
    "fit_features",
    "mask_pixels",
    "read_series",
]
