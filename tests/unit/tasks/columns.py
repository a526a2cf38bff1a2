"""Columns of a pretended file."""

import numpy as np
import pyarrow as pa

from plait.table import Column


def column_of(cells, kind=None, name="answer"):
    """Rows 1, 2, 3, ... of train.csv."""
    values = pa.chunked_array([pa.array(cells, kind)])
    return Column(name, values, np.arange(1, len(cells) + 1), "train.csv")
