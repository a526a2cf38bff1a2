"""What every sharing promises, run over every public one."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from plait import sharing

CASES = {"HardSharing": sharing.HardSharing}
every_sharing = pytest.mark.parametrize("cls", CASES.values(), ids=CASES)
WIDTH = 6


def test_cases_are_all_public_sharings():
    assert set(CASES) == {
        name for name in sharing.__all__ if not inspect.isabstract(getattr(sharing, name))
    }


def tokens_of(batch=5, count=2):
    return np.random.default_rng(0).normal(size=(batch, count, WIDTH)).astype("float32")


def task_tokens(layer, tokens, mask, task="a"):
    shared = layer(tokens, mask, training=False)
    branch = layer.branch(task)
    return shared if branch is None else branch(shared, tokens, mask)


@every_sharing
def test_gives_each_task_tokens(cls):
    tokens = tokens_of()
    given = task_tokens(cls(), tokens, np.ones((5, 2), bool))
    assert tuple(given.shape)[:2] == (5, 2)
    assert np.isfinite(ops.convert_to_numpy(given)).all()


@every_sharing
def test_rows_do_not_see_each_other(cls):
    tokens, mask = tokens_of(), np.ones((5, 2), bool)
    layer = cls()
    whole = ops.convert_to_numpy(task_tokens(layer, tokens, mask))
    alone = ops.convert_to_numpy(task_tokens(layer, tokens[:1], mask[:1]))
    np.testing.assert_allclose(alone, whole[:1], atol=1e-5)


@pytest.mark.backends
@every_sharing
def test_one_step_moves_every_variable_and_it_is_saved(cls, tmp_path):
    keras.utils.set_random_seed(0)
    tokens, mask = keras.Input((2, WIDTH)), keras.Input((2,), dtype="bool")
    layer = cls()
    model = keras.Model([tokens, mask], task_tokens(layer, tokens, mask))
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = model.get_weights()
    rows = [tokens_of(), np.ones((5, 2), bool)]
    model.fit(rows, np.arange(60.0, dtype="float32").reshape(5, 2, 6), batch_size=5, verbose=0)
    for variable, old in zip(model.weights, before, strict=True):
        if variable.trainable:
            assert np.abs(ops.convert_to_numpy(variable) - old).max() > 0, variable.path
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict_on_batch(rows), model.predict_on_batch(rows), atol=1e-6
    )


@every_sharing
def test_constructor_arguments_are_the_configuration(cls):
    layer = cls()
    config = layer.get_config()
    assert set(inspect.signature(cls).parameters) - {"kwargs"} <= set(config)
    assert cls.from_config(config).get_config() == config
