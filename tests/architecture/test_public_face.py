"""What users build on is written down: a change here needs a line in the CHANGELOG."""

import importlib
import inspect
from pathlib import Path

import pytest

import plait
from plait._names import parameters

FACE = Path(__file__).parent / "public_face.txt"


def face():
    """Every public name by section, classes with their arguments."""
    sections = sorted(m for m in plait._PUBLIC if hasattr(importlib.import_module(m), "__all__"))
    lines = [f"plait: {', '.join(sorted(plait.__all__))}"]
    for section in sections:
        module = importlib.import_module(section)
        for public in sorted(module.__all__):
            thing = getattr(module, public)
            known = inspect.isclass(thing) or inspect.isfunction(thing)
            arguments = ", ".join(parameters(thing)) if known else ""
            lines.append(f"{section}.{public}({arguments})")
    return lines


def test_is_as_written_down():
    written = FACE.read_text().splitlines()
    now = face()
    gone, new = sorted(set(written) - set(now)), sorted(set(now) - set(written))
    if gone or new:
        pytest.fail(
            "The public face changed. If that is meant, write a CHANGELOG line and run\n"
            "    python -m tests.architecture.test_public_face\n"
            f"gone: {gone}\nnew: {new}"
        )


if __name__ == "__main__":
    FACE.write_text("\n".join(face()) + "\n")
