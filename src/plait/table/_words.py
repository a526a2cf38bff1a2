"""The words of a column's name."""

import re


def snake(name: str) -> str:
    """`Order ID`, `orderId` and `OrderID` as `order_id`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()
