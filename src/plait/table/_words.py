"""The words of a column's name."""

import re

_KEY_NAME = re.compile(r"(^|_)(id|uuid|guid|key|index|row|record|no)$", re.I)


def snake(name: str) -> str:
    """`Order ID`, `orderId` and `OrderID` as `order_id`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def is_key_name(name: str) -> bool:
    """Whether a column's name says that it names its rows."""
    return _KEY_NAME.search(snake(name)) is not None
