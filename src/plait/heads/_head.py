"""The contract of a head: a task's tokens in, logits out."""

import abc
from typing import Any

import keras


class Head(keras.layers.Layer, abc.ABC):
    """A layer from a task's tokens to its logits.

    Call arguments:
        tokens: `(batch, tokens, width)`; not given for a task that is not `fused`.
        mask: `(batch, tokens)` bool.
        training: whether dropout is on.
        of: only for a task of a feature (`DenseTask`), what it reads of that feature's encoder: for
            `parts` "maps" a list of feature maps `(batch, height, width, channels)`, from coarse to
            fine; for "tokens" a dict of `"tokens"` `(batch, tokens, width)` and `"mask"` `(batch,
            tokens)`, with the learnt absent token in rows that lack the feature; for "series" also of
            `"values"` `(batch, steps, channels)` and `"lengths"` `(batch,)`, what the encoder reads.
            For a task that is not `fused` a list, of each of its `of_features` a dict of `"tokens"`,
            `"mask"` and `"present"` `(batch,)`.

    Returns:
        Logits, `(batch, *answer)`.
    """

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        """None: which tokens are valid says nothing of the logits."""

    @abc.abstractmethod
    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The logits."""
