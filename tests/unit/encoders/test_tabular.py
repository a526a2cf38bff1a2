"""The formulas of the ensemble over a table's columns, in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import Tabular
from plait.encoders._batch_ensemble import BatchEnsemble
from plait.errors import ConfigError

COLUMNS = ({"ids": 4}, {"numbers": 2}, {"ids": 3})
VALUES = np.array(
    [[1, 0.5, -1.0, 2, 1, 1, 1], [3, 0.1, 2.0, 0, 0, 1, 1], [9, 0.3, 0.2, 1, 1, 0, 1]], "float32"
)


def moved(layer):
    """Every weight drawn anew: an initial factor of 1 would hide where it stands."""
    rng = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(size=variable.shape).astype("float32"))
    return {v.path.rpartition("/")[2]: ops.convert_to_numpy(v) for v in layer.trainable_variables}


def test_members_share_a_kernel_between_factors_of_their_own():
    layer = BatchEnsemble(4, members=3, activation="relu")
    layer.build((None, 3, 5))
    w = moved(layer)
    x = np.random.default_rng(1).normal(size=(2, 3, 5)).astype("float32")
    wanted = np.stack(
        [
            np.maximum(
                (x[:, k] * w["inner"][k]) @ w["kernel"] * w["outer"][k] + w["bias"][k],
                0,
            )
            for k in range(3)
        ],
        axis=1,
    )
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), wanted, rtol=1e-5, atol=1e-5)


def test_members_begin_unlike_by_signs_and_one_member_has_no_factors():
    layer = BatchEnsemble(4, members=3, signs=True)
    layer.build((None, 3, 50))
    signs = ops.convert_to_numpy(layer.inner)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert (signs[0] != signs[1]).any()
    alone = BatchEnsemble(4)
    alone.build((None, 1, 50))
    assert [v.name for v in alone.trainable_variables] == ["kernel", "bias"]


def test_numbers_by_their_frequencies_ids_by_a_table_and_empty_cells_by_their_own():
    layer = Tabular(
        3, COLUMNS, embedding_width=2, frequencies=3, hidden=4, blocks=1, members=2, dropout=0
    )
    layer.build(VALUES.shape)
    w = moved(layer)
    block, outer = layer.stack[0], layer.outer
    numbers = VALUES[:, 1:3]
    angles = 2 * np.pi * w["frequency"] * numbers[:, :, None]
    periodic = np.concatenate([np.sin(angles), np.cos(angles), numbers[:, :, None]], axis=-1)
    lines = np.einsum("bni,nie->bne", periodic, ops.convert_to_numpy(layer.kernel))
    lines = np.maximum(lines + ops.convert_to_numpy(layer.bias), 0)
    # The id 9 is beyond the four of its column: unknown.
    ids = np.array([[1, 4 + 2], [3, 4 + 0], [0, 4 + 1]])
    cells = np.concatenate([lines, w["table"][ids]], axis=1)
    known = VALUES[:, [5, 5, 4, 6]] > 0
    cells = np.where(known[..., None], cells, w["empty"]).reshape(3, 1, -1)
    hidden = ops.convert_to_numpy(block(np.repeat(cells, 2, axis=1))).reshape(3, 1, -1)
    wanted = hidden @ ops.convert_to_numpy(outer.kernel) + ops.convert_to_numpy(outer.bias)
    tokens = ops.convert_to_numpy(layer(VALUES)["tokens"])
    np.testing.assert_allclose(tokens, wanted, rtol=1e-4, atol=1e-4)


def test_ids_are_exact_in_half_precision():
    half = Tabular(3, ({"ids": 3000},), dtype="mixed_bfloat16", hidden=4)
    values = np.array([[2001, 1], [2002, 1]], "float32")
    half.build(values.shape)
    half.table.assign(np.random.default_rng(0).normal(size=half.table.shape))
    tokens = ops.convert_to_numpy(ops.cast(half(values)["tokens"], "float32"))
    # bfloat16 holds 2000 alone of both.
    assert np.abs(tokens[0] - tokens[1]).max() > 0


def test_forgotten_cells_and_categories_only_while_training():
    keras.utils.set_random_seed(0)
    layer = Tabular(3, COLUMNS, forget=0.5, dropout=0.0)
    rows = np.repeat(VALUES[:1], 64, axis=0)
    asked = ops.convert_to_numpy(layer(rows)["tokens"])
    trained = ops.convert_to_numpy(layer(rows, training=True)["tokens"])
    np.testing.assert_allclose(asked, np.broadcast_to(asked[:1], asked.shape), atol=1e-6)
    assert len(np.unique(trained.round(5), axis=0)) > 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"columns": [{"ids": 0}]}, "ids is a whole number"),
        ({"columns": [{"ids": 2, "numbers": 1}]}, "a column is"),
        ({"columns": ["ids"]}, "a column is"),
        ({"members": 0}, "members"),
        ({"frequencies": -1}, "frequencies"),
        ({"dropout": 1.0}, "dropout"),
        ({"frequency_scale": float("nan")}, "frequency_scale"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        Tabular(3, **arguments)


def test_values_of_another_size_are_refused_before_anything_is_made():
    with pytest.raises(ConfigError, match=r"there are 7 values. Received: 6"):
        Tabular(3, COLUMNS).build((None, 6))
    with pytest.raises(ConfigError, match="does not know how many columns"):
        Tabular(3).build((None, 6))
