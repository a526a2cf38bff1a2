"""What can be made again, kept on disk from one run to the next."""

import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_SHARE = 16
"""Of the bound: what a run writes between two looks at the folder, and the largest entry."""
_BLOCK = 4096
_FRESH = 24 * 3600.0
"""Seconds after which an entry that is read is marked as used."""
_ABANDONED = 3600.0
"""Seconds after which nobody is still writing an entry."""
_CHECKSUM = 4


class Keys:
    """What entries are kept under that were made in one way.

    Args:
        settings: all that an entry depends on beside what it is made from, as plain JSON data.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        plain = json.dumps(settings, sort_keys=True, allow_nan=False)
        self._settings = hashlib.blake2b(plain.encode()).digest()

    def of(self, content: bytes) -> str:
        """The key of what is made from these bytes."""
        return hashlib.blake2b(content, digest_size=20, key=self._settings).hexdigest()


class DiskCache:
    """Bytes by key, in a folder that does not grow beyond a bound.

    Each entry is a file, written beside and renamed, so that it is read whole and without a lock
    while other runs read, write and evict in the same folder. A damaged entry counts as none. What
    was not used for longest goes first. A folder that cannot be written keeps nothing, and is no
    error: whatever is kept can be made again.

    Args:
        folder: below the user's cache folder; made when the first entry is written.
        most_bytes: on disk. Two runs at once stay below it together.

    Example:
        cache, keys = DiskCache(cache_folder("media"), 4 << 30), Keys({"size": 64})
        cache.put(keys.of(file), decoded)
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._folder = folder
        self._share = most_bytes // _SHARE
        self._lock = threading.Lock()
        self._written: int | None = None

    def get(self, key: str) -> bytes | None:
        """What is kept under a key, if anything is."""
        path = self._path(key)
        try:
            with open(path, "rb", buffering=0) as file:
                found = file.read()
                used = os.fstat(file.fileno()).st_mtime
            if time.time() - used > _FRESH:
                os.utime(path)
        except OSError:
            return None
        content = found[_CHECKSUM:]
        return content if found[:_CHECKSUM] == _checksum(key, content) else None

    def put(self, key: str, content: bytes) -> None:
        """Keeps bytes under a key, unless they are too many."""
        size = _on_disk(len(content) + _CHECKSUM)
        if size > self._share:
            return
        path = self._path(key)
        part = f"{path}.{os.getpid()}.{threading.get_ident()}.part"
        try:
            self._make_room(size)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(part, "wb") as file:
                file.write(_checksum(key, content) + content)
            os.replace(part, path)
        except OSError:
            with suppress(OSError):
                os.unlink(part)

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key)

    def _make_room(self, size: int) -> None:
        """Looks at the folder at first, and whenever this run has written its share since."""
        with self._lock:
            if self._written is None or self._written + size > self._share:
                self._evict()
                self._written = 0
            self._written += size

    def _evict(self) -> None:
        """Leaves room for the shares of two runs, and of two more, so that it is seldom done."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        if total <= (_SHARE - 2) * self._share:
            return
        for _, size, path in files:
            if total <= (_SHARE - 4) * self._share:
                return
            # Another run may have removed it; Windows removes nothing that is being read.
            with suppress(OSError):
                os.unlink(path)
            total -= size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """When each file was last used, its size and path; what was abandoned is removed."""
        for inner in _listed(self._folder):
            for file in _listed(inner.path):
                with suppress(OSError):
                    found = file.stat()
                    if file.name.endswith(".part") and time.time() - found.st_mtime > _ABANDONED:
                        os.unlink(file.path)
                    else:
                        yield found.st_mtime, _on_disk(found.st_size), file.path


def _checksum(key: str, content: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(key.encode())).to_bytes(_CHECKSUM, "little")


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _listed(folder: str | Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []
