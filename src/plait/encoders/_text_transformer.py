"""A text as one token for each of its words, by self-attention."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._attention_block import AttentionBlock
from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait._rotary import angles
from plait.encoders._encoder import Encoder
from plait.encoders._ids import forgotten, known_ids, valid_ids, with_a_token
from plait.errors import ConfigError

_UNKNOWN = 1


@keras.saving.register_keras_serializable(package="plait")
class TextTransformer(Encoder):
    """Embeddings of a text's tokens, each of which looks at all the others.

    A block is x + attention(norm(x)), then x + W_2 gelu(W_1 norm(x)). Before the first one the
    embeddings are normed: they start small, so that a few steps move those of rare words, and what
    attention adds would drown them.

    In attention queries and keys are turned by their place (rotary positions): what one token is to
    another depends on how far apart they are and not on where they stand. Few texts suffice to learn
    that, and longer ones than those of the training are read alike.

    No token looks at one beyond a row's length. A row of length 0 is read as one token of padding, so
    that it, too, has a token to give. The net is small, made to be trained from random weights.

    Args:
        width: the size of each token.
        blocks: how many.
        heads: of attention; they part `width` evenly, into 2 numbers at least.
        hidden: the size inside a block's second half; twice the width if None.
        vocabulary: how many ids there are, 0 (padding) and 1 (unknown) included; the feature's if
            None.
        unknown: the share of tokens whose id becomes 1 while training, so that the embedding of
            what was never seen is learnt as the answer without it.
        dropout: on the embeddings and on what a block adds.

    Call arguments:
        values: `(batch, length)` int32 ids; one beyond `vocabulary` is unknown.
        lengths: `(batch,)` int32, valid ids of each row; all of them if None.

    Returns:
        `"tokens"` `(batch, length, width)` and `"mask"` `(batch, length)`.

    Raises:
        ConfigError: an argument out of its range, a width that the heads do not part evenly; built
            without a vocabulary.

    Example:
        ids = keras.ops.ones((2, 7), "int32")
        TextTransformer(32, vocabulary=9)(ids, keras.ops.array([7, 3]))["tokens"].shape  # (2, 7, 32)

    References:
        A. Vaswani et al., "Attention Is All You Need", 2017; R. Xiong et al., "On Layer Normalization
        in the Transformer Architecture", 2020, for the norm before each half of a block; J. Su et al.,
        "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021. It differs in its size,
        and in the norm of the embeddings.
    """

    modality: ClassVar[str | None] = "text"
    reads: ClassVar[str] = "tokens"
    fitted: ClassVar[str | None] = "vocabulary"

    def __init__(
        self,
        width: int = 128,
        blocks: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        vocabulary: int | None = None,
        unknown: float = 0.02,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        demand_whole("TextTransformer", blocks=blocks, heads=heads)
        counts = {"hidden": hidden, "vocabulary": vocabulary}
        demand_whole("TextTransformer", **{n: v for n, v in counts.items() if v is not None})
        if width % heads or width < 2 * heads:
            raise ConfigError(
                f"TextTransformer: heads part the width evenly, into 2 numbers at least. Received: "
                f"width={width}, heads={heads}.",
                ("heads",),
            )
        demand_share("TextTransformer", all_too=True, unknown=unknown)
        demand_share("TextTransformer", dropout=dropout)
        self.blocks = blocks
        self.heads = heads
        self.hidden = hidden
        self.vocabulary = vocabulary
        self.unknown = unknown
        self.dropout = dropout
        self._draws = keras.random.SeedGenerator()

    @property
    def least_weights(self) -> int:
        return self.blocks

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._demand_fitted("tokens there are", "Text")
        policy, width = self.dtype_policy, self.width
        shape = (None, values_shape[1], width)
        self.embedding = keras.layers.Embedding(
            self.vocabulary, width, dtype=policy, name="embedding"
        )
        self.embedding.build(values_shape)
        self.first_norm = self._norm("first_norm", shape)
        self.drop = Dropout(self.dropout, dtype=policy)
        self.stack = []
        for number in range(self.blocks):
            block = AttentionBlock(
                self.heads,
                self.hidden or 2 * width,
                self.dropout,
                dtype=policy,
                name=f"block_{number}",
            )
            block.build(shape)
            self.stack.append(block)
        self.norm = self._norm("norm", shape)

    def _norm(self, name: str, shape: Any) -> keras.layers.Layer:
        norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy, name=name)
        norm.build(shape)
        return norm

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = ops.cast(values, "int32")
        valid = valid_ids(ids, lengths)
        ids = known_ids(ids, self.vocabulary, _UNKNOWN)
        ids = forgotten(ids, self.unknown, self._draws, _UNKNOWN, training)
        ids, mask = ops.where(valid, ids, 0), with_a_token(valid)
        x = self.drop(self.first_norm(self.embedding(ids)), training=training)
        turns = ops.convert_to_tensor(angles(ids.shape[1], self.width // self.heads))
        for block in self.stack:
            x = block(x, mask[:, None, None, :], training=training, angles=turns)
        return {"tokens": self.norm(x), "mask": mask}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "blocks": self.blocks,
            "heads": self.heads,
            "hidden": self.hidden,
            "vocabulary": self.vocabulary,
            "unknown": self.unknown,
            "dropout": self.dropout,
        }
