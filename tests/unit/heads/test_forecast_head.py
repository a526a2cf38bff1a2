import keras
import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import ForecastHead
from plait.heads._last_values import size_of

# Two variables in three steps: the first has a gap at the end, the second is not known at all.
VALUES = np.array([[[2.0, 0.0], [3.0, 0.0], [0.0, 0.0]]], "float32")
KNOWN = np.array([[[1, 0], [1, 0], [0, 0]]], "float32")
TOKENS = np.ones((1, 1, 4), "float32")


def of(values=VALUES, known=KNOWN, lengths=(3,)):
    series = np.concatenate([values, known, np.zeros_like(known)], axis=-1)
    mask = np.arange(3) < np.array(lengths)[:, None]
    own = {"tokens": np.ones((len(values), 3, 5), "float32"), "mask": mask}
    return {"values": series, "lengths": np.array(lengths, "int32"), **own}


def without_correction(**arguments):
    head = ForecastHead(2, 2, **{"read": (0, 1), **arguments})
    head(TOKENS, None, of=of())
    head.fall.kernel.assign(np.zeros(head.fall.kernel.shape))
    return head


def answer(head, history=None):
    tokens = np.ones((len((history or of())["values"]), 1, 4), "float32")
    return ops.convert_to_numpy(head(tokens, None, of=history or of()))


def test_starts_as_the_last_known_value_going_on():
    np.testing.assert_allclose(answer(without_correction()), [[[3, 0], [3, 0]]])


def test_a_new_head_is_near_that():
    keras.utils.set_random_seed(0)
    given = answer(ForecastHead(2, 2, (0, 1)))
    assert 0 < np.abs(given - [[[3, 0], [3, 0]]]).max() < 0.5


def test_the_history_comes_to_the_scale_of_the_answer():
    # 2 * 3 + 1, and nothing of what is not known.
    head = without_correction(scale=(2, 5), shift=(1, 7))
    np.testing.assert_allclose(answer(head), [[[7, 0], [7, 0]]])


def test_a_variable_that_is_not_read_leaves_the_correction_alone():
    head = without_correction(read=(-1, 0))
    np.testing.assert_allclose(answer(head), [[[0, 3], [0, 3]]])


def test_the_linear_path_is_of_the_way_to_the_last_value():
    head = without_correction()
    weights = np.zeros(head.linear.shape, "float32")
    weights[0, 0] = [10, 20]  # the first variable, the first of three steps
    head.linear.assign(weights)
    head.persistence.assign(np.array([[1, 1], [0, 1]]))
    # 3 + 10 * (2 - 3), and 0 * 3 + 20 * (2 - 3).
    np.testing.assert_allclose(answer(head), [[[-7, 0], [-20, 0]]])


def test_steps_are_counted_from_the_end():
    head = without_correction()
    weights = np.zeros(head.linear.shape, "float32")
    weights[0, 1] = [1, 1]  # the last step but one
    head.linear.assign(weights)
    values = np.array([[[5.0, 0], [6.0, 0], [8.0, 0]], [[6.0, 0], [8.0, 0], [0, 0]]], "float32")
    known = np.array([[[1, 0], [1, 0], [1, 0]], [[1, 0], [1, 0], [0, 0]]], "float32")
    given = answer(head, of(values, known, (3, 2)))
    np.testing.assert_allclose(given[:, :, 0], [[6, 6], [6, 6]])  # 8 + (6 - 8)


def test_the_correction_is_as_large_as_the_values():
    """Of a row of a tenth, about their zero, the correction is a tenth; all else is a tenth, too."""
    keras.utils.set_random_seed(0)
    head = ForecastHead(2, 2, (0, 1), zero=(-2.0, 0.0))
    nothing = np.array([2, 0])
    amounts = np.array([[[2.0, 0.0], [18.0, 0.0], [8.0, 0.0]]])
    values, small = amounts - nothing, amounts / 10 - nothing
    known = np.array([[[1, 0], [1, 0], [1, 0]]], "float32")
    large, tenth = (answer(head, of(v.astype("float32"), known)) for v in (values, small))
    np.testing.assert_allclose(tenth[..., 0] + 2, (large[..., 0] + 2) / 10, rtol=1e-4)
    # Nothing is known of the other: as large as usual.
    np.testing.assert_allclose(tenth[..., 1], large[..., 1], rtol=1e-4)
    assert np.abs(large[..., 1]).min() > 0


def test_half_precision_rounds_no_weight():
    head = without_correction(dtype="mixed_bfloat16")
    head.persistence.assign(np.full((2, 2), 1.001))
    np.testing.assert_allclose(answer(head), [[[3.003, 0], [3.003, 0]]], rtol=1e-6)


def test_a_rows_size_by_hand():
    # About -2, of which a usual row's is sqrt(5); about 0; the deviation; the least; nothing known.
    values = np.array([[[4, 3, 5, 0, 9], [2, -1, -5, 0, 9]]], "float32")
    known = np.array([[[1, 1, 1, 1, 0], [1, 1, 1, 1, 0]]], "float32")
    zero = np.array([-2, 0, 1e6, 0, 0], "float32")
    given = ops.convert_to_numpy(size_of(*map(ops.convert_to_tensor, (values, known, zero))))
    np.testing.assert_allclose(given, [[[5 / np.sqrt(5), 2, 5, 0.1, 1]]], rtol=1e-6)


def test_without_units_a_constant_is_added():
    head = ForecastHead(2, 2, (0, 1), hidden=0)
    np.testing.assert_allclose(answer(head), [[[3, 0], [3, 0]]])
    head.bias.assign([[1, 2], [3, 4]])
    np.testing.assert_allclose(answer(head), [[[4, 2], [6, 4]]])
    assert {v.name for v in head.trainable_variables} == {"persistence", "linear", "bias"}


@pytest.mark.parametrize("placeholder", [1e30, np.nan])
def test_what_stands_in_a_gap_changes_no_bit(placeholder):
    keras.utils.set_random_seed(0)
    head = ForecastHead(2, 2, (0, 1))
    head(TOKENS, None, of=of())
    head.linear.assign(np.random.default_rng(0).normal(size=head.linear.shape))
    filled = np.where(KNOWN > 0, VALUES, np.float32(placeholder))
    np.testing.assert_array_equal(answer(head, of(filled)), answer(head))


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon": 0},
        {"channels": 0},
        {"read": (2,)},
        {"read": ()},
        {"scale": (1.0,)},
        {"shift": (1.0, 2.0, 3.0)},
        {"hidden": -1},
        {"zero": (1.0,)},
        {"dropout": 1.0},
    ],
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"ForecastHead: {next(iter(wrong))}.*Received"):
        ForecastHead(**{"horizon": 2, "channels": 2, "read": (0, 1), **wrong})
