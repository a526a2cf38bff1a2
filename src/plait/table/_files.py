"""The files that a path, a pattern or a folder names, and what kind each is of."""

from glob import glob, has_magic
from pathlib import Path, PurePath

from plait._names import did_you_mean_file
from plait.errors import DataError

KINDS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".arrow": "Arrow",
    ".arrows": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
}
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")


def files_of(path: Path) -> list[Path]:
    """The files of a table, in the order of their names.

    A folder's files are all below it whose ending is known, without those whose name, or whose
    folder's name, starts with a dot or an underscore, as those of other programs' notes do.

    Raises:
        DataError: there is none.
    """
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and is_table(p.relative_to(path)))
        if not found:
            raise DataError(
                f"The folder '{path}' holds no table. Known endings: {', '.join(KINDS)}."
            )
        return found
    if has_magic(str(path)):
        found = sorted(Path(p) for p in glob(str(path), recursive=True) if Path(p).is_file())
        if not found:
            raise DataError(f"No file is called like '{path}'.")
        return found
    siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    raise DataError(
        f"The table '{path}' does not exist.{did_you_mean_file(path.name, siblings[:500])}"
    )


def kind_of(path: Path) -> str:
    """What the file is, by its ending: a value of `KINDS`.

    Raises:
        DataError: an ending that is not known.
    """
    kind = _kind(path)
    if kind is None:
        raise DataError(
            f"The table '{path.name}' is of no known kind. Known endings: {', '.join(KINDS)}, and "
            "CSV or JSON lines compressed (.gz, .bz2, .zst)."
        )
    return kind


def is_table(path: PurePath) -> bool:
    """Whether a file below a folder is a part of the table that the folder is."""
    return _kind(path) is not None and not any(p.startswith((".", "_")) for p in path.parts)


def is_compressed(path: PurePath) -> bool:
    """Whether the whole file is."""
    return path.suffix.lower() in _COMPRESSED


def _kind(path: PurePath) -> str | None:
    suffixes = [s.lower() for s in path.suffixes]
    if len(suffixes) > 1 and is_compressed(path):
        suffixes.pop()
    return KINDS.get(suffixes[-1]) if suffixes else None
