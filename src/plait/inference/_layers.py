"""The two layers that make an absent cell inert: placeholders are blanked, tokens are learnt."""

from typing import Any

import keras
from keras import ops


def blank(values: Any, keep: Any) -> Any:
    """`values` where `keep` is True, zeros elsewhere; `keep` has the leading axes of `values`."""
    for _ in range(len(values.shape) - len(keep.shape)):
        keep = ops.expand_dims(keep, -1)
    return ops.where(keep, values, ops.zeros_like(values))


@keras.saving.register_keras_serializable(package="plait")
class Blank(keras.layers.Layer):
    """Puts zeros in the place of what an absent row, or the padding of a row, holds.

    A placeholder has no meaning, so that it must not be able to change anything: not through the
    values and not through a length.

    Call arguments:
        values: `(batch, *feature)`.
        present: `(batch,)` bool.
        lengths: `(batch,)` int32, valid steps on the first feature axis, or None.

    Returns:
        A dict: `"values"` as they came in, and `"lengths"` where there were any (1 in absent rows).
    """

    def __init__(self, **kwargs: Any) -> None:
        # Half precision would round what are ids or samples still: an encoder casts what it needs.
        super().__init__(autocast=False, **kwargs)

    def call(self, values: Any, present: Any, lengths: Any = None) -> dict[str, Any]:
        if lengths is None:
            return {"values": blank(values, present)}
        lengths = ops.where(present, lengths, ops.ones_like(lengths))
        steps = ops.arange(values.shape[1], dtype=lengths.dtype)
        valid = ops.expand_dims(steps, 0) < ops.expand_dims(lengths, -1)
        keep = ops.logical_and(valid, ops.expand_dims(present, -1))
        return {"values": blank(values, keep), "lengths": lengths}


@keras.saving.register_keras_serializable(package="plait")
class AbsentToken(keras.layers.Layer):
    """Replaces the tokens of absent rows by one token that is learnt.

    Called without tokens, every row is absent: this is how a task that may not read a feature sees
    it. Nothing of the feature's own values is read then.

    Call arguments:
        present: `(batch,)` bool; without tokens, any presence of the batch, read for its size only.
        tokens: `(batch, tokens, width)`, or None for a batch of absent rows.
        mask: `(batch, tokens)` bool, True where a token is valid.

    Returns:
        A dict: `"tokens"` `(batch, tokens, width)`, `"mask"` `(batch, tokens)` with one valid token
        in an absent row, and `"present"` `(batch,)`.
    """

    hides_absent = True
    """What it is given of an absent row changes nothing: see `plait.model._alone`."""

    def build(self, present_shape: Any, tokens_shape: Any = None, mask_shape: Any = None) -> None:
        if tokens_shape is None:
            raise ValueError(
                f"AbsentToken '{self.name}' learns its width from its first call, which must "
                "receive tokens. Received: tokens=None"
            )
        self.count = tokens_shape[1]
        self.token = self.add_weight(
            name="token",
            shape=(tokens_shape[-1],),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, present: Any, tokens: Any = None, mask: Any = None) -> dict[str, Any]:
        token = ops.reshape(ops.convert_to_tensor(self.token), (1, 1, -1))
        one_valid = ops.expand_dims(ops.arange(self.count) < 1, 0)
        if tokens is None:
            nowhere = ops.zeros_like(present)
            valid = ops.logical_or(ops.expand_dims(nowhere, -1), one_valid)
            # Adding zeros is what gives the token the size of the batch.
            zeros = ops.zeros_like(ops.expand_dims(valid, -1), dtype=token.dtype)
            return {"tokens": token + zeros, "mask": valid, "present": nowhere}
        rows = ops.expand_dims(present, -1)
        return {
            "tokens": ops.where(ops.expand_dims(rows, -1), tokens, ops.cast(token, tokens.dtype)),
            "mask": ops.where(rows, mask, one_valid),
            "present": present,
        }
