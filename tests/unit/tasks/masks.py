"""Masks and pictures as cells of a pretended file."""

import io

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow

from plait.features import Image
from plait.table import Column


def png(pixels):
    data = io.BytesIO()
    Pillow.fromarray(np.asarray(pixels, "uint8")).save(data, "PNG")
    return data.getvalue()


def column_of(cells, name="mask", root=None, kind=None):
    """Rows 1, 2, 3, ... of train.csv."""
    rows = np.arange(1, len(cells) + 1)
    return Column(name, pa.chunked_array([pa.array(cells, kind)]), rows, "train.csv", root)


def picture_feature(height, width):
    """A picture feature of that frame, fitted to colour."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    return Image(size=(height, width)).fit(column_of([png(noise)]))
