"""Arrow columns in a file that is mapped into memory, of which little is held at a time."""

import mmap
import os
import threading
import weakref
from typing import IO

import pyarrow as pa

_HELD = 1 << 26
"""Bytes of a mapped file that may lie in memory on our account."""
_PAGES = 1 << 21
"""What the system may bring in around one cell: of a large file, Linux keeps pages of so much."""


class Mapped:
    """An Arrow file whose columns are read where they lie.

    The system counts what was read of a mapped file as this process's memory until something else
    needs it. It is given back as soon as it is more than a little: reading it again costs no disk, as
    long as the system has it. But each page that was given back has to be brought in again, so that
    the system is asked how much it is before.

    Args:
        file: an uncompressed one in Arrow's IPC format; it may be closed afterwards.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file = os.dup(file.fileno())
        # At the end of the process the system closes it: whoever reads until then still can.
        weakref.finalize(self, os.close, self._file).atexit = False
        self._touched = 0
        self._before = _mapped_bytes()
        self._counting = threading.Lock()
        whole = pa.py_buffer(self._map)
        self._address = whole.address
        self.table = pa.ipc.open_file(pa.BufferReader(whole)).read_all()

    def place(self, part: pa.Buffer | None) -> int:
        """Where in the file a buffer of its table begins; 0 for one without bytes."""
        return 0 if part is None or part.size == 0 else int(part.address - self._address)

    def holds(self, values: pa.ChunkedArray) -> bool:
        """Whether the cells of a column lie in the file."""
        parts = (part for chunk in values.chunks for part in chunk.buffers())
        first = next((part for part in parts if part is not None and part.size), None)
        return first is not None and 0 <= self.place(first) < len(self._map)

    def read(self, place: int, size: int) -> bytes:
        """So many bytes of the file, not through the map: nothing else is brought in for them.

        Raises:
            OSError: they cannot be read.
        """
        found = os.pread(self._file, size, place)
        while len(found) < size:
            more = os.pread(self._file, size - len(found), place + len(found))
            if not more:
                raise OSError(f"a table's file on disk ended after {place + len(found)} bytes")
            found += more
        return found

    def count(self, size: int, cells: int = 0) -> None:
        """Counts what is read of it: so many bytes in a row, and so many cells here and there."""
        with self._counting:
            self._touched += size + cells * _PAGES
            much = self._touched > _HELD
            if much:
                self._touched = 0
        if much and self._is_much():
            self.release()

    def _is_much(self) -> bool:
        """Whether files take much more of this process than when this one was given back."""
        now = _mapped_bytes()
        if now is None or self._before is None:
            return True
        self._before = min(self._before, now)
        return now - self._before > _HELD

    def release(self) -> None:
        """Gives back the memory that the file takes in this process; it stays readable."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
        self._before = _mapped_bytes()


def _mapped_bytes() -> int | None:
    """What of all files that it has mapped lies in this process, if the system tells."""
    try:
        with open("/proc/self/statm") as said:
            return int(said.read().split()[2]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def write_arrow(batches: pa.RecordBatchReader, file: IO[bytes]) -> None:
    """Writes batches to a file that `Mapped` reads."""
    with pa.ipc.new_file(file, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    file.flush()
