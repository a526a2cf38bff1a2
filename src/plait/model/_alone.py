"""How a model answers from one feature alone: the same network, with the others absent.

A feature is a pair of inputs, `<feature>` and `<feature>__present`; the second is a bool a row, and
what the network makes of it is its own. Of the network only that runs anew which the flags of the
others reach. An operation with `hides_absent = True` promises more: where a row lacks the feature,
what it is given of it changes nothing. Then the encoders before it need not run anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from plait import backend
from plait.errors import BalancingError
from plait.model._frontier import calls_behind, run, trainable
from plait.model._losses import spread
from plait.model._mixed import each_pair
from plait.model._network import Network, State, TaskLosses, entries, values_of

_PRESENT = "__present"


@dataclass(frozen=True)
class Features:
    """The features of a functional model.

    Attributes:
        names: in the order of the model's inputs.
        present: the input that says which rows have a feature.
        calls: the whole network, in order of execution.
        anew: for each feature, the calls that run anew when the others are absent.
        encoders: for each feature, the trainable variables that its inputs alone reach; there may be
            none, as where features share their encoder.
        reads: `(tasks, features)`, 1 where a task reads a feature and others, else 0.
    """

    names: tuple[str, ...]
    present: dict[str, Any]
    calls: tuple[Any, ...]
    anew: dict[str, tuple[Any, ...]]
    encoders: dict[str, list[keras.Variable]]
    reads: np.ndarray


@dataclass(frozen=True)
class Alone:
    """What the features gave alone.

    Attributes:
        losses: `(tasks, features)`, each times its loss weight; 0 without labels.
        totals: `(tasks, features)`, the sum of the weights of the labelled rows that have the feature.
        plain: `(tasks, features)`, the losses without their loss weights.
        scores: `(tasks, features)`, the mean probability of the right class, or None.
    """

    losses: Any
    totals: Any
    plain: Any
    scores: Any


def find_features(
    inputs: Sequence[Any], outputs: Mapping[str, Any], tasks: Sequence[str], name: str
) -> Features:
    """The features of the graph from `inputs` to `outputs`.

    Args:
        inputs: the model's input tensors.
        outputs: each output's tensor.
        tasks: the names of the outputs that have a loss.
        name: of the balancer that asks, for the message.

    Raises:
        BalancingError: there are not two.
    """
    by_name = {tensor.name: tensor for tensor in inputs}
    names = tuple(n for n in by_name if f"{n}{_PRESENT}" in by_name)
    if len(names) < 2:
        raise BalancingError(
            f"{name} weighs features against each other and needs two: pairs of inputs named "
            f"'<feature>' and '<feature>{_PRESENT}', where the second is a bool a row that the "
            f"network reads. Found: {', '.join(names) or 'none'}."
        )
    present = {n: by_name[f"{n}{_PRESENT}"] for n in names}
    calls = calls_behind([outputs[task] for task in outputs])
    encoders = _encoders(calls, _owners(inputs, names))
    for n, flag in present.items():
        reached = _reached(calls, {id(flag)})
        if not any(id(tensor) in reached for tensor in outputs.values()):
            raise BalancingError(
                f"{name}: no output depends on '{n}{_PRESENT}', so the model cannot answer without "
                f"'{n}'."
            )
    wanted = {id(outputs[task]) for task in tasks}
    anew = {
        n: _anew(calls, wanted, {id(flag) for other, flag in present.items() if other != n})
        for n in names
    }
    reads = np.zeros((len(tasks), len(names)), "float32")
    for place, n in enumerate(names):
        reached = _reached(calls, {id(by_name[n])})
        reads[:, place] = [id(outputs[task]) in reached for task in tasks]
    # From its only feature alone a task's loss is what it is anyway.
    reads *= reads.sum(axis=1, keepdims=True) > 1
    return Features(names, present, tuple(calls), anew, encoders, reads)


def answers_alone(
    network: Network,
    features: Features,
    seen: dict[int, Any],
    labels: Any,
    state: State,
    *,
    training: bool,
    scored: bool = False,
) -> Alone:
    """Runs the network once more for each feature, with the others absent; changes no variable.

    Args:
        network: the model.
        features: of this model.
        seen: the values of all tensors in the run with all features.
        labels: of the same rows.
        state: the values of all variables where that run began, so that dropout is the same.
        training: whether layers run in training mode.
        scored: whether the probability of the right class is wanted.
    """
    ops = keras.ops
    losses, scores = [], []
    for name in features.names:
        others = [n for n in features.names if n != name]
        held = [v for other in others for v in features.encoders[other]]
        fixed = [ops.stop_gradient(value) for value in values_of(held, state)]
        inner = state | entries(held, fixed)
        absent = {
            id(features.present[n]): ops.zeros_like(seen[id(features.present[n])]) for n in others
        }
        values = seen | absent
        given = _of_rows(labels, seen[id(features.present[name])])
        with keras.StatelessScope(inner.values()):
            run(features.anew[name], values, training=training)
            predictions = {n: values[id(tensor)] for n, tensor in network.outputs.items()}
            losses.append(network.losses(predictions, given))
            if scored:
                scores.append(network.scores(predictions, given))
    reads = ops.convert_to_tensor(features.reads)
    return Alone(
        ops.stack([of.values for of in losses], axis=1) * reads,
        ops.stack([of.totals for of in losses], axis=1) * reads,
        ops.stack([of.plain for of in losses], axis=1) * reads,
        ops.stack(scores, axis=1) * reads if scored else None,
    )


def losses_by_feature(network: Network, x: Any, labels: Any) -> tuple[TaskLosses, Alone]:
    """The losses of an evaluation of the model as it is, from all features and from each alone."""
    features = network.features
    if features is None:
        raise RuntimeError("No balancer asked for what features answer alone.")
    state = entries(
        [*network.trainable, *network.others],
        [v.value for v in (*network.trainable, *network.others)],
    )
    seen = {id(t): v for t, v in zip(network.inputs, network.flatten(x), strict=True)}
    with backend.no_gradient(), keras.StatelessScope(state.values()):
        run(features.calls, seen, training=False)
        predictions = {n: seen[id(tensor)] for n, tensor in network.outputs.items()}
        losses = network.losses(predictions, labels)
    with backend.no_gradient():
        return losses, answers_alone(network, features, seen, labels, state, training=False)


def _of_rows(labels: Any, present: Any) -> dict[str, tuple[Any, Any]]:
    """The labels, with weight 0 for the rows that do not have a feature."""
    there = keras.ops.reshape(keras.ops.cast(present, "float32"), (-1,))

    def seen(labels: tuple[Any, Any]) -> tuple[Any, Any]:
        targets, weights = labels
        if weights is None:
            return targets, there
        weights = keras.ops.cast(weights, "float32")
        return targets, weights * spread(there, len(weights.shape))

    return {name: each_pair(seen, given) for name, given in labels.items()}


def _owners(inputs: Sequence[Any], names: Sequence[str]) -> dict[int, frozenset[str | None]]:
    """The feature that each input tensor is of: `f` itself and any `f__...`; None for the others."""

    def owner(tensor: Any) -> str | None:
        mine = [n for n in names if tensor.name == n or tensor.name.startswith(f"{n}__")]
        return max(mine, key=len) if mine else None

    return {id(tensor): frozenset([owner(tensor)]) for tensor in inputs}


def _encoders(
    calls: Sequence[Any], owners: dict[int, frozenset[str | None]]
) -> dict[str, list[keras.Variable]]:
    """The variables of the calls that one feature's inputs alone reach, and that no other call has.

    Those of operations that stand in for an absent feature are of no encoder: what the others
    answer alone depends on them.
    """
    found: dict[int, set[str | None]] = {}
    variables: dict[int, keras.Variable] = {}
    for call in calls:
        of = frozenset().union(*(owners[id(x)] for x in call.input_tensors))
        owners |= {id(x): of for x in call.outputs}
        name = next(iter(of)) if len(of) == 1 and not _hides(call) else None
        for variable in trainable([call]):
            variables[id(variable)] = variable
            found.setdefault(id(variable), set()).add(name)
    names = {n for of in owners.values() for n in of if n is not None}
    return {
        n: [variable for key, variable in variables.items() if found[key] == {n}] for n in names
    }


def _anew(calls: Sequence[Any], wanted: set[int], absent: set[int]) -> tuple[Any, ...]:
    """The calls behind `wanted` tensors whose values depend on the flags in `absent`."""
    reached = _reached(calls, absent)
    wanted, chosen = set(wanted), []
    for call in reversed(calls):
        mine = {id(x) for x in call.outputs}
        if not mine & wanted & reached:
            continue
        chosen.append(call)
        given = {id(x) for x in call.input_tensors}
        if not (_hides(call) and given & absent):
            wanted |= given
    return tuple(reversed(chosen))


def _reached(calls: Sequence[Any], start: set[int]) -> set[int]:
    """The ids of the tensors that depend on those in `start`."""
    reached = set(start)
    for call in calls:
        if any(id(x) in reached for x in call.input_tensors):
            reached |= {id(x) for x in call.outputs}
    return reached


def _hides(call: Any) -> bool:
    return bool(getattr(call.operation, "hides_absent", False))
