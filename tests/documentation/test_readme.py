"""The Python of the README and of a page runs, block after block."""

import os
import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import pytest

from plait.demo import make_table

ROOT = Path(__file__).parents[2]


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.S)


def script_of(page, count, folder):
    blocks = blocks_of(page)
    assert len(blocks) == count
    script = folder / "page.py"
    script.write_text("\n".join(blocks))
    return script


def test_python_blocks_of_the_readme_run(tmp_path):
    """In a process of their own, where nothing has chosen a backend or imported anything."""
    make_table(tmp_path / "plait-demo", rows=120)
    done = subprocess.run(
        [sys.executable, script_of("README.md", 3, tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "office.plait").is_file()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="shown on JAX")
@pytest.mark.parametrize(
    ("page", "count"),
    [
        ("docs/auxiliary.md", 1),
        ("docs/balancing.md", 4),
        ("docs/encoders.md", 1),
        ("docs/matching.md", 1),
        ("docs/ordered_and_counted.md", 1),
        ("docs/segmentation.md", 1),
        ("docs/sharing.md", 1),
        ("docs/tagging.md", 1),
        ("docs/vectors_dates_sets.md", 1),
        ("docs/columns.md", 1),
    ],
)
def test_python_blocks_run(tmp_path, page, count, monkeypatch):
    script = script_of(page, count, tmp_path)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        runpy.run_path(str(script), run_name="__main__")


def test_plait_is_imported_first():
    """Keras alone would take the backend of its own settings, which may not be installed."""
    assert all(block.startswith("import plait") for block in blocks_of("README.md"))
    assert blocks_of("docs/balancing.md")[0].startswith("import plait")


def test_a_balancer_of_one_s_own_is_under_20_lines():
    (own,) = [b for b in blocks_of("docs/balancing.md") if "class " in b]
    assert len(own.split("\n\n\n")[0].splitlines()) < 20


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
