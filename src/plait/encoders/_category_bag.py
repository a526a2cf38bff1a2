"""A set of categories as one token."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._ranges import demand_share, demand_whole
from plait.encoders._bag_encoder import BagEncoder
from plait.encoders._ids import forgotten, known_ids, valid_ids

_UNKNOWN = 0


@keras.saving.register_keras_serializable(package="plait")
class CategoryBag(BagEncoder):
    """The sum of the learnt tokens of a set's categories, and a deep path beside it.

    The sum reaches the output as it is, so that each category has its linear say, whichever others are
    there; a hidden layer on the normalised sum adds what they mean together. A set without categories
    has a sum of 0.

    Args:
        width: the size of the token.
        size: how many ids there are, 0 ("unknown") included; the feature's if None.
        hidden: units of the deep path.
        unknown: the share of ids that become 0 while training, so that the token of a category never
            seen is learnt.
        dropout: in the deep path.
        seed: of both.

    Call arguments:
        values: `(batch, items)` int32 ids; one beyond `size` is unknown.
        lengths: `(batch,)` int32, valid ids of each row, 0 for none; all of them if None.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range; built without a size.
    """

    modality: ClassVar[str | None] = "category_set"
    fitted: ClassVar[str | None] = "size"

    def __init__(
        self,
        width: int = 128,
        size: int | None = None,
        hidden: int = 128,
        unknown: float = 0.02,
        dropout: float = 0.1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, hidden, dropout, seed, **kwargs)
        if size is not None:
            demand_whole("CategoryBag", size=size)
        demand_share("CategoryBag", all_too=True, unknown=unknown)
        self.size = size
        self.unknown = unknown

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._build_bag(self._demand_fitted("ids there are", "CategorySet"))

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = known_ids(ops.cast(values, "int32"), self.table.shape[0], _UNKNOWN)
        ids = forgotten(ids, self.unknown, self._draws, _UNKNOWN, training)
        return self._token(ids, ops.cast(valid_ids(ids, lengths), self.table.dtype), training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "unknown": self.unknown}
