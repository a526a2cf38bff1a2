"""CategoryBag beyond the contract."""

import numpy as np
import pytest
from keras import ops

from plait.encoders import CategoryBag
from plait.errors import ConfigError


def built(**arguments):
    """A bag whose deep path gives nothing, of the tokens 0, 1, 10, 100."""
    layer = CategoryBag(1, size=4, hidden=2, **arguments)
    layer(np.zeros((1, 2), "int32"))
    layer.table.assign([[0.5], [1.0], [10.0], [100.0]])
    layer.outer.kernel.assign(np.zeros((2, 1)))
    return layer


def bags(layer, ids, lengths=None, training=False):
    lengths = None if lengths is None else np.array(lengths, "int32")
    given = layer(np.array(ids, "int32"), lengths, training=training)
    return ops.convert_to_numpy(given["tokens"])[:, 0, 0]


def test_is_the_sum_of_the_valid_tokens():
    layer = built()
    given = bags(layer, [[1, 2, 3], [3, 3, 0], [2, 0, 0]], [2, 3, 0])
    np.testing.assert_allclose(given, [11, 200.5, 0])


def test_ids_beyond_the_table_are_unknown():
    np.testing.assert_allclose(bags(built(), [[1, 9], [-1, 2]]), [1.5, 10.5])


def test_unknown_stands_in_while_training():
    layer = built(unknown=1.0)
    np.testing.assert_allclose(bags(layer, [[1, 2], [3, 3]], training=True), [1, 1])
    np.testing.assert_allclose(bags(layer, [[1, 2], [3, 3]]), [11, 200])


def test_needs_to_know_how_many_ids_there_are():
    with pytest.raises(ConfigError, match="CategoryBag does not know how many ids"):
        CategoryBag(4)(np.zeros((1, 2), "int32"))
