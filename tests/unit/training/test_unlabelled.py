"""Rows without any label, for the objectives to learn from."""

import numpy as np
import pytest

from plait.errors import ConfigError
from plait.features import Number
from plait.learner import Learner
from plait.objectives import Reconstruct
from plait.table import Table
from plait.tasks import Binary, Regression
from plait.training import Training

ROWS = 40
UNLABELLED = [n for n in range(ROWS) if n % 4 == 0]


def columns(**changed):
    rng = np.random.default_rng(0)
    age, size = rng.normal(size=ROWS), rng.normal(size=ROWS)
    known = [n not in UNLABELLED for n in range(ROWS)]
    found = {
        "age": age.tolist(),
        "size": (age + size / 5).tolist(),
        "sold": [int(a > 0) if k else None for a, k in zip(age, known, strict=True)],
        "price": [float(a) if k else None for a, k in zip(age, known, strict=True)],
    }
    return {**found, **changed}


def learner(unlabelled=0.25, objectives=True):
    return Learner(
        {"age": Number(), "size": Number()},
        {"sold": Binary(), "price": Regression()},
        objectives={"fill": Reconstruct("age")} if objectives else None,
        training=Training(epochs=2, batch_size=8, unlabelled=unlabelled),
        width=4,
        seed=3,
    )


def ready(given, table=None):
    parts = {"train": Table.read(columns() if table is None else table)}
    return given._prepared(parts)


def test_each_batch_has_its_share_of_them():
    prepared = ready(learner())
    batches = prepared.batches
    # 30 rows with labels, six of them a batch beside two others.
    assert batches.steps == 5
    numbers = {n + 1 for n in UNLABELLED}
    met = []
    for epoch in (1, 2):
        for step in range(5):
            rows = batches.numbers(epoch, step)
            x, _, weights = batches.batch(epoch, step)
            here = np.array([row in numbers for row in rows])
            assert here.sum() == 2
            assert len(rows) == 8
            np.testing.assert_array_equal(weights["sold"], ~here)
            np.testing.assert_array_equal(weights["price"], ~here)
            np.testing.assert_array_equal(weights["fill"], np.ones(8))
            assert x["age__present"].all()
            met += rows[here].tolist()
    assert sorted(met) == sorted([*numbers] * 2)
    # All labelled ones come once an epoch.
    order = np.concatenate([batches.numbers(1, step) for step in range(5)])
    assert sorted(set(order) - numbers) == sorted(set(range(1, ROWS + 1)) - numbers)


def test_epochs_are_as_many_as_their_length_asks_for():
    """30 labelled rows, of which two fill a batch of eight: 15 steps, where all eight would be four."""
    for share, steps in ((0.75, 15), (None, 4)):
        given = learner(share)
        given.training = Training(batch_size=8, unlabelled=share)
        found = ready(given)
        assert found.batches.steps == steps
        alone = Training(batch_size=8).settled(steps * 8)
        assert found.settings.epochs == alone.epochs


def test_a_row_that_comes_again_in_an_epoch_has_another_key():
    given = learner(unlabelled=0.75)
    batches = ready(given).batches
    keys = [tuple(k) for s in range(batches.steps) for k in batches.batch(1, s)[0]["row_key"]]
    real = [k for k in keys if k != (0, 0)]
    assert len(set(real)) == len(real)


def weights_after(given, table):
    given.fit({"train": table, "validation": columns()}, run=False, verbose=False)
    return {v.path: np.asarray(v.numpy()).tobytes() for v in given.model.weights}


def test_they_teach_the_objective_and_only_where_they_are_asked_for():
    # Two rows change places: what the features learn of the column stays as it was, and so do its
    # sums, bit for bit, since NumPy adds these two first.
    age = columns()["age"]
    age[0], age[8] = age[8], age[0]
    for share, differs in ((0.25, True), (None, False)):
        plain = weights_after(learner(share), columns())
        other = weights_after(learner(share), columns(age=age))
        assert (plain != other) is differs


def test_a_table_with_all_its_labels_has_none():
    table = columns(sold=[n % 2 for n in range(ROWS)])
    with pytest.warns(UserWarning, match="every training row has a label of some task"):
        assert ready(learner(), table).beside is None
    assert ready(learner(None)).beside is None


def test_without_an_objective_they_are_refused():
    with pytest.raises(ConfigError, match="unlabelled rows teach objectives, and there is none"):
        learner(objectives=False)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_is_between_none_and_all(share):
    with pytest.raises(ConfigError, match="unlabelled"):
        Training(unlabelled=share)
