"""Saved models that are read in a process which has imported plait and nothing of it."""

import json
import subprocess
import sys

import keras
import numpy as np

import plait

_REGISTERED = """
import importlib, inspect
import keras, plait
from plait._stand_ins import StandIn

def ours():
    found = keras.saving.get_custom_objects()
    return {name: value for name, value in found.items() if name.startswith("plait>")}

before = ours()
for name in plait.__all__:
    getattr(plait, name)
for name, cls in ours().items():
    if not isinstance(cls, StandIn):
        there = before[name]
        assert getattr(importlib.import_module(there.module), there.name) is cls, name
    else:
        public = getattr(plait, cls.name)
        assert inspect.isabstract(public) or not hasattr(public, "get_config"), name
"""
_READ = """
import json, sys
import keras, numpy, plait
folder, layer = sys.argv[1:]
print(type(keras.layers.deserialize(json.loads(layer)).layer).__name__)
model = keras.saving.load_model(f"{folder}/model.keras")
print(type(model).__name__, type(model.balancing).__name__)
numpy.savez(f"{folder}/found.npz", **model.predict(numpy.ones((3, 2, 4)), verbose=0))
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def test_every_class_that_keras_writes_has_one():
    run(_REGISTERED)


def test_a_file_and_a_configuration_are_read_after_import_plait_alone(tmp_path):
    tokens = keras.Input((2, 4))
    trunk = keras.layers.Dense(3)(tokens)
    heads = {name: plait.LinearHead(2, name=name)(trunk) for name in "ab"}
    model = plait.MultiTaskModel(tokens, heads)
    model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    model.save(tmp_path / "model.keras")
    # For what is in a layer, `deserialize` looks into a copy of the registry.
    layer = keras.layers.TimeDistributed(plait.LinearHead(2))
    said = run(_READ, tmp_path, json.dumps(keras.saving.serialize_keras_object(layer)))
    assert said[0] == "LinearHead"
    assert said[-1] == "MultiTaskModel PCGrad"
    expected = model.predict(np.ones((3, 2, 4)), verbose=0)
    with np.load(tmp_path / "found.npz") as found:
        for name in "ab":
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
