"""From declared features and tasks to one functional Keras graph."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Literal

import keras

from plait._copies import copy_of
from plait.features import Feature
from plait.fusion import Fusion
from plait.inference._check_names import check_names
from plait.inference._fresh_state import in_fresh_state
from plait.inference._initial_values import make_variables
from plait.inference._objective_graph import ObjectiveGraph
from plait.inference._parts import FUSION, TRUNK, part_of
from plait.inference._relations import in_order, leaving, sharing_tasks
from plait.inference._stages import OwnNames, Stages
from plait.inference._strands import LayerNames, Tensors, inputs_of, strands_of
from plait.objectives import Objective
from plait.sharing import Sharing
from plait.tasks import Task

Precision = Literal["float32", "bfloat16", "float16"]
"""What layers compute in; weights, logits and losses are float32 all the same."""


def connect(
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
    fusion: Fusion,
    sharing: Sharing,
    width: int = 128,
    precision: Precision | None = None,
    *,
    seed: int = 0,
    objectives: Mapping[str, Objective] | None = None,
) -> tuple[Tensors, Tensors]:
    """Joins fitted features and tasks into the inputs and outputs of a Keras model.

    For each feature: blank what is absent, scale, encode, put the learnt token in the place of what
    is absent. For each set of features that some task reads: the one fusion and the one shared
    part, called with the other features absent. For each task: its branch and its head,
    which is given what the tasks that it comes after have answered. For each objective: what it reads
    of these, and its loss.

    The layers given are declarations: the graph is made of fresh copies, so that the same
    declaration can be connected again (one model for each fold, say).

    Args:
        features: fitted features by name, in the order in which fusion sees them.
        tasks: fitted tasks by name.
        fusion: joins the features' tokens.
        sharing: what the tasks share after fusion.
        width: the size of the tokens of an encoder that was not named.
        precision: of every layer; as Keras' own settings have it if None.
        seed: decides the initial weights, alone: the caller's random state is left as it is.
        objectives: fitted objectives by name, each of which is one more output.

    Returns:
        Inputs `{"f", "f__present" and, where rows have lengths, "f__length": KerasTensor}` and
        outputs `{task: KerasTensor}` of logits, and those of the objectives.

    Raises:
        ConfigError: no features or tasks, a column that is feature and target, a task that reads an
            unknown feature, a name that no Keras layer can have, a name used twice.
    """
    check_names(features, tasks, objectives=objectives)

    declared = partial(graph, features, tasks, fusion, sharing, width, precision, objectives)
    try:
        made = in_fresh_state(lambda: _drawn_on_host(declared), seed)
    except ValueError:  # a variable of an array, which Keras refuses there; or a mistake
        made = None  # Keras' own way has the last word, and says what is wrong.
    return made or in_fresh_state(declared, seed)


def _drawn_on_host(
    declared: Callable[[], tuple[Tensors, Tensors]],
) -> tuple[Tensors, Tensors] | None:
    """The graph with weights that NumPy has drawn.

    None where a layer, such as one that brings weights of its own, assigned to a variable while it was
    built: it may have read others, too, which would have other values later.
    """
    with keras.StatelessScope(initialize_variables=False) as scope:
        inputs, outputs = declared()
        variables = keras.Model(inputs, outputs).variables
    if any(scope.get_current_value(variable) is not None for variable in variables):
        return None
    make_variables(variables)
    return inputs, outputs


def graph(
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
    fusion: Fusion,
    sharing: Sharing,
    width: int,
    precision: Precision | None = None,
    objectives: Mapping[str, Objective] | None = None,
) -> tuple[Tensors, Tensors]:
    """The graph of `connect`, in the state of Keras as it is, but for the precision."""
    policy = None
    if precision is not None:
        policy = precision if precision == "float32" else f"mixed_{precision}"
        keras.config.set_dtype_policy(policy)
    inputs = inputs_of(features)
    names, gone = LayerNames(set(inputs)), leaving(tasks)
    named = _named([name for name in tasks if name not in gone], tasks, names)
    strands = strands_of(features, inputs, names, width, policy)
    fusion = part_of(copy_of(fusion, names("fusion"), policy), FUSION)
    sharing = sharing.for_tasks(sharing_tasks(tasks))
    sharing = part_of(copy_of(sharing, names("sharing"), policy), TRUNK)
    # Last, so that nothing is called otherwise when they are gone.
    named |= _named(gone, tasks, names)
    stages = Stages(tasks, strands, fusion, sharing, named, policy)
    outputs: Tensors = {}
    for name in in_order(tasks):
        outputs[name] = stages.logits(name, outputs)
    answered = {name: outputs[name] for name in tasks}
    outputs = dict(answered)
    for name, objective in (objectives or {}).items():
        seen = ObjectiveGraph(name, features, tasks, stages, answered, names)
        outputs[name] = objective.output(seen)
    return inputs, outputs


def _named(
    some: Iterable[str], tasks: Mapping[str, Task], names: LayerNames
) -> dict[str, OwnNames]:
    """The names of the layers that tasks have for themselves."""
    heads = {name: names(name) for name in some}
    return {
        name: OwnNames(
            head,
            names(f"{name}__branch"),
            names(f"{name}__after") if tasks[name].after else None,
        )
        for name, head in heads.items()
    }
