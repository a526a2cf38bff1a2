"""A task of a feature: what it is asked beside, and what its head is given."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.errors import ConfigError, PlaitError
from plait.features import fit_features
from plait.fusion import Concat
from plait.inference import check_names, connect
from plait.sharing import HardSharing
from plait.table import Table

WORDS = {"text": ["one two", None, "three"], "size": [1.0, 2.0, 3.0]}


class WordHead(plait.Head):
    def call(self, tokens, mask=None, training=None, of=None):
        kept = keras.ops.expand_dims(keras.ops.cast(of["mask"], of["tokens"].dtype), -1)
        return keras.ops.mean(of["tokens"] * kept, axis=-1)


@dataclass(frozen=True, kw_only=True)
class Lengths(plait.DenseTask):
    """How long each text is; as good as nothing, and of a text."""

    main_score = "none"
    parts = "tokens"
    modalities = ("text",)

    def fit(self, column, weights=None):
        assert self.feature.state is not None
        return replace(self, state={"cells": len(self.cells)})

    def targets(self, column):
        lengths = [len(cell or "") for cell in self.cells.values.to_pylist()]
        return plait.Targets(np.array(lengths, "float32"), np.ones(len(lengths), bool))

    def head(self):
        return WordHead()

    def loss(self):
        return keras.losses.MeanSquaredError()

    def decode(self, logits):
        return {"": pa.array(logits[:, 0])}

    def scores(self, logits, column, weights=None):
        return {}

    def gain(self, scores):
        return 0.0

    def trivial_logits(self):
        return np.zeros((1, 1), "float32")


@pytest.fixture
def table():
    return Table.read(WORDS)


@pytest.fixture
def features(table):
    return fit_features(
        {"text": plait.Text(encoder=plait.TextRNN(8)), "size": plait.Number()}, table
    )


def test_it_knows_the_feature_and_its_cells_in_the_rows_it_is_asked_about(features, table):
    task = Lengths(of="text", column="size")
    fitted = task.beside(features, table).fit(table.column("size"))
    assert fitted.learnt == {"cells": 3}
    some = table.take(np.array([2, 0]))
    assert fitted.beside(features, some).targets(some.column("size")).values.tolist() == [5, 7]
    with pytest.raises(PlaitError, match="does not know which rows"):
        fitted.targets(table.column("size"))
    assert fitted.beside(features).cells is None
    # Of a table that lacks it each cell is empty.
    lacking = fitted.beside(features, Table.read({"size": [1.0, 2.0]})).cells
    assert lacking.is_missing().tolist() == [True, True]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Lengths(of="texts"), r"Task 'long': it is of the feature 'texts', .* Did you mean 'text'"),
        (Lengths(of="size"), r"modality text\. 'size' is Number, of the modality number"),
    ],
)
def test_a_feature_that_it_cannot_be_of_is_refused(task, message, features):
    with pytest.raises(ConfigError, match=message) as refused:
        check_names(features, {"long": task})
    assert refused.value.at == ("tasks", "long", "Lengths", "of")


def test_one_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="Lengths is of a feature"):
        Lengths()


def test_the_head_is_given_the_tokens_of_the_feature(features, table):
    task = Lengths(of="text", column="long").beside(features, table).fit(table.column("size"))
    inputs, outputs = connect(features, {"long": task}, Concat(8), HardSharing(), width=8)
    length = features["text"].spec.shape[0]
    assert outputs["long"].shape == (None, length)
    model = keras.Model(inputs, outputs)
    rows = plait.data.FeatureRows(features, table).inputs(np.arange(3))
    rows |= {"text__present": np.zeros(3, bool)}
    answers = keras.ops.convert_to_numpy(model(rows)["long"])
    # The learnt absent token, whatever stands in the cell.
    assert (answers == answers[:1]).all()


def test_maps_are_asked_of_an_encoder_that_gives_them(features, table):
    @dataclass(frozen=True, kw_only=True)
    class Outline(Lengths):
        parts = "maps"

    task = Outline(of="text", column="long").beside(features, table).fit(table.column("size"))
    with pytest.raises(ConfigError, match="'text', whose encoder gives no feature maps"):
        connect(features, {"long": task}, Concat(8), HardSharing(), width=8)
