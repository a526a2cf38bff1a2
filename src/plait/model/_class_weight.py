"""`class_weight` as Keras knows it, one for each output, as weights of the labels."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import keras

from plait._names import did_you_mean
from plait.model._losses import at_positions

ByOutput = dict[str, list[float]]
"""The weights of an output's classes 0, 1, ...; the last is that of every class after them."""


def read_class_weight(given: Any, outputs: Sequence[str]) -> ByOutput:
    """The user's `{output: {class: weight}}`; without the output's name where there is one only.

    Raises:
        ValueError: another structure, or a name that no output has.
    """
    if given is None:
        return {}
    if len(outputs) == 1 and isinstance(given, Mapping) and outputs[0] not in given:
        given = {outputs[0]: given}
    if not isinstance(given, Mapping) or not all(_is_by_class(v) for v in given.values()):
        raise ValueError(
            "class_weight: expected weights by class for an output's name, such as "
            f"{{'{outputs[0]}': {{0: 1.0, 1: 5.0}}}}. Received: {given}"
        )
    for name in given:
        if name not in outputs:
            raise ValueError(
                f"class_weight: the model has no output '{name}'.{did_you_mean(str(name), outputs)}"
            )
    return {
        name: [float(weights.get(c, 1.0)) for c in range(max(weights) + 2)]
        for name, weights in given.items()
    }


def weigh_classes(
    given: dict[str, tuple[Any, Any]], by_output: ByOutput, outputs: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The targets and weights of each output, the weight of each label times that of its class.

    Args:
        given: by output name.
        by_output: the class weights.
        outputs: the model's output tensors, of which only the rank counts.
    """
    found = dict(given)
    for name in by_output.keys() & given.keys():
        targets, weights = given[name]
        by_class = _of_labels(targets, by_output[name], len(outputs[name].shape))
        if weights is not None:
            by_class = by_class * at_positions(weights, len(by_class.shape))
        found[name] = targets, by_class
    return found


def _of_labels(targets: Any, by_class: list[float], depth: int) -> Any:
    """`(batch, *positions)` float32; `targets` are classes, or one-hot if the last axis has several."""
    ops = keras.ops
    classes = ops.cast(targets, "float32")
    if len(classes.shape) == depth > 1:
        one_hot = classes.shape[-1] > 1
        classes = ops.argmax(classes, axis=-1) if one_hot else ops.squeeze(classes, -1)
    # A missing label's weight does not count, but NaN is no place.
    classes = ops.where(classes >= 0, classes, ops.zeros_like(classes))
    places = ops.minimum(ops.cast(classes, "int32"), len(by_class) - 1)
    return ops.take(ops.convert_to_tensor(by_class, "float32"), places)


def _is_by_class(weights: Any) -> bool:
    return (
        isinstance(weights, Mapping)
        and len(weights) > 0
        and all(isinstance(c, Integral) and int(c) >= 0 for c in weights)
    )
