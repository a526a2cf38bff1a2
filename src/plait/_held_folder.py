"""A folder that one process writes to, and no other until it is done or has ended."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from plait.errors import ConfigError

_LOCK = ".running"
_PAUSE = 0.1


class HeldFolder:
    """A folder that is there, for this process alone from now until `release`.

    Args:
        path: the folder.

    Raises:
        ConfigError: another process holds it.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made: list[Path] = []
        self._lock = _locked(path)

    @classmethod
    def new(cls, path: Path, numbered: bool = False) -> Self:
        """Makes a folder, or takes an empty one.

        Args:
            path: the folder.
            numbered: whether `<path>-2` and so on will do where it is taken.

        Raises:
            ConfigError: it is taken, or cannot be written.
        """
        wanted, number = path, 1
        while True:
            try:
                return cls._empty(wanted)
            except _TakenError:
                if not numbered:
                    raise
            number += 1
            wanted = path.with_name(f"{path.name}-{number}")

    @classmethod
    def _empty(cls, path: Path) -> Self:
        _demand_empty(path)
        made: list[Path] = []
        held = None
        try:
            for step in reversed([path, *path.parents]):
                if not step.exists():
                    step.mkdir(exist_ok=True)
                    made.append(step)
            held = cls(path)
            # Another process may have been here between the two.
            _demand_empty(path)
        except (OSError, ConfigError) as error:
            if held is not None:
                held.release()
            _remove(made)
            if not isinstance(error, OSError):
                raise
            raise ConfigError(
                f"The run's folder '{path}' cannot be written: {error.strerror}. Choose another "
                "folder."
            ) from error
        held._made = made
        return held

    def release(self) -> None:
        """Lets another process have the folder."""
        # Windows removes no file that is open. Without a process that holds it, it says nothing.
        with suppress(OSError):
            (self.path / _LOCK).unlink()
        self._lock.close()

    def remove(self) -> None:
        """Releases the folder, and removes it and those above it that were made for it, if empty."""
        self.release()
        _remove(self._made)


class _TakenError(ConfigError):
    """A folder that holds something, or that another process holds."""


def wait_until_free(path: Path, seconds: float) -> None:
    """Until no process holds a folder, such as one that still writes its last checkpoint.

    Args:
        path: the folder; one that is not there is free.
        seconds: how long at most.
    """
    until = time.monotonic() + seconds
    while _is_held(path) and time.monotonic() < until:
        time.sleep(_PAUSE)


def _is_held(path: Path) -> bool:
    try:
        with (path / _LOCK).open("r+", encoding="utf-8") as file:
            return not _taken(file)
    except FileNotFoundError:
        return False


def _demand_empty(path: Path) -> None:
    if not os.path.exists(path):
        return
    if not path.is_dir() or any(name != _LOCK for name in os.listdir(path)):
        raise _TakenError(
            f"'{path}' is there and holds something, and a run is never written over. Choose "
            "another folder, or remove it; a run that was stopped goes on with --resume (in Python "
            "resume=True)."
        )


def _remove(made: list[Path]) -> None:
    for step in reversed(made):
        # Another run may have put something there meanwhile.
        with suppress(OSError):
            step.rmdir()


def _locked(folder: Path) -> IO[str]:
    path = folder / _LOCK
    while True:
        file = path.open("a+", encoding="utf-8")
        if not _taken(file):
            file.seek(0)
            said = file.read().strip()
            file.close()
            raise _TakenError(
                f"Another process{f' ({said})' if said else ''} writes to the run '{folder}'. "
                "Choose another folder, or end that process."
            )
        if _is_at(file, path):
            break
        # Whoever held it removed it after it was opened here: it keeps nobody out any more.
        file.close()
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _taken(file: IO[str]) -> bool:
    """Takes the file for this process, until it ends in whatever way; False if another has it."""
    try:
        import fcntl
    except ImportError:  # Windows.
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
