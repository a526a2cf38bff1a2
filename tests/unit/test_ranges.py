"""Arguments out of their range are refused where they are written, not where they are built."""

import pytest

from plait import encoders, fusion
from plait._names import published
from plait.errors import ConfigError
from plait.features import Category, Number, Text
from plait.learner import Learner
from plait.tasks import Binary


@pytest.mark.parametrize("width", [0, -1, 2.5, True, "8"])
@pytest.mark.parametrize(
    "cls", [*published(encoders).values(), *published(fusion).values()], ids=lambda c: c.__name__
)
def test_a_width_is_a_whole_number_above_0(cls, width):
    with pytest.raises(
        ConfigError, match=f"{cls.__name__}: width is a whole number, 1 or more"
    ) as e:
        cls(width=width)
    assert e.value.at == ("width",)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        ("TextBag", {"dropout": 2.0}, r"dropout is in \[0, 1\). Received: 2.0."),
        ("TextBag", {"gram_dropout": 1.0}, r"gram_dropout is in \[0, 1\)"),
        ("TextBag", {"gain": 0.0}, "gain is above 0"),
        ("TextBag", {"seed": 10**20}, "seed is a whole number, from 0 to 2147483646"),
        ("TextBag", {"vocabulary": 0}, "vocabulary is a whole number"),
        ("TextRNN", {"unknown": 1.5}, r"unknown is in \[0, 1\]"),
        ("TextRNN", {"dropout": float("nan")}, "dropout is in"),
        ("NumberEmbedding", {"hidden": 0}, "hidden is a whole number"),
        ("NumberEmbedding", {"bins": (0.0, 0.0)}, "bins rise"),
        ("CategoryEmbedding", {"unknown": -0.1}, "unknown is in"),
        ("CategoryEmbedding", {"size": -1}, "size is a whole number"),
        ("ImageConv", {"channels": ()}, "channels is a list"),
        ("ImageConv", {"channels": (8, 0)}, "channels is a whole number"),
        ("ImageConv", {"blocks": -1}, "blocks is a whole number, 0 or more"),
        ("AudioConv", {"mels": 10**9}, "mels is a whole number, from 1 to 1024"),
        ("AudioConv", {"rate": 10**9}, "rate is a whole number, from 1 to 192000"),
    ],
)
def test_an_encoders_argument_that_cannot_be(cls, arguments, message):
    with pytest.raises(ConfigError, match=f"{cls}: {message}"):
        getattr(encoders, cls)(**arguments)


@pytest.mark.parametrize("arguments", [{"width": 0}, {"seed": -1}, {"seed": 10**20}])
def test_a_learners_argument_that_cannot_be(arguments):
    (name,) = arguments
    with pytest.raises(ConfigError, match=f"Learner: {name} is a whole number") as error:
        Learner({"a": Number()}, {"t": Binary()}, **arguments)
    assert error.value.at == (name,)


@pytest.mark.parametrize(
    ("feature", "encoder", "fitting"),
    [
        (Number, "ImageConv", "NumberEmbedding"),
        (Category, "TextBag", "CategoryEmbedding"),
        (Category, "NumberEmbedding", "CategoryEmbedding"),
    ],
)
def test_an_encoder_of_another_modality_is_refused_with_those_that_fit(feature, encoder, fitting):
    declared = {"a": feature(encoder=getattr(encoders, encoder)())}
    with pytest.raises(ConfigError, match=f"Feature 'a': {encoder}.* there is: {fitting}"):
        Learner(declared, {"t": Binary()})


def test_every_encoder_says_what_it_reads():
    assert all(cls.modality for cls in published(encoders).values())
    Learner({"a": Text(encoder=encoders.TextRNN())}, {"t": Binary()})
