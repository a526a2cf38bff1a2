"""The memory of the machine itself."""

from contextlib import suppress
from pathlib import Path

_LIMIT, _NOW = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))


def host_memory_free() -> int | None:
    """Bytes that can still be taken; None where nobody tells."""
    found = [there] if (there := told_by_linux("meminfo", "MemAvailable")) else []
    # The bound of a container, which says "max" where it has none.
    with suppress(OSError, ValueError):
        found.append(int(_LIMIT.read_text("ascii")) - int(_NOW.read_text("ascii")))
    return min(found, default=None)


def told_by_linux(file: str, name: str) -> int:
    """The bytes in a line of a file below /proc, such as `VmRSS: 12 kB`; 0 without it."""
    with suppress(OSError):
        for line in Path("/proc", file).read_text("ascii").splitlines():
            if line.startswith(f"{name}:"):
                return 1024 * int(line.split()[1])
    return 0
