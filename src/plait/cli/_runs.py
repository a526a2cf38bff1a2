"""Where a run goes when nobody says: always a new folder."""

from pathlib import Path

RUNS = Path("runs")


def new_run_folder(name: str, runs: Path = RUNS) -> Path:
    """`<runs>/<name>`, or `<runs>/<name>-2` and so on where that is taken; not made yet."""
    folder, number = runs / name, 1
    while folder.exists():
        number += 1
        folder = runs / f"{name}-{number}"
    return folder
