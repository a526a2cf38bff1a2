"""The losses of tags: one value a row, the sum over its tokens, of order 1 for the trivial answer."""

import abc
from typing import Any

import keras
from keras import ops

from plait.tasks._chain import log_partition, path_score, unpacked

NO_TAG = -1
"""The target of a place that no tag belongs to: padding, a token's further pieces, a missing tag."""


class _TagLogLoss(keras.losses.Loss, abc.ABC):
    """Minus the log-likelihood of a row's tags, by `entropy` and `tokens`.

    So each token counts alike, in however long a row, as it does in the scores.
    """

    takes_rows = True

    def __init__(self, entropy: float, tokens: float, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.entropy = entropy
        self.tokens = tokens

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return -self.log_likelihood(y_true, y_pred) / (self.entropy * self.tokens)

    @abc.abstractmethod
    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """Of each row's tags, `(batch,)`."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "entropy": self.entropy, "tokens": self.tokens}


@keras.saving.register_keras_serializable(package="plait")
class TokenLogLoss(_TagLogLoss):
    """The sum over a row's tokens of -log softmax(z)_y, divided by `entropy` and `tokens`.

    Args:
        entropy: of the training tags, in nats, in the mean over all tokens.
        tokens: the training rows' mean number of them; the loss of the trivial answer is then 1 in the
            mean over the rows.

    Call arguments:
        y_true: tags y, `(batch, places)`; -1 where there is none.
        y_pred: logits z, `(batch, places, tags)`.

    Returns:
        `(batch,)` float32 from `call`; 0 for a row without a tag.
    """

    def __init__(
        self,
        entropy: float = 1.0,
        tokens: float = 1.0,
        name: str = "token_log_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(entropy, tokens, name, **kwargs)

    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """The sum over a row's tokens of the logarithm of the right tag's probability."""
        log_shares = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        tags, there = _read(y_true)
        y = ops.one_hot(tags, log_shares.shape[-1], dtype="float32")
        return ops.sum(ops.sum(y * log_shares, axis=-1) * there, axis=1)


@keras.saving.register_keras_serializable(package="plait")
class ChainLogLoss(_TagLogLoss):
    """(log Z - score(y)) / (entropy · tokens): of a linear-chain conditional random field.

    score(y) is the sum of the logits of a row's tags, of the transitions from each to the next, and of
    the two ends; Z is the sum of exp(score) over all paths. A token without a tag is not in its chain.

    Args:
        entropy, tokens: see `TokenLogLoss`.

    Call arguments:
        y_true: tags y, `(batch, places)`; -1 where there is none.
        y_pred: logits and the chain, `(batch, places + tags + 2, tags)`: see `TagHead`.

    Returns:
        `(batch,)` float32 from `call`; 0 for a row without a tag.

    References:
        John Lafferty, Andrew McCallum, Fernando Pereira, "Conditional Random Fields", 2001.
    """

    def __init__(
        self,
        entropy: float = 1.0,
        tokens: float = 1.0,
        name: str = "chain_log_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(entropy, tokens, name, **kwargs)

    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """The logarithm of the probability of a row's tags together."""
        emissions, chain = unpacked(ops.cast(y_pred, "float32"))
        tags, there = _read(y_true)
        mask = there > 0
        return path_score(emissions, chain, tags, mask) - log_partition(emissions, chain, mask)


def _read(y_true: Any) -> tuple[Any, Any]:
    """Valid tags, and which are there as 0 and 1."""
    tags = ops.cast(y_true, "int32")
    return ops.maximum(tags, 0), ops.cast(tags >= 0, "float32")
