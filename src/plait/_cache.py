"""The folder for what can be made again: the user's own cache, never beside the user's files."""

import os
import sys
from pathlib import Path

FOLDER = "PLAIT_CACHE"
"""The environment variable that names another folder."""


def cache_folder(inner: str) -> Path:
    """A folder below the cache, made if it is not there.

    `$PLAIT_CACHE`, else `plait` in the system's place for caches: `$XDG_CACHE_HOME` or `~/.cache`,
    `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
    """
    folder = _root() / inner
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _root() -> Path:
    if named := os.environ.get(FOLDER):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "plait"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "plait"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plait"
