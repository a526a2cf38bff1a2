"""A run's folder while the run is under way: nobody else writes to it, and it can be gone on with."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from plait._beside import is_full, written_beside
from plait.errors import ConfigError, DataError, StoppedError
from plait.inference import Declaration
from plait.table import Table
from plait.training._checkpoint import Checkpoint, found_in, last_whole
from plait.training._goes_on import GoesOn
from plait.training._history import HISTORY_FILE, write_history
from plait.training._notes import tell
from plait.training._run_folder import MODEL_FILE, begin_documents, run_folder, write_documents
from plait.training._selection import Epoch

_LOCK = ".running"
_CHECKPOINTS = "checkpoints"
_ENVIRONMENT = "environment"


class Run:
    """One run.

    Args:
        folder: a new folder; with `resume`, that of a run which was begun and not ended.
        resume: whether to go on with it.
        files: more files to lie in it from the start, by name.
        resumable: whether checkpoints are written.

    Raises:
        ConfigError: a new folder that holds something or cannot be written; one to go on with that
            is no run, is over, or that another process writes to.
    """

    def __init__(
        self,
        folder: str | Path | bool,
        *,
        resume: bool = False,
        files: Mapping[str, str] | None = None,
        resumable: bool = True,
    ) -> None:
        self.resume = resume
        self.folder = _begun(Path(str(folder))) if resume else _new(folder)
        self.files = dict(files or {})
        self.resumable = resumable
        self.documents: Mapping[str, Any] = {}
        self._made = not self.folder.exists()
        self._lock: IO[str] | None = None

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / _CHECKPOINTS

    def begin(self, documents: Mapping[str, Any], told: Callable[[str], None]) -> Checkpoint | None:
        """Takes the folder, and says what the run was about before it trains.

        Args:
            documents: JSON data by name; of a run that is gone on with, what they have to be.
            told: called with a line about a checkpoint that cannot be used.

        Returns:
            What to go on from, if anything.

        Raises:
            DataError: the data are not those that the run began with.
            ConfigError: another process writes to the folder.
        """
        self.documents = documents
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take()
        if self.resume:
            self._compare(documents[_ENVIRONMENT])
            return last_whole(self.checkpoints, told)
        self.checkpoints.mkdir()
        write_documents(self.folder, documents)
        for name, text in self.files.items():
            with written_beside(self.folder / name) as part:
                part.write_text(text, encoding="utf-8")
        return None

    def record(self, history: Sequence[Epoch]) -> None:
        """Writes the epochs so far; what a full disk leaves out, the next epoch brings."""
        try:
            write_history(self.folder, history)
        except OSError as error:
            if not is_full(error):
                raise
            tell([f"The disk under '{self.folder}' is full: {HISTORY_FILE} is an epoch behind."])

    def end(self) -> None:
        """The run is over and its files are there: nothing is left to go on from."""
        # With what a process that was killed had not yet renamed.
        shutil.rmtree(self.checkpoints)
        self.release()

    def fail(self) -> None:
        """The run failed by its own doing: without a checkpoint nothing of it is worth keeping."""
        if not found_in(self.checkpoints):
            shutil.rmtree(self.checkpoints)
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != _LOCK:
                    path.unlink()
            self.release()
            if self._made:
                self.folder.rmdir()
            return
        self.release()

    def _compare(self, now: Mapping[str, Any]) -> None:
        text = (self.folder / f"{_ENVIRONMENT}.json").read_text(encoding="utf-8")
        was = json.loads(text)
        for part, found in now["data"].items():
            known = was["data"].get(part)
            if known is None or known["sha256"] != found["sha256"]:
                old = "no such part" if known is None else f"sha256 {known['sha256'][:16]}..."
                raise DataError(
                    f"{found['table']}: the {part} rows are not those that the run '{self.folder}' "
                    f"began with: {old} then, sha256 {found['sha256'][:16]}... now. Bring the table "
                    "back, or begin a new run."
                )
        if was["backend"] != now["backend"] or was["plait"] != now["plait"]:
            raise ConfigError(
                f"The run '{self.folder}' was begun with plait {was['plait']} on {was['backend']}, and "
                f"this is plait {now['plait']} on {now['backend']}."
            )

    def _take(self) -> None:
        lock = (self.folder / _LOCK).open("a+", encoding="utf-8")
        if not _lock(lock):
            lock.seek(0)
            said = lock.read().strip()
            lock.close()
            raise ConfigError(
                f"Another process{f' ({said})' if said else ''} writes to the run '{self.folder}'. "
                "Choose another folder, or end that process."
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Lets another process have the folder."""
        if self._lock is not None:
            (self.folder / _LOCK).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


def _begun(folder: Path) -> Path:
    if (folder / MODEL_FILE).exists():
        raise ConfigError(f"The run '{folder}' is over: there is nothing to go on with.")
    if not (folder / f"{_ENVIRONMENT}.json").is_file():
        raise ConfigError(f"'{folder}' holds no run that was begun. `plait fit CONFIG` begins one.")
    return folder


def _new(folder: str | Path | bool) -> Path:
    path = run_folder(folder)
    if path is None:
        raise ConfigError("A run has a folder.")
    return path


def _lock(file: IO[str]) -> bool:
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


@contextmanager
def going_on(
    run: Run | None,
    arguments: Mapping[str, Any],
    declaration: Declaration,
    parts: Mapping[str, Table],
) -> Iterator[GoesOn | None]:
    """A block in which a run trains.

    Args:
        run: None for none.
        arguments: of the learner, as it runs.
        declaration: fitted.
        parts: the rows of each part.

    Raises:
        StoppedError: out of the block, with what goes on with the run.
    """
    if run is None:
        yield None
        return

    def told(line: str) -> None:
        tell([line])

    resumed = run.begin(begin_documents(arguments, declaration, parts), told)
    try:
        yield GoesOn(run.checkpoints, resumed, told) if run.resumable else None
    except StoppedError as error:
        run.release()
        way_out = f"`plait fit --resume {run.folder}` goes on where it was."
        raise StoppedError(error.signal, error.written, way_out) from error
    except BaseException:
        run.fail()
        raise
