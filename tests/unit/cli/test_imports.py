import subprocess
import sys
from importlib.util import find_spec

import keras
import pytest

from plait.cli._imports import lean_imports

_NONE = """
import sys
from plait.cli._imports import lean_imports
with lean_imports():
    import keras
keras.utils.set_random_seed(0)
layer = keras.layers.Dense(2)
layer.build((None, 3))
config = keras.saving.serialize_keras_object(layer)
assert keras.saving.deserialize_keras_object(config).units == 2
assert "tensorflow" not in sys.modules
"""

_LOADED = """
import tensorflow
assert keras.saving.serialize_keras_object(tensorflow.TensorShape([2])) == [2]
"""


@pytest.mark.backends
@pytest.mark.skipif(
    find_spec("tensorflow") is None or keras.backend.backend() == "tensorflow",
    reason="TensorFlow has to be there and not be the backend",
)
@pytest.mark.parametrize("then", ["", _LOADED])
def test_tensorflow_is_not_loaded_to_ask_what_is_one_of_its_objects(then):
    subprocess.run([sys.executable, "-c", _NONE + then], check=True, timeout=120)


def test_another_keras_is_left_as_it_is(monkeypatch):
    module = sys.modules["keras.src.saving.serialization_lib"]
    monkeypatch.delattr(module, "tf")
    with lean_imports():
        pass
    assert not hasattr(module, "tf")


def test_a_second_command_in_a_process_changes_nothing(monkeypatch):
    module = sys.modules["keras.src.saving.serialization_lib"]
    monkeypatch.setattr(module, "tf", module.tf)
    seen = []
    for _ in range(2):
        with lean_imports():
            pass
        seen.append(module.tf)
    assert seen[0] is seen[1]
