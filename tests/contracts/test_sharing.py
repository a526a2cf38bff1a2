"""What every sharing promises, run over every public one."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from plait import sharing
from plait._names import from_plain, to_plain
from plait.errors import ConfigError
from plait.sharing import Sharing, TaskSharing

TASKS = ("a", "b", "c")
CASES = {
    "Adapters": sharing.Adapters,
    "CGC": sharing.CGC,
    "CrossStitch": sharing.CrossStitch,
    "DSelectK": sharing.DSelectK,
    "HardSharing": sharing.HardSharing,
    "LoRA": sharing.LoRA,
    "MMoE": sharing.MMoE,
    "MTAN": sharing.MTAN,
    "PLE": sharing.PLE,
    "Sluice": sharing.Sluice,
    "SoftSharing": sharing.SoftSharing,
    "TaskGroups": sharing.TaskGroups,
    "TaskRouting": sharing.TaskRouting,
}
# Those that take layers of the user's own, and the argument that does.
PATTERNS = {
    "CGC": "expert",
    "CrossStitch": "stages",
    "DSelectK": "expert",
    "LoRA": "stages",
    "MMoE": "expert",
    "MTAN": "stages",
    "PLE": "expert",
    "Sluice": "stages",
    "SoftSharing": "stages",
    "TaskRouting": "stages",
}
every_sharing = pytest.mark.parametrize("name", CASES)
# On torch and TensorFlow those that differ most are trained each time, the others by `make test-all`.
ON_BACKENDS = ("HardSharing", "PLE", "DSelectK", "CrossStitch", "MTAN", "LoRA", "SoftSharing")
every_sharing_on_backends = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.backends if n in ON_BACKENDS else ()) for n in CASES],
)
WIDTH = 6


def made(name, **arguments):
    layer = CASES[name](**arguments)
    layer = layer.for_tasks(TASKS)
    assert isinstance(layer, Sharing)
    return layer


def with_layers(name, **arguments):
    layers = arguments.pop("layers", None)
    layers = layers or [keras.layers.Dense(WIDTH, activation="tanh") for _ in range(2)]
    return made(name, **{PATTERNS[name]: layers}, **arguments)


def test_cases_are_all_public_sharings():
    assert set(CASES) == {
        name for name in sharing.__all__ if not inspect.isabstract(getattr(sharing, name))
    }


def test_all_that_take_layers_are_tried_with_some():
    takes = {
        name
        for name, cls in CASES.items()
        if {"expert", "stages"} & set(inspect.signature(cls).parameters)
    }
    assert takes == set(PATTERNS)


def tokens_of(batch=5, count=2):
    return np.random.default_rng(0).normal(size=(batch, count, WIDTH)).astype("float32")


def task_tokens(layer, tokens, mask, tasks=TASKS, training=False):
    """Each task's tokens."""
    shared = layer(tokens, mask, training=training)
    found = {}
    for task in tasks:
        part, branch = layer.part(shared, task), layer.branch(task)
        found[task] = part if branch is None else branch(part, tokens, mask)
    return found


def array(tensor):
    return ops.convert_to_numpy(tensor)


@every_sharing
def test_gives_each_task_tokens(name):
    given = task_tokens(made(name), tokens_of(), np.ones((5, 2), bool))
    for tokens in given.values():
        assert tuple(tokens.shape)[:2] == (5, 2)
        assert np.isfinite(array(tokens)).all()


@every_sharing
def test_what_belongs_to_no_task_is_one_tensor_of_tokens(name):
    layer, tokens, mask = made(name), tokens_of(), np.ones((5, 2), bool)
    shared = layer(tokens, mask)
    common = array(layer.common(shared))
    assert common.shape == (*tokens.shape[:2], task_tokens(layer, tokens, mask)["a"].shape[-1])
    assert np.abs(common[0] - common[1]).max() > 1e-4
    if isinstance(shared, list) and name not in ("DSelectK", "PLE"):
        np.testing.assert_allclose(common, np.mean([array(x) for x in shared], axis=0), atol=1e-6)


@every_sharing
def test_rows_do_not_see_each_other(name):
    tokens, mask = tokens_of(), np.ones((5, 2), bool)
    layer = made(name)
    branch = layer.branch("a")

    def answer(rows):
        part = layer.part(layer(tokens[rows], mask[rows]), "a")
        return array(part if branch is None else branch(part, tokens[rows], mask[rows]))

    np.testing.assert_allclose(answer(slice(1)), answer(slice(5))[:1], atol=1e-5)


@pytest.mark.backends
@every_sharing
@pytest.mark.parametrize("padding", [7.0, np.nan])
def test_what_stands_in_a_padded_token_changes_nothing(name, padding):
    mask = np.array([[1, 0]] * 5, bool)
    if name in PATTERNS:
        # Layers through which a token would see the one beside it.
        some = [keras.layers.Conv1D(WIDTH, 3, padding="same") for _ in range(2)]
        layer = with_layers(name, layers=some)
    else:
        layer = made(name)
    branch, found = layer.branch("a"), []
    for filled in (0.0, padding):
        tokens = tokens_of()
        tokens[:, 1] = filled
        part = layer.part(layer(tokens, mask), "a")
        found.append(array(part if branch is None else branch(part, tokens, mask))[:, 0])
    np.testing.assert_array_equal(*found)


@every_sharing
def test_a_frozen_one_passes_in_training(name):
    layer = made(name)
    layer.trainable = False
    for tokens in task_tokens(layer, tokens_of(), np.ones((5, 2), bool), training=True).values():
        assert np.isfinite(array(tokens)).all()


@every_sharing
def test_for_no_task_it_stays_as_it_is(name):
    layer = CASES[name]()
    assert layer.for_tasks(()) is layer


def model_of(layer):
    tokens, mask = keras.Input((2, WIDTH)), keras.Input((2,), dtype="bool")
    given = task_tokens(layer, tokens, mask, training=None)
    outputs = {task: keras.layers.Dense(1, name=task)(x) for task, x in given.items()}
    return keras.Model([tokens, mask], outputs)


def assert_same_answers(model, again, rows):
    # Operation by operation: all sharings are made of the same ones, compiled for the first.
    given, wanted = again(rows, training=False), model(rows, training=False)
    for task in TASKS:
        np.testing.assert_allclose(array(given[task]), array(wanted[task]), atol=1e-6)


@every_sharing_on_backends
def test_steps_move_every_variable_and_it_is_saved(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = model_of(made(name))
    model.compile(keras.optimizers.SGD(0.1), loss=dict.fromkeys(TASKS, "mse"))
    before = model.get_weights()
    rows = [tokens_of(), np.ones((5, 2), bool)]
    draw = np.random.default_rng(1)
    labels = {task: draw.normal(size=(5, 2, 1)).astype("float32") for task in TASKS}
    # In the first, half of LoRA's weights are multiplied by others that are 0.
    model.fit(rows, labels, batch_size=5, epochs=2, verbose=0)
    for variable, old in zip(model.weights, before, strict=True):
        if variable.trainable:
            assert np.abs(array(variable) - old).max() > 0, variable.path
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert_same_answers(model, again, rows)


@pytest.mark.parametrize("name", PATTERNS)
def test_layers_of_the_users_own_find_their_sizes_and_are_saved(name, tmp_path):
    model = model_of(with_layers(name))
    rows = [tokens_of(), np.ones((5, 2), bool)]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert_same_answers(model, again, rows)


@every_sharing
def test_constructor_arguments_are_the_configuration(name):
    layer = made(name)
    config = layer.get_config()
    assert set(inspect.signature(CASES[name]).parameters) - {"kwargs"} <= set(config)
    assert CASES[name].from_config(config).get_config() == config


@every_sharing
def test_it_is_written_as_plain_data_and_read_again(name):
    layer = made(name)
    again = from_plain(to_plain(layer), sharing)
    assert type(again) is type(layer)
    assert {**again.get_config(), "name": ""} == {**layer.get_config(), "name": ""}


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if issubclass(c, TaskSharing)])
def test_tasks_are_named_once_and_stay(name):
    layer = CASES[name]()
    with pytest.raises(ConfigError, match="which tasks"):
        layer(tokens_of(), np.ones((5, 2), bool))
    layer = layer.for_tasks(TASKS)
    assert layer.tasks == TASKS
    assert layer.for_tasks(("c", "a")) is layer
    with pytest.raises(ConfigError, match="'d' is none of the tasks"):
        layer.for_tasks(("a", "d"))
    with pytest.raises(ConfigError, match="each once"):
        CASES[name](tasks=["a", "a"])
