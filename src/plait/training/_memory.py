"""How much memory this process has taken where its model trains, and how much is left."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from plait._host_memory import host_memory_free, told_by_linux
from plait.backend import device_memory, forget_peak
from plait.errors import ConfigError


def in_use() -> int:
    """Bytes that are taken now: the device's where it has a memory of its own, else this process'.

    0 where only the most is told.
    """
    device = device_memory()
    return told_by_linux("self/status", "VmRSS") if device is None else device.used


def most_in_use() -> int:
    """The most bytes that were taken at once, since `forget_most` where they can be forgotten.

    0 where nobody tells, which is on Windows.
    """
    device = device_memory()
    if device is not None:
        return device.peak
    if os.name == "nt":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # That of macOS is in bytes; that of Linux has more in it than this program's own.
    return (
        most if sys.platform == "darwin" else told_by_linux("self/status", "VmHWM") or 1024 * most
    )


def forget_most() -> int:
    """From here on `most_in_use` is of what comes after, on Linux, and on devices but with JAX.

    Returns:
        What a device says all the same, or has in use; 0 without one.
    """
    if device_memory() is None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return 0
    forget_peak()
    return most_in_use()


def free() -> int | None:
    """Bytes that can still be taken; None where nobody tells."""
    device = device_memory()
    if device is not None:
        return device.limit - device.used
    return host_memory_free()


def demand_told(what: str, at: tuple[str, ...]) -> None:
    """Refuses a setting that rests on what nobody tells.

    Args:
        what: the setting.
        at: its place, for the error.

    Raises:
        ConfigError: there is no telling what training takes.
    """
    if not most_in_use():
        raise ConfigError(
            f"Training: {what} needs to know how much memory training takes, which this system does "
            "not tell. Leave it out.",
            at,
        )
