"""A head that gives each token of a feature its own logits."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._linear_head import masked_mean


@keras.saving.register_keras_serializable(package="plait")
class TagHead(Head):
    """Logits of each token, from the token and from the row's fused representation.

    W · gelu(U · token + V · mean(fused tokens)) + b: so other columns, and the text as a whole, can
    change what a token is.

    Args:
        size: how many tags there are.
        places: how many tokens the feature's encoder gives, padding included.
        chain: whether the tags of a row are a linear chain, with a weight for each tag behind each
            other one and at the two ends.
        hidden: units between; as wide as the feature's tokens if None.
        dropout: on both of them and on what is between.
        prior: what b starts as, such as the log of the tags' shares; zeros if None.
        links: with `chain`, what its weights start as, `size + 2` lines of `size` numbers, as below;
            zeros if None. A step of Adam moves each by about the learning rate, so that in a short run
            they stay near where they start.

    Call arguments: see `Head`; `of` is a dict of `"tokens"` `(batch, places, width)` and `"mask"`.

    Returns:
        Float32 under any policy: logits `(batch, places, size)`; with `chain` `(batch, places + size +
        2, size)`, the same in each row below the places: `size` lines of the transitions from one tag
        to each, the start's and the end's weights.

    Raises:
        ConfigError: an argument that cannot be; an encoder that gives another number of tokens.

    Example:
        TagHead(5, places=3)(
            keras.ops.ones((2, 1, 8)),
            of={"tokens": keras.ops.ones((2, 3, 4)), "mask": keras.ops.ones((2, 3), "bool")},
        ).shape  # (2, 3, 5)
    """

    def __init__(
        self,
        size: int,
        places: int,
        chain: bool = False,
        hidden: int | None = None,
        dropout: float = 0.2,
        prior: Sequence[float] | None = None,
        links: Sequence[Sequence[float]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("TagHead", size=size, places=places)
        if hidden is not None:
            demand_whole("TagHead", hidden=hidden)
        demand_share("TagHead", dropout=dropout)
        if prior is not None and len(prior) != size:
            raise ConfigError(
                f"TagHead: prior has one number for each of the {size} logits, or is None. "
                f"Received {len(prior)} numbers."
            )
        if links is not None and np.shape(links) != (size + 2, size):
            raise ConfigError(
                f"TagHead: links has {size + 2} lines of {size} numbers, or is None. "
                f"Received the shape {np.shape(links)}."
            )
        self.size = size
        self.places = places
        self.chain = chain
        self.hidden = hidden
        self.dropout = dropout
        self.prior = None if prior is None else [float(value) for value in prior]
        self.links = None if links is None else [[float(value) for value in line] for line in links]

    def build(self, tokens_shape: Any, mask_shape: Any = None, of_shape: Any = None) -> None:
        _, places, width = of_shape["tokens"]
        if places != self.places:
            raise ConfigError(
                f"TagHead: an encoder that gives each piece of its feature a token gives "
                f"{self.places} here. Received: {places}. TextWords and TextRNN do."
            )
        hidden = self.hidden or width
        # Half precision would round logits to three digits.
        self.inner = keras.layers.Dense(hidden, dtype="float32", name="inner")
        self.inner.build((None, width))
        self.context = keras.layers.Dense(hidden, use_bias=False, dtype="float32", name="context")
        self.context.build((None, tokens_shape[-1]))
        self.drop = [Dropout(self.dropout, dtype="float32", name=f"drop_{n}") for n in range(3)]
        self.logits = keras.layers.Dense(
            self.size,
            bias_initializer=keras.initializers.Constant(0.0 if self.prior is None else self.prior),
            dtype="float32",
            name="logits",
        )
        self.logits.build((None, hidden))
        if self.chain:
            self.chained = self.add_weight(
                shape=(self.size + 2, self.size),
                initializer=keras.initializers.Constant(0.0 if self.links is None else self.links),
                dtype="float32",
                autocast=False,
                name="links",
            )

    def call(
        self, tokens: Any, mask: Any = None, training: bool | None = None, of: Any = None
    ) -> Any:
        own = ops.cast(of["tokens"], "float32")
        own = ops.where(ops.expand_dims(of["mask"], -1), own, ops.zeros_like(own))
        fused = masked_mean(ops.cast(tokens, "float32"), mask)
        own, fused = self.drop[0](own, training=training), self.drop[1](fused, training=training)
        between = ops.gelu(self.inner(own) + ops.expand_dims(self.context(fused), 1))
        logits = self.logits(self.drop[2](between, training=training))
        if not self.chain:
            return logits
        # Adding zeros is what gives the weights the size of the batch.
        links = ops.expand_dims(self.chained, 0) + ops.zeros_like(logits[:, :1])
        return ops.concatenate([logits, links], axis=1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "places": self.places,
            "chain": self.chain,
            "hidden": self.hidden,
            "dropout": self.dropout,
            "prior": self.prior,
            "links": self.links,
        }
