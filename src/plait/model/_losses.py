"""One loss a task over its labelled rows, whatever stands in the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from plait.backend import mask_of, set_mask

CLASS_LOSSES = "crossentropy"
MISSING_CLASS = -1
# Those that are the negative logarithm of the right class' probability, and nothing else.
_CROSSENTROPIES = (
    keras.losses.BinaryCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.SparseCategoricalCrossentropy,
)
_CROSSENTROPY_FUNCTIONS = (
    keras.losses.binary_crossentropy,
    keras.losses.categorical_crossentropy,
    keras.losses.sparse_categorical_crossentropy,
)


@dataclass(frozen=True)
class Labels:
    """A task's targets with a valid constant in every missing place.

    Attributes:
        targets: in the shape they came in.
        positions: `(batch, *positions)` float32, the weight of each place that has a loss of its
            own: 0 where the label is missing. `(batch,)` where a row has one loss.
        rows: `(batch,)` float32, each row's weight; 0 where it has no label.
    """

    targets: Any
    positions: Any
    rows: Any

    @property
    def labelled(self) -> Any:
        """`positions` as 0 and 1."""
        return keras.ops.cast(self.positions > 0, "float32")

    def where_labelled(self, predictions: Any) -> Any:
        """`predictions` `(batch, ...)`, 0 where there is no label.

        A selection, in both directions: what is not finite there, or what a loss makes of it, is a
        NaN in no gradient, which a product with 0 would be.
        """
        if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(predictions.dtype)):
            return predictions
        there = spread(self.positions > 0, len(predictions.shape))
        return keras.ops.where(there, predictions, keras.ops.zeros_like(predictions))


def resolve_loss(identifier: Any) -> Callable[[Any, Any], Any]:
    """The function from `(targets, predictions)` to unreduced losses behind a Keras loss.

    Args:
        identifier: a name, a `keras.losses.Loss` (of which only `call` is used: masking and
            reduction belong to the step) or a function.
    """
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        return _crossentropy
    loss = keras.losses.get(identifier)
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def call(targets: Any, predictions: Any) -> Any:
        if len(predictions.shape) == 1:
            predictions = keras.ops.expand_dims(predictions, -1)
        return function(same_rank(targets, predictions), predictions)

    return call


def right_share(identifier: Any) -> Callable[[Any, Any], Any] | None:
    """From `(targets, predictions)` to the probability of the right class, unreduced.

    None for a loss that is of no classes, or does not say that probability.
    """
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        loss = None
    else:
        loss = keras.losses.get(identifier)
        if (log_likelihood := getattr(loss, "log_likelihood", None)) is not None:
            return lambda targets, predictions: keras.ops.exp(log_likelihood(targets, predictions))
        known = type(loss) in _CROSSENTROPIES or loss in _CROSSENTROPY_FUNCTIONS
        if not known or (isinstance(loss, keras.losses.Loss) and _smooths(loss)):
            return None
    crossentropy = resolve_loss(identifier)

    def share(targets: Any, predictions: Any) -> Any:
        given = crossentropy(targets, predictions)
        found = keras.ops.exp(-given)
        if (kept := mask_of(given)) is not None:
            set_mask(found, kept)
        return found

    return share


def _smooths(loss: keras.losses.Loss) -> bool:
    return bool(loss.get_config().get("label_smoothing"))


def missing_label(identifier: Any) -> int | None:
    """The target value that means "no label", for losses of classes, whatever they are named."""
    if isinstance(identifier, str) and identifier.lower() == "ce":
        return MISSING_CLASS
    loss = identifier if isinstance(identifier, str) else keras.losses.get(identifier)
    told = [
        loss if isinstance(loss, str) else type(loss).__name__,
        getattr(loss, "__name__", ""),
        getattr(getattr(loss, "fn", None), "__name__", ""),
    ]
    if any(CLASS_LOSSES in name.lower().replace("_", "") for name in told):
        return MISSING_CLASS
    return getattr(loss, "missing_label", None)


def takes_rows(identifier: Any) -> bool:
    """Whether a loss gives one value a row whatever the axes of its targets are.

    Such a loss has a true attribute `takes_rows`. The places of its targets are none of its
    predictions', as of boxes and the positions that they are found at, or it looks by itself for what
    is labelled in a row.
    """
    loss = identifier if isinstance(identifier, str) else keras.losses.get(identifier)
    return bool(getattr(loss, "takes_rows", False))


def read_labels(
    targets: Any,
    predictions: Any,
    sample_weight: Any,
    missing: int | None,
    mask: Any = None,
    whole: bool = False,
) -> Labels:
    """Finds the missing labels and puts a valid constant in their place.

    Args:
        targets: `(batch, ...)`; a label is missing where it is NaN, or equals `missing`.
        predictions: `(batch, ...)`.
        sample_weight: None, `(batch,)` or one weight a position; a label is missing where it is 0.
        missing: the target value that means "no label", or None.
        mask: the predictions' Keras mask, `(batch, positions)`, or None.
        whole: whether a row is labelled or not as a whole: see `takes_rows`.
    """
    ops = keras.ops
    targets = ops.convert_to_tensor(targets)
    dtype = keras.backend.standardize_dtype(targets.dtype)
    valid = ops.ones_like(targets, dtype="bool")
    if keras.backend.is_float_dtype(dtype):
        valid = ops.logical_not(ops.isnan(targets))
    if missing is not None and not dtype.startswith(("uint", "bool")):
        valid = ops.logical_and(valid, targets != missing)

    rank, depth = len(targets.shape), len(predictions.shape)
    positions_rank = 1 if whole else max(1, rank if rank < depth else depth - 1)
    if rank > positions_rank:
        # A place whose target is a vector (one-hot, several numbers) is missing if any of it is.
        valid = ops.all(valid, axis=tuple(range(positions_rank, rank)))
    if mask is not None and len(mask.shape) == positions_rank:
        valid = ops.logical_and(valid, ops.cast(mask, "bool"))
    weighted = ops.cast(valid, "float32")
    if sample_weight is not None:
        weight = at_positions(sample_weight, positions_rank)
        valid = ops.logical_and(valid, weight > 0)
        weighted = ops.where(valid, weight, 0.0)
    targets = ops.where(spread(valid, rank), targets, ops.zeros_like(targets))

    positions = ops.cast(valid, "float32")
    inner = tuple(range(1, positions_rank))
    if inner:
        count = ops.sum(positions, axis=inner)
        rows = ops.sum(weighted, axis=inner) / ops.maximum(count, 1.0)
    else:
        rows = weighted
    return Labels(targets, weighted, rows)


def row_losses(loss: Callable, labels: Labels, predictions: Any) -> tuple[Any, Any]:
    """Each row's loss, the weighted mean over its labelled positions, and each row's weight.

    Returns:
        Two `(batch,)` float32 tensors.

    Raises:
        ValueError: the loss gives one value for the whole batch.
    """
    ops = keras.ops
    targets = labels.targets
    if keras.backend.is_float_dtype(targets.dtype):
        targets = ops.cast(targets, "float32")
    predictions = ops.cast(labels.where_labelled(predictions), "float32")
    given = loss(targets, predictions)
    # What the loss itself leaves out, as `ignore_class` does.
    kept = mask_of(given)
    values = ops.cast(given, "float32")
    if len(values.shape) == 0:
        raise ValueError(
            "A loss must give one value a row or a position, so that missing labels can be left "
            f"out. Received a scalar from {loss}."
        )
    weights, rows = labels.positions, labels.rows
    if len(values.shape) > len(weights.shape):
        values = ops.mean(values, axis=tuple(range(len(weights.shape), len(values.shape))))
    if len(weights.shape) > len(values.shape):
        # The loss has already joined the positions: a row counts only if all of it is labelled.
        inner = tuple(range(len(values.shape), len(weights.shape)))
        weights = ops.where(ops.all(weights > 0, axis=inner), ops.mean(weights, axis=inner), 0.0)
        rows = weights if len(weights.shape) == 1 else rows
    if kept is not None and len(kept.shape) == len(weights.shape):
        weights = ops.where(kept, weights, 0.0)
    values = ops.where(weights > 0, values, 0.0)
    inner = tuple(range(1, len(values.shape)))
    if not inner:
        return values, weights
    total = ops.sum(weights, axis=inner)
    rows = ops.where(total > 0, rows, 0.0)
    return ops.sum(values * weights, axis=inner) / ops.where(total > 0, total, 1.0), rows


def task_loss(losses: Any, rows: Any) -> tuple[Any, Any]:
    """The mean of `(batch,)` losses over the rows' weights, 0 without any; and the weights' sum."""
    ops = keras.ops
    total = ops.sum(rows)
    return ops.sum(losses * rows) / ops.where(total > 0, total, 1.0), total


def _crossentropy(targets: Any, predictions: Any) -> Any:
    rank, depth = len(targets.shape), len(predictions.shape)
    if predictions.shape[-1] == 1:
        return keras.losses.binary_crossentropy(same_rank(targets, predictions), predictions)
    if rank < depth or targets.shape[-1] == 1:
        return keras.losses.sparse_categorical_crossentropy(targets, predictions)
    return keras.losses.categorical_crossentropy(targets, predictions)


def same_rank(targets: Any, predictions: Any) -> Any:
    """`targets` with a last axis of 1 where `predictions` have one and they do not."""
    if len(targets.shape) == len(predictions.shape) - 1 and predictions.shape[-1] == 1:
        return keras.ops.expand_dims(targets, -1)
    return targets


def at_positions(weight: Any, rank: int) -> Any:
    """Sample weights as float32 of as many axes as there are positions, behind which some have 1."""
    weight = keras.ops.cast(weight, "float32")
    while len(weight.shape) > rank and weight.shape[-1] == 1:
        weight = keras.ops.squeeze(weight, -1)
    return spread(weight, rank)


def spread(weight: Any, rank: int) -> Any:
    """`weight` with axes of 1 behind, up to `rank`."""
    while len(weight.shape) < rank:
        weight = keras.ops.expand_dims(weight, -1)
    return weight
