import numpy as np
import pytest

from plait.errors import ConfigError
from plait.features import UnreadableError, mask_pixels
from plait.tasks._mask_classes import IGNORED, MaskClasses

BY_VALUE = MaskClasses.declared({"sky": 7, "road": 2, "car": 200}, ignore=11)
BY_COLOUR = MaskClasses.declared({"sky": (0, 0, 255), "road": (9, 9, 9)}, ignore=(0, 0, 0))


def test_values_are_those_of_their_classes():
    found = BY_VALUE.numbers(np.array([[2, 7, 200, 11]], "uint8"))
    np.testing.assert_array_equal(found, [[1, 0, 2, IGNORED]])


def test_colours_are_those_of_their_classes():
    pixels = np.array([[[9, 9, 9], [0, 0, 0], [0, 0, 255]]], "uint8")
    np.testing.assert_array_equal(BY_COLOUR.numbers(pixels), [[1, IGNORED, 0]])


def test_names_alone_are_of_the_values_from_0():
    assert MaskClasses.declared(("a", "b")).codes == (0, 1)


@pytest.mark.parametrize(
    ("classes", "pixels", "said"),
    [
        (
            BY_VALUE,
            [[7, 7], [7, 3]],
            "value 3 in row 1, column 1, which is none of the classes: 7, 2, 200",
        ),
        (BY_COLOUR, [[[0, 0, 255], [1, 2, 3]]], r"colour \[1, 2, 3\] in row 0, column 1"),
    ],
)
def test_what_stands_for_nothing_is_refused_or_left_out(classes, pixels, said):
    pixels = np.array(pixels, "uint8")
    with pytest.raises(UnreadableError, match=said):
        classes.numbers(pixels)
    lenient = MaskClasses(
        classes.names, classes.codes, classes.coloured, classes.ignore, others_ignored=True
    )
    assert (lenient.numbers(pixels) == IGNORED).sum() == 1


@pytest.mark.parametrize("classes", [BY_VALUE, BY_COLOUR])
def test_a_picture_of_classes_is_read_back(classes):
    numbers = np.random.default_rng(0).integers(0, len(classes.names), (5, 7)).astype("uint8")
    pixels = mask_pixels(classes.png(numbers), classes.coloured)
    np.testing.assert_array_equal(classes.numbers(pixels), numbers)


def test_state_is_read_back():
    again = MaskClasses.from_state(BY_COLOUR.state(), ignore=0)
    assert again == BY_COLOUR


@pytest.mark.parametrize(
    ("classes", "ignore"),
    [
        (("a",), None),
        (("a", "b", "a"), None),
        ({"a": 0, "b": 0}, None),
        ({"a": 0, "b": 1}, 1),
        ({"a": 0, "b": 256}, None),
        ({"a": 0, "b": True}, None),
        ({"a": 0, "b": (1, 2, 3)}, None),
        ({"a": (0, 0), "b": (1, 2)}, None),
        ({"a": (0, 0, 0), "b": (1, 2, 3)}, 7),
        (tuple(map(str, range(256))), None),
    ],
)
def test_classes_that_cannot_be_are_refused(classes, ignore):
    with pytest.raises(ConfigError, match=r"Segmentation: .* Received"):
        MaskClasses.declared(classes, ignore)
