"""From declared features and tasks to one functional Keras graph."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras

from plait.encoders import Encoder
from plait.errors import ConfigError, PlaitError
from plait.features import Feature
from plait.fusion import Fusion
from plait.inference._after_answers import AfterAnswers
from plait.inference._check_names import check_names
from plait.inference._fresh_state import in_fresh_state
from plait.inference._initial_values import make_variables
from plait.inference._layers import AbsentToken, Blank
from plait.inference._parts import FUSION, HEADS, TRUNK, names_of, part_of
from plait.inference._relations import in_order, leaving
from plait.sharing import Sharing
from plait.tasks import DenseTask, Task

Tensors = dict[str, Any]
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
) -> tuple[Tensors, Tensors]:
    """Joins fitted features and tasks into the inputs and outputs of a Keras model.

    For each feature: blank what is absent, scale, encode, put the learnt token in the place of what
    is absent. For each set of features that some task reads: the one fusion and the one shared
    part, called with the other features absent. For each task: its branch and its head,
    which is given what the tasks that it comes after have answered.

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

    Returns:
        Inputs `{"f", "f__present" and, where rows have lengths, "f__length": KerasTensor}` and
        outputs `{task: KerasTensor}` of logits.

    Raises:
        ConfigError: no features or tasks, a column that is feature and target, a task that reads an
            unknown feature, a name that no Keras layer can have, a name used twice.
    """
    check_names(features, tasks)

    declared = partial(graph, features, tasks, fusion, sharing, width, precision)
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


@dataclass(frozen=True)
class _Strand:
    """One feature between its inputs and fusion."""

    absent: AbsentToken
    read: Tensors
    maps: list[Any]

    def unread(self, present: Any) -> Tensors:
        """The strand of a batch in which no row has the feature; `present` gives its size."""
        return self.absent(present)


class _LayerNames:
    """Names that every backend takes, each given once."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = set(taken)

    def __call__(self, wanted: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)
        plain = plain if plain[0].isalnum() else f"n{plain}"
        name, number = plain, 2
        while name in self.taken:
            name, number = f"{plain}_{number}", number + 1
        self.taken.add(name)
        return name


def graph(
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
    fusion: Fusion,
    sharing: Sharing,
    width: int,
    precision: Precision | None = None,
) -> tuple[Tensors, Tensors]:
    """The graph of `connect`, in the state of Keras as it is, but for the precision."""
    policy = None
    if precision is not None:
        policy = precision if precision == "float32" else f"mixed_{precision}"
        keras.config.set_dtype_policy(policy)
    inputs = _inputs(features)
    names = _LayerNames(set(inputs))
    gone = leaving(tasks)
    heads = {task: names(task) for task in tasks if task not in gone}
    strands = _strands(features, inputs, names, width, policy)
    fusion = part_of(_copy(fusion, names("fusion"), policy), FUSION)
    sharing = part_of(_copy(sharing, names("sharing"), policy), TRUNK)
    # Last, so that nothing is called otherwise when they are gone.
    heads |= {task: names(task) for task in gone}
    shared: dict[tuple[str, ...], tuple[Any, Any, Any]] = {}
    outputs: Tensors = {}
    for name in in_order(tasks):
        task = tasks[name]
        reads = tuple(f for f in features if task.features is None or f in task.features)
        if reads not in shared:
            fused = _fuse(fusion, strands, reads)
            # Masks go by position: a `mask=` would become Keras' own mask of the outputs, too.
            common = sharing(fused["tokens"], fused["mask"])
            shared[reads] = (common, fused["tokens"], fused["mask"])
        common, tokens, mask = shared[reads]
        branch = sharing.branch(name)
        if branch is not None:
            part_of(branch, name, HEADS)
        own = common if branch is None else branch(common, tokens, mask)
        if task.after:
            after = AfterAnswers(
                [tasks[other].gives for other in task.after], name=names(f"{name}__after")
            )
            stopped = [keras.ops.stop_gradient(outputs[other]) for other in task.after]
            own = part_of(after, name, HEADS)(own, stopped)
        head = part_of(_copy(task.head(), heads[name], policy), name, HEADS)
        if isinstance(task, DenseTask):
            outputs[name] = head(own, mask, of=_parts(name, task, strands[task.of]))
        else:
            outputs[name] = head(own, mask)
    return inputs, {name: outputs[name] for name in tasks}


def _inputs(features: Mapping[str, Feature]) -> Tensors:
    inputs = {}
    for name, feature in features.items():
        spec = feature.spec
        inputs[name] = keras.Input(spec.shape, dtype=spec.dtype, name=name)
        inputs[f"{name}__present"] = keras.Input((), dtype="bool", name=f"{name}__present")
        if spec.lengths:
            inputs[f"{name}__length"] = keras.Input((), dtype="int32", name=f"{name}__length")
    return inputs


def _strands(
    features: Mapping[str, Feature],
    inputs: Tensors,
    names: _LayerNames,
    width: int,
    policy: str | None,
) -> dict[str, _Strand]:
    tied: dict[str, keras.layers.Layer] = {}
    strands = {}
    for name, feature in features.items():
        present, lengths = inputs[f"{name}__present"], inputs.get(f"{name}__length")
        blank = Blank(name=names(f"{name}__blank"))(inputs[name], present, lengths)
        values = blank["values"]
        scaling = feature.scaling()
        if scaling is not None:
            scaled = _copy(scaling, names(f"{name}__scaling"), policy)(values)
            # An encoder is promised zeros in absent rows, and zero may not scale to zero.
            values = Blank(name=names(f"{name}__scaled_blank"))(scaled, present)["values"]
        encoder = tied.get(feature.tied) if feature.tied else None
        if encoder is None:
            declared = feature.encoder or feature.default_encoder(width)
            named = names(f"{feature.tied or name}__encoder")
            encoder = _copy(declared.for_feature(feature), named, policy)
            if feature.tied:
                tied[feature.tied] = encoder
        part_of(encoder, *names_of(encoder), name)
        encoded = _encoded(name, encoder, values, blank.get("lengths"))
        absent = part_of(AbsentToken(name=names(f"{name}__absent")), name)
        read = absent(present, encoded["tokens"], encoded["mask"])
        strands[name] = _Strand(absent, read, list(encoded.get("maps", ())))
    return strands


def _parts(name: str, task: DenseTask, strand: _Strand) -> Any:
    """What a task of a feature reads of it beside the fused tokens."""
    if task.parts == "tokens":
        return {"tokens": strand.read["tokens"], "mask": strand.read["mask"]}
    if not strand.maps:
        raise ConfigError(
            f"Task '{name}' is of '{task.of}', whose encoder gives no feature maps. Give that feature "
            "an encoder that does, such as ImageConv.",
            ("features", task.of),
        )
    return strand.maps


def _encoded(name: str, encoder: Encoder, values: Any, lengths: Any) -> Tensors:
    """What an encoder makes of a feature; an encoder of the user's own may refuse its form."""
    try:
        encoded: Tensors = encoder(values, lengths)
    except PlaitError:
        raise
    except Exception as error:
        raise ConfigError(
            f"Feature '{name}': {type(encoder).__name__} cannot read arrays of the shape "
            f"{tuple(values.shape)} and type {values.dtype}: {error}",
            ("features", name),
        ) from error
    return encoded


def _fuse(fusion: Fusion, strands: Mapping[str, _Strand], reads: tuple[str, ...]) -> Tensors:
    size = strands[reads[0]].read["present"]
    seen = {
        name: strand.read if name in reads else strand.unread(size)
        for name, strand in strands.items()
    }
    return fusion(
        {name: s["tokens"] for name, s in seen.items()},
        {name: s["mask"] for name, s in seen.items()},
        {name: s["present"] for name, s in seen.items()},
    )


def _copy(layer: keras.layers.Layer, name: str, policy: str | None) -> Any:
    # A layer that was declared has the policy that was set then.
    own = {} if policy is None else {"dtype": policy}
    return type(layer).from_config({**layer.get_config(), **own, "name": name})
