"""A run's folder while the run is under way: nobody else writes to it, and it can be gone on with."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plait._beside import is_full, written_beside
from plait._held_folder import HeldFolder
from plait.errors import ConfigError, PlaitError, ReadingError, StoppedError
from plait.training._checkpoint import last_whole
from plait.training._goes_on import GoesOn
from plait.training._history import HISTORY_FILE, write_history
from plait.training._notes import tell
from plait.training._run_folder import METRICS, MODEL_FILE, write_documents
from plait.training._same_start import demand_same_start, read_document
from plait.training._selection import Epoch
from plait.training._settings import Training

RUNS = Path("runs")
"""Where a run goes that nobody gave a folder."""

_CHECKPOINTS = "checkpoints"
_ENVIRONMENT = "environment"


class Run:
    """One run; its folder is this process' own from now on.

    Used as a block, in which the run trains and is written. If that ends well, the run is over. If it
    does not, what was written is removed, unless there is a checkpoint to go on from, or Ctrl-C ended
    it.

    Args:
        folder: a new folder; with `resume`, that of a run which was begun and not ended.
        resume: whether to go on with it.
        numbered: whether `<folder>-2` and so on will do where it is taken.
        files: more files to lie in it from the start, by name.
        like: the folder of a run that this one repeats; what it began with has to be the same.
        of_folds: whether it is one of folds, each with a run of its own in it.
        within: the run of folds that this one belongs to.

    Raises:
        ConfigError: a new folder that holds something or cannot be written; one to go on with that
            is no run, or is over; one that another process writes to.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        resume: bool = False,
        numbered: bool = False,
        files: Mapping[str, str] | None = None,
        like: Path | None = None,
        of_folds: bool = False,
        within: "Run | None" = None,
    ) -> None:
        self.resume = resume
        self.files = dict(files or {})
        self.like = like
        self.of_folds = of_folds
        self.within = within
        self._own: list[Path] = []
        folder = Path(folder)
        self._held = self._begun(folder) if resume else HeldFolder.new(folder, numbered)
        self.folder = self._held.path
        if not resume:
            try:
                # Before anything is read: a run that is killed meanwhile is known by them.
                for name, text in self.files.items():
                    self._own.append(self.folder / name)
                    with written_beside(self._own[-1]) as part:
                        part.write_text(text, encoding="utf-8")
            except BaseException:
                self.fail()
                raise

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / _CHECKPOINTS

    def begin(self, documents: Mapping[str, Any]) -> GoesOn:
        """Says what the run is about, before it trains.

        Args:
            documents: see `begin_documents`; of a run that is gone on with, what they have to be.

        Returns:
            Where checkpoints go, and the one to go on from, if any.

        Raises:
            DataError: the rows are not those that the run, or the one it repeats, began with.
            ConfigError: neither is what it is about.
        """

        def told(line: str) -> None:
            tell([line])

        if self.like is not None:
            demand_same_start(self.like, documents, told)
        if self.resume and self._is_described():
            demand_same_start(self.folder, documents, told, program=True)
            return GoesOn(self.checkpoints, last_whole(self.checkpoints, told), told)
        self._own += [self.folder / f"{name}.json" for name in documents]
        if not self.of_folds:
            self.checkpoints.mkdir(exist_ok=True)
        # The last one, once it is there, says that the others are.
        ending = {_ENVIRONMENT: documents[_ENVIRONMENT]}
        write_documents(self.folder, {n: d for n, d in documents.items() if n not in ending})
        write_documents(self.folder, ending)
        return GoesOn(self.checkpoints, None, told)

    def batch_as_begun(self, settings: Training) -> Training | None:
        """The settings with the batch of the run that goes on, or is repeated; None before its start.

        The memory that is free now has no say in it.
        """
        folder = self.folder if self.resume else self.like
        if folder is None or not (folder / f"{_ENVIRONMENT}.json").is_file():
            return None
        said = read_document(folder, "config")["training"]["Training"]
        return replace(
            settings, batch_size=said["batch_size"], accumulate=said.get("accumulate", 1)
        )

    def record(self, history: Sequence[Epoch]) -> None:
        """Writes the epochs so far; what a full disk leaves out, the next epoch brings."""
        self.owns(self.folder / HISTORY_FILE)
        try:
            write_history(self.folder, history)
        except OSError as error:
            if not is_full(error):
                raise
            tell([f"The disk under '{self.folder}' is full: {HISTORY_FILE} is an epoch behind."])

    def owns(self, path: Path) -> None:
        """Counts a file or folder among what goes if the run fails."""
        if path not in self._own:
            self._own.append(path)

    def end(self) -> None:
        """The run is over and its files are there: nothing is left to go on from."""
        _clear(self.folder, over=True)
        self._held.release()

    def fail(self) -> bool:
        """The run failed by its own doing: without a checkpoint, or a fold, nothing is worth keeping.

        Returns:
            Whether it can be gone on with.
        """
        if self.resume or self._has_got_somewhere():
            self._held.release()
            return True
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        for path in self._own:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
                continue
            with suppress(OSError):
                path.unlink()
        self._held.remove()
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
        elif isinstance(error, StoppedError):
            self._held.release()
            where = "where it was" if error.written else "from the one before, or anew"
            way_out = f"{self._way_back} goes on {where}."
            raise StoppedError(error.signal, error.written, way_out, error.what) from error
        elif isinstance(error, KeyboardInterrupt) and self._is_described():
            # As one that was killed: nothing of it failed.
            self._held.release()
        else:
            goes_on = self.fail()
            if self.within is not None:
                goes_on = self.within._has_got_somewhere()
            if isinstance(error, ReadingError):
                raise ReadingError(error.what, self._after_a_death(goes_on)) from error.__cause__
            if isinstance(error, OSError) and is_full(error):
                way_out = f"{self._way_back} then goes on" if goes_on else "begin anew"
                raise PlaitError(
                    f"The disk under '{self.folder}' is full: the run could not be written. Make "
                    f"room; {way_out}."
                ) from error

    @property
    def _way_back(self) -> str:
        if self.within is not None:
            return self.within._way_back
        if self.files:
            return f"`plait fit --resume {self.folder}`"
        begins = "folds(table, spec" if self.of_folds else "fit(table"
        return f"{begins}, run='{self.folder}', resume=True)"

    def _after_a_death(self, goes_on: bool) -> str:
        if not goes_on:
            return "Nothing of the run is kept, since it had no checkpoint: begin anew."
        whole = self if self.within is None else self.within
        where = "from the last checkpoint" if whole._has_got_somewhere() else "from the start"
        return f"{self._way_back} goes on {where}."

    def _has_got_somewhere(self) -> bool:
        found = (self.folder.glob(p) for p in ("**/*.checkpoint", f"*/{MODEL_FILE}"))
        return any(map(any, found))

    def _is_described(self) -> bool:
        return (self.folder / f"{_ENVIRONMENT}.json").is_file()

    def _begun(self, folder: Path) -> HeldFolder:
        """The folder of a run that was begun, if only by the files that lie in it from the start."""
        known = [*self.files] or [f"{_ENVIRONMENT}.json"]
        if not all((folder / name).is_file() for name in known):
            raise ConfigError(
                f"'{folder}' holds no run that was begun. `plait fit CONFIG` begins one."
            )
        held = HeldFolder(folder)
        over = is_over(folder, self.of_folds)
        _clear(folder, over)
        if over:
            held.release()
            what = f"The run '{folder}' is over: there is nothing to go on with."
            if not self.of_folds:
                what += (
                    " Its last epoch, early stopping or max_minutes ended it; a new run begins with "
                    f"what it has learnt by `plait fit CONFIG --from {folder}`."
                )
            raise ConfigError(what)
        return held


def is_over(folder: Path, of_folds: bool = False) -> bool:
    """Whether a run's folder has what is written last."""
    return (folder / (f"{METRICS}.json" if of_folds else MODEL_FILE)).is_file()


def _clear(folder: Path, over: bool) -> None:
    """Removes what processes that were killed, its folds' too, had not yet renamed, or removed."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
    if over:
        for checkpoints in (folder / _CHECKPOINTS, *folder.glob(f"*/{_CHECKPOINTS}")):
            shutil.rmtree(checkpoints, ignore_errors=True)


def held_run(
    run: str | Path | bool | Run, resume: bool = False, of_folds: bool = False
) -> AbstractContextManager[Run | None]:
    """A block in which a run has its folder.

    Args:
        run: a folder, or a run that holds one; True is `runs/<date and time>`, False is none.
        resume: see `Run`.
        of_folds: see `Run`.

    Raises:
        ConfigError: see `Run`; or there is no folder to go on with.
    """
    if isinstance(run, Run):
        return run
    if isinstance(run, bool) and resume:
        raise ConfigError(
            f"resume=True goes on with the run in a folder. Received: run={run}. Name the folder: "
            "fit(table, run='runs/...', resume=True)."
        )
    if run is False:
        return nullcontext()
    if run is True:
        return Run(RUNS / f"{datetime.now():%Y-%m-%d-%H%M%S}", numbered=True, of_folds=of_folds)
    return Run(run, resume=resume, of_folds=of_folds)


def fold_run(within: Run | None, folder: str) -> AbstractContextManager[Run | None]:
    """A block in which a fold has its folder; it goes on with what was begun there.

    Args:
        within: the run of all folds; None for no folder.
        folder: the name of the fold's folder in it.
    """
    if within is None:
        return nullcontext()
    here = within.folder / folder
    begun = (here / f"{_ENVIRONMENT}.json").is_file()
    if not begun:
        # Killed while it was described: nobody has put anything else there.
        shutil.rmtree(here, ignore_errors=True)
    return Run(here, resume=begun, within=within)
