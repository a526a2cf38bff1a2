"""Rows of torchjd and LibMTL, each beside torch's own plain step, from a process of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from results import Key, Row

TORCHJD = ("Mean", "UPGrad", "PCGrad", "MGDA", "CAGrad", "NashMTL", "AlignedMTL", "IMTLG")
LIBMTL = ("EW", "PCGrad", "MGDA", "CAGrad", "Nash_MTL", "IMTL", "MGDA, rep_grad")


def names(libmtl: Path | None) -> list[str]:
    return [
        *(f"torchjd {name}" for name in TORCHJD),
        *(f"LibMTL {name}" for name in LIBMTL if libmtl),
    ]


def measure(wanted: list[Key], pairs: int, libmtl: Path | None) -> Iterator[Row]:
    """The wanted rows, as the other process gives them."""
    child = Path(__file__).parent / "torch_rows.py"
    asked = json.dumps({"rows": wanted, "pairs": pairs, "libmtl": libmtl and str(libmtl)})
    with subprocess.Popen(
        [sys.executable, str(child), asked], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            if line.startswith("{"):
                yield json.loads(line)
    if process.returncode:
        raise SystemExit(f"{child.name} ended with {process.returncode}.")
