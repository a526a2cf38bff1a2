"""An objective that reads the shared representation, behind every sharing."""

from dataclasses import replace

import numpy as np
import pytest

from plait import sharing
from plait._names import published
from plait.model import MultiTaskModel
from plait.objectives import Reconstruct
from plait.sharing import Sharing
from plait.table import Table
from tests.unit.objectives.rows import columns, declared

EVERY = {name: cls for name, cls in published(sharing).items() if issubclass(cls, Sharing)}


@pytest.mark.parametrize("name", EVERY)
def test_a_feature_is_told_from_what_is_shared(name):
    declaration = replace(declared(Reconstruct("age")), sharing=EVERY[name]()).settled()
    model = MultiTaskModel(*declaration.connect(seed=5))
    x = declaration.rows(Table.read(columns())).inputs(np.arange(4), 4)
    answers = model.predict_on_batch(x)
    assert np.isfinite(answers["signal"]).all()
    moved = [key for key in x if key.startswith("size") and x[key].dtype == "float32"]
    other = model.predict_on_batch({**x, **{key: x[key] + 1 for key in moved}})
    assert np.abs(answers["signal"] - other["signal"]).max() > 0
