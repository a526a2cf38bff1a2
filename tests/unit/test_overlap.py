"""Overlaps of boxes, against numbers worked out by hand."""

import numpy as np
import pytest
from keras import ops

from plait._overlap import generalised_overlap, overlap

CASES = {
    # Of 16 + 16 - 4 = 28 they share 4; the hull has 36.
    "part": ([0, 0, 4, 4], [2, 2, 6, 6], 1 / 7, 1 / 7 - 8 / 36),
    # A hull of 3, of which 1 lies between them.
    "apart": ([0, 0, 1, 1], [2, 0, 3, 1], 0, -1 / 3),
    "inside": ([0, 0, 4, 4], [1, 1, 3, 3], 1 / 4, 1 / 4),
    "same": ([1, 2, 3, 5], [1, 2, 3, 5], 1, 1),
    "nothing": ([1, 1, 1, 1], [1, 1, 1, 1], 0, 0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_overlaps(case):
    some, others, plain, generalised = case
    some, others = (ops.convert_to_tensor([box], "float32") for box in (some, others))
    for way, expected in ((overlap, plain), (generalised_overlap, generalised)):
        for given in (way(some, others), way(others, some)):
            np.testing.assert_allclose(ops.convert_to_numpy(given), [expected], atol=1e-6)
