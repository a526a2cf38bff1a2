"""`Training(mixup=...)`: what it trains, and what it is refused for."""

import numpy as np
import pytest

from plait.errors import ConfigError
from plait.features import Category, Image, Number, Text, Vector
from plait.learner import Learner
from plait.objectives import Reconstruct
from plait.table import Table
from plait.tasks import Binary, Matching, Multiclass, Regression, Segmentation
from plait.training import Training

ROWS = 48


def picture(values):
    height, width = values.shape
    return f"P5 {width} {height} 255 ".encode() + values.tobytes()


def table():
    draw = np.random.default_rng(0)
    bright = draw.integers(0, 2, (ROWS, 16, 16)).astype("uint8")
    size = draw.normal(size=ROWS)
    return Table.read(
        {
            "photo": [None if n % 7 == 0 else picture(255 * b) for n, b in enumerate(bright)],
            "mask": [None if n % 7 == 0 else picture(b) for n, b in enumerate(bright)],
            "size": size.tolist(),
            "spectrum": draw.normal(size=(ROWS, 3)).tolist(),
            "price": [None if n % 3 == 0 else float(s) for n, s in enumerate(size)],
            "kind": [None if n % 4 == 0 else "xyz"[n % 3] for n in range(ROWS)],
            "sold": (size > 0).astype(int).tolist(),
        }
    )


def learner(mixup):
    return Learner(
        {
            "photo": Image(flip="horizontal", rand_augment=1),
            "size": Number(),
            "spectrum": Vector(),
        },
        {
            "mask": Segmentation(of="photo"),
            "price": Regression(),
            "kind": Multiclass(),
            "sold": Binary(),
        },
        training=Training(epochs=2, batch_size=16, mixup=mixup),
        width=8,
        seed=1,
    )


@pytest.mark.long
def test_a_table_with_gaps_trains_the_same_each_time_and_otherwise_than_without():
    found = []
    for mixup in (0.4, 0.4, None):
        one = learner(mixup)
        one.fit(table(), validation=table())
        found.append([float(np.abs(w.numpy()).sum()) for w in one.model.trainable_weights])
    assert np.isfinite(found).all()
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize(
    ("features", "tasks", "objectives", "says"),
    [
        ({"a": Number(), "b": Text()}, {"y": Binary()}, {}, "between two of 'b', a Text, there is"),
        ({"a": Category()}, {"y": Binary()}, {}, "between two of 'a', a Category, there is none"),
        (
            {"a": Number(), "b": Vector()},
            {"m": Matching("a", "b")},
            {},
            "the task 'm' is to tell them apart",
        ),
        (
            {"a": Number(), "b": Number()},
            {"y": Binary()},
            {"fill": Reconstruct("a")},
            "Reconstruct, the objective 'fill', is of rows as they are",
        ),
    ],
)
def test_what_has_no_mixture_is_refused_when_it_is_declared(features, tasks, objectives, says):
    Learner(features, tasks, objectives=objectives)
    with pytest.raises(ConfigError, match=f"Training: mixup mixes .*{says}"):
        Learner(features, tasks, objectives=objectives, training=Training(mixup=0.2))


def test_what_is_no_parameter_is_refused():
    for wrong in (0, -1, "0.2"):
        with pytest.raises(ConfigError, match="mixup"):
            Training(mixup=wrong)
