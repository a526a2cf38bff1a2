"""The nets in Keras, and their compiled steps."""

import time
from typing import Any

import jax
import keras
import numpy as np
from methods import Method
from sizes import BATCH, CLASSES, Conv, Dense, Net

import plait


class Compiled:
    """A model's training step as XLA compiles it, with its state and data, as `fit` runs it.

    Where only some steps look at the gradients it is two programs, taken in turns.

    Attributes:
        compile_s: seconds from the Python of the step to the executables.
        memory_mb: what a step holds at most: arguments (data, weights, optimizer, metrics), results
            that are not written in the arguments' place, and XLA's temporaries.
        flops: of a step in the mean, as XLA counts them; of a loop it counts one round.
    """

    def __init__(self, model: keras.Model, data: tuple) -> None:
        model._symbolic_build(data_batch=data)
        # A copy: the step writes its results in the place of its arguments.
        self._state = jax.tree.map(jax.numpy.copy, model._get_jax_state(True, True, True, True))
        self._data = jax.device_put(data)
        self._turns = getattr(model, "turns", None)
        started = time.perf_counter()
        self._programs = [self._compile(model, looks) for looks in self._looks()]
        self.compile_s = time.perf_counter() - started
        self.memory_mb = max(_held(program) for program in self._programs) / 1e6
        flops = [program.cost_analysis()["flops"] for program in self._programs]
        self.flops = flops[0] if len(flops) == 1 else self._mean(*flops)

    def run(self, steps: int) -> None:
        """Runs so many and waits for them."""
        for _ in range(steps):
            if self._turns is None:
                _, self._state = self._programs[0](self._state, self._data)
                continue
            with self._turns.next() as looks:
                _, self._state = self._programs[not looks](self._state, self._data)
        jax.block_until_ready(self._state)

    def _looks(self) -> list[bool]:
        return [True] if self._turns is None else [True, False]

    def _compile(self, model: keras.Model, looks: bool) -> Any:
        def step(state: Any, data: Any) -> Any:
            if self._turns is None:
                return model.train_step(state, data)
            with self._turns.as_if(looks):
                return model.train_step(state, data)

        return jax.jit(step, donate_argnums=0).lower(self._state, self._data).compile()

    def _mean(self, looking: float, other: float) -> float:
        share = 1 / self._turns.every
        return share * looking + (1 - share) * other


def _held(program: Any) -> int:
    memory = program.memory_analysis()
    held = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    return held + memory.output_size_in_bytes - memory.alias_size_in_bytes


class Trained:
    """A net whose step is compiled anew for each method; its weights stay what they are."""

    def __init__(self, net: Net) -> None:
        keras.utils.set_random_seed(0)
        inputs, outputs = _graph(net)
        self.tasks = list(outputs)
        self._model = plait.MultiTaskModel(inputs, outputs)
        self._keras = keras.Model(inputs, outputs)
        draw = np.random.default_rng(0)
        x = draw.normal(size=(BATCH, *net.shape)).astype("float32")
        self._data = x, {task: draw.integers(0, CLASSES, BATCH) for task in outputs}, None
        self._plain: dict[bool, Compiled] = {}

    def plain(self, metrics: bool = False) -> Compiled:
        """The plain summed step."""
        if metrics not in self._plain:
            measured = (
                {"weighted_metrics": {t: ["accuracy"] for t in self.tasks}} if metrics else {}
            )
            self._plain[metrics] = self._step(self._model, balancing=None, **measured)
        return self._plain[metrics]

    def plain_keras(self) -> Compiled:
        """The same without plait."""
        return self._step(self._keras)

    def balanced(self, method: Method) -> Compiled:
        return self._step(self._model, balancing=method.make(), **method.compiled)

    def _step(self, model: keras.Model, **compiled: Any) -> Compiled:
        losses = {
            task: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            for task in self.tasks
        }
        model.compile("adam", loss=losses, **compiled)
        return Compiled(model, self._data)


def _graph(net: Net) -> tuple[Any, dict[str, Any]]:
    x = z = keras.Input(net.shape)
    *below, last = net.trunk
    for layer in below:
        z = _layer(layer)(z)
    if isinstance(last, Dense) and isinstance(below[-1], Conv):
        z = keras.layers.Flatten()(z)
    ends = [_layer(last)(z) for _ in range(net.experts)]
    mixed = keras.ops.stack(ends, axis=1) if net.gate else None
    tasks = [f"t{n}" for n in range(net.tasks)]
    return x, {
        task: _head(net, task, ends[0] if mixed is None else _gated(net, z, mixed))
        for task in tasks
    }


def _layer(layer: Dense | Conv) -> keras.layers.Layer:
    if isinstance(layer, Dense):
        return keras.layers.Dense(layer.outputs, activation="relu")
    return keras.layers.Conv2D(layer.outputs, 3, strides=2, padding="same", activation="relu")


def _gated(net: Net, z: Any, experts: Any) -> Any:
    """One task's mixture of the experts `(batch, experts, width)`, by a gate that reads z too."""
    gate = keras.layers.Dense(net.experts, activation="softmax")(z)
    return keras.ops.squeeze(keras.ops.matmul(gate[:, None, :], experts), axis=1)


def _head(net: Net, task: str, z: Any) -> Any:
    hidden, last = net.head
    z = keras.layers.Dense(hidden.outputs, activation="relu")(z)
    return keras.layers.Dense(last.outputs, name=task)(z)
