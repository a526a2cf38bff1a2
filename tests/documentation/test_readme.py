"""The README's Python runs, block after block, in a folder with the demo's table."""

import os
import re
import subprocess
import sys
from pathlib import Path

from plait.demo import make_table

ROOT = Path(__file__).parents[2]


def test_python_blocks_run(tmp_path):
    make_table(tmp_path / "plait-demo", rows=120)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    assert len(blocks) == 3
    # Keras alone would take the backend of its own settings, which may not be installed.
    assert all(block.startswith("import plait") for block in blocks)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "office.plait").is_file()


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
