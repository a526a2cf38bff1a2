"""Inner products of rows, whatever way their size makes them take."""

import keras
import numpy as np
import pytest

from plait.model._rows import gramian_of


@pytest.mark.parametrize("tasks", [2, 9, 19])
@pytest.mark.parametrize("shape", [(5,), (2**7, 2**7 + 1), (2**17 + 3,)])
def test_a_gramian_is_that_of_the_rows(shape, tasks):
    draw = np.random.default_rng(0)
    some, other = draw.normal(size=(2, tasks, *shape)).astype("float32")
    some[0] = 0
    tensors = [[None, *(keras.ops.convert_to_tensor(row) for row in some[1:])]]
    others = [[keras.ops.convert_to_tensor(row) for row in other]]
    flat = some.reshape(tasks, -1).astype("float64")
    size = np.sqrt(flat.shape[1])
    for second, expected in ((None, flat), (others, other.reshape(tasks, -1))):
        found = gramian_of(tensors, 2.0, second)
        found = keras.ops.convert_to_numpy(found)
        np.testing.assert_allclose(found, flat @ expected.T / 4, rtol=1e-4, atol=1e-4 * size)
