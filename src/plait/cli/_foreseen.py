"""What a run will take, in lines."""

import shutil
from pathlib import Path

from plait.training import Estimate, batch_in_words, bytes_in_words


def foreseen(found: Estimate, folder: Path) -> tuple[list[str], list[str]]:
    """Memory, time and disk, and sentences about what a run will have too little of.

    Args:
        found: the estimate.
        folder: where a run's folder would be.
    """
    settings = found.settings
    cached = f", {bytes_in_words(found.cached)} in the cache folder" if found.cached else ""
    lines = [
        f"estimates, by some steps of {batch_in_words(settings)}; what else the machine does, and "
        "stopping early, change them:",
        f"  memory: {bytes_in_words(found.memory)} at once",
        f"  time: {_time(found.start)} to the first steps, {_time(found.epoch)} an epoch (the first: "
        f"{_time(found.first_epoch)}), {_time(found.seconds)} for {settings.epochs} epochs",
        f"  disk: {bytes_in_words(found.disk)} while it trains, {bytes_in_words(found.disk_left)} "
        f"when it is over{cached}",
    ]
    lacks = []
    if found.is_too_much:
        lacks.append(f"that is more memory than max_memory={settings.max_memory}.")
    there = shutil.disk_usage(folder).free
    if there < found.disk:
        lacks.append(f"the disk under '{folder}' has {bytes_in_words(there)} left.")
    return lines, lacks


def _time(seconds: float) -> str:
    """Such as "8.3 s", "35 min" or "12 h"."""
    count, unit = seconds, "s"
    for larger in ("min", "h"):
        if count >= 90:
            count, unit = count / 60, larger
    return f"{count:.0f} {unit}" if count >= 9.95 else f"{count:.1f} {unit}"
