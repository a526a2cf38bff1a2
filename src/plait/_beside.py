"""Writing a file so that it is there whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: OSError) -> bool:
    """Whether there was no room to write to: on the disk, or left to this user."""
    return error.errno in _FULL


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed into place if the block ends well, removed if not.

    Example:
        with written_beside(folder / "metrics.json") as part:
            part.write_text("[]")
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
