"""The memory of a device that has its own."""

from typing import NamedTuple


class DeviceMemory(NamedTuple):
    """Bytes on one device.

    Attributes:
        used: now.
        peak: the most at once, so far.
        limit: what there is.
    """

    used: int
    peak: int
    limit: int
