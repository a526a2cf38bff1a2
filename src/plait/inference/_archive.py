"""A saved model on disk: one zip file, stored, of plain JSON and plain arrays.

Every member is checked against what the description asks for and against the bytes that are really
there before an array is made of it; nothing is unpacked to disk, and nothing in the file is code.
"""

import errno
import json
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

import plait
from plait._beside import written_beside
from plait._names import did_you_mean
from plait.errors import ModelFileError

FORMAT = 1
DESCRIPTION = "model.json"
# A vocabulary is the largest thing in a description.
_DESCRIPTION_LIMIT = 2**28
_HEADER_LIMIT = 4096
# What `zipfile` raises; a RuntimeError for a member that says it is encrypted.
_DAMAGE = (zipfile.BadZipFile, ValueError, RuntimeError, struct.error, EOFError)


class ArrayForm(NamedTuple):
    """The shape and the dtype's name of a stored array."""

    shape: tuple[int, ...]
    dtype: str


def member(name: str) -> str:
    """The archive member that holds the weight `name`."""
    return f"weights/{name}.npy"


def write_archive(
    path: Path, description: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> None:
    """Writes a saved model, whole or not at all.

    Args:
        path: the file.
        description: plain JSON data.
        weights: arrays by name.
    """
    head = {"format": FORMAT, "plait": plait.__version__, **description}
    with (
        written_beside(path) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive,
    ):
        archive.writestr(_entry(DESCRIPTION), json.dumps(head, ensure_ascii=False, indent=1))
        for name, values in weights.items():
            with archive.open(_entry(member(name)), "w", force_zip64=True) as stream:
                # In C's order, the only one that is read.
                plain = np.asarray(values, order="C")
                np.lib.format.write_array(stream, plain, allow_pickle=False)


def _entry(name: str) -> zipfile.ZipInfo:
    # A fixed date: the same model is the same bytes.
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


class Archive:
    """A saved model that is open for reading.

    Args:
        path: the file, or a run's folder that holds one as `model.plait`.
        kind: what it is called where it is refused.

    Raises:
        ModelFileError: no such file, no zip, cut short, members that are compressed, that overlap
            or that a saved model does not have, or a format this plait does not know.
    """

    def __init__(self, path: Path, kind: str = "saved model") -> None:
        self.kind = kind
        self.path = path / "model.plait" if path.is_dir() else path
        try:
            with self._refused(f"it is cut short or no {kind}"):
                self._zip = zipfile.ZipFile(self.path)
        except FileNotFoundError as error:
            raise ModelFileError(f"No saved model at {self.path}.{_near(path)}") from error
        try:
            self._check_members()
            self.description = self._read_description()
        except ModelFileError:
            self.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def check_count(self, least: int) -> None:
        """Refuses a description of more weights than there are, before any is looked for.

        Raises:
            ModelFileError: the file holds fewer than `least`.
        """
        held = len(self._zip.namelist()) - 1
        if held < least:
            raise self._refusal(f"its description asks for more weights than the {held} it holds")

    def check(self, expected: Mapping[str, ArrayForm]) -> None:
        """Compares the weights in the file with those that its description asks for.

        Only headers are read, so that nothing of a declared size is allocated.

        Raises:
            ModelFileError: a weight that is missing, unexpected, of another shape or cut short.
        """
        wanted = {member(name) for name in expected}
        held = set(self._zip.namelist()) - {DESCRIPTION}
        if missing := sorted(wanted - held):
            raise self._refusal(
                f"{len(missing)} weights are missing, first {missing[0]!r}; it is damaged, or another "
                "version of plait has written it"
            )
        if extra := sorted(held - wanted):
            raise self._refusal(f"it holds {extra[0]!r}, which belongs to no saved model")
        for name, form in expected.items():
            with self._open(member(name)) as stream:
                self._check_array(member(name), stream, form)

    def read(self, name: str, form: ArrayForm) -> np.ndarray:
        """One weight.

        Raises:
            ModelFileError: the bytes are damaged.
        """
        with self._open(member(name)) as stream:
            self._check_array(member(name), stream, form)
            try:
                content = stream.read()
            except (zipfile.BadZipFile, EOFError) as error:
                raise self._refusal(f"{member(name)} is damaged ({error})") from error
        return np.frombuffer(content, form.dtype).reshape(form.shape)

    def differing(self, other: "Archive") -> list[str]:
        """The weights that another saved model does not hold bit by bit the same, by name.

        Raises:
            ModelFileError: the bytes are damaged.
        """
        held, others = (set(a._zip.namelist()) - {DESCRIPTION} for a in (self, other))
        same = {name for name in held & others if self._bytes(name) == other._bytes(name)}
        return sorted(
            n.removeprefix("weights/").removesuffix(".npy") for n in (held | others) - same
        )

    def _bytes(self, name: str) -> bytes:
        with self._open(name) as stream:
            try:
                return stream.read()
            except (zipfile.BadZipFile, EOFError) as error:
                raise self._refusal(f"{name} is damaged ({error})") from error

    def _check_array(self, name: str, stream: IO[bytes], form: ArrayForm) -> None:
        try:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):
                raise ValueError(f"array format {version}")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(
                stream, max_header_size=_HEADER_LIMIT
            )
        except zipfile.BadZipFile as error:
            raise self._refusal(f"{name} is damaged ({error})") from error
        except (ValueError, EOFError) as error:
            raise self._refusal(f"{name} is no plain array ({error})") from error
        if shape != form.shape or dtype != np.dtype(form.dtype) or fortran:
            raise self._refusal(
                f"{name} declares {dtype} {shape}, and the description asks for "
                f"{form.dtype} {form.shape}"
            )
        size = math.prod(shape) * dtype.itemsize
        there = self._zip.getinfo(name).file_size - stream.tell()
        if there != size:
            raise self._refusal(f"{name} declares {size} bytes of values and holds {there}")

    def _check_members(self) -> None:
        entries = self._zip.infolist()
        names = [entry.filename for entry in entries]
        if len(set(names)) != len(names):
            raise self._refusal("it holds two members of one name")
        for entry in entries:
            name = entry.filename
            if name != DESCRIPTION and not name.startswith("weights/"):
                raise self._refusal(f"it holds {name!r}, which belongs to no saved model")
            if ".." in name.split("/") or "\\" in name:
                raise self._refusal(f"the member {name!r} climbs out of the file")
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise self._refusal(f"the member {name!r} is compressed; a saved model stores")
        # More than the file holds means members that share bytes or were cut off.
        if sum(entry.file_size for entry in entries) > self.path.stat().st_size:
            raise self._refusal("its members are larger than the file")
        if DESCRIPTION not in names:
            raise self._refusal(f"it has no {DESCRIPTION}")

    def _read_description(self) -> dict[str, Any]:
        if self._zip.getinfo(DESCRIPTION).file_size > _DESCRIPTION_LIMIT:
            raise self._refusal(f"{DESCRIPTION} is larger than any description")
        with self._open(DESCRIPTION) as stream:
            try:
                description = json.loads(stream.read())
            except (ValueError, RecursionError, EOFError, zipfile.BadZipFile) as error:
                raise self._refusal(f"{DESCRIPTION} cannot be read ({error})") from error
        number = description.get("format") if isinstance(description, dict) else None
        if not isinstance(number, int) or number < 1:
            raise self._refusal(f"{DESCRIPTION} gives no format number")
        if number > FORMAT:
            raise self._refusal(
                f"it has format {number}, and plait {plait.__version__} reads formats up to "
                f"{FORMAT}. Install plait {description.get('plait', 'of a later date')} or newer"
            )
        return description

    def _open(self, name: str) -> IO[bytes]:
        with self._refused(f"{name} is damaged"):
            return self._zip.open(name)

    @contextmanager
    def _refused(self, reason: str) -> Iterator[None]:
        """A block in which damage is the reason to refuse the file."""
        try:
            yield
        except (*_DAMAGE, OSError) as error:
            # That is a place before the file's beginning. Others are of the disk, or of rights.
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            raise self._refusal(f"{reason} ({error})") from error

    def _refusal(self, reason: str) -> ModelFileError:
        return ModelFileError(f"The {self.kind} {self.path} is refused: {reason}.")


def _near(path: Path) -> str:
    """What else is there: runs in it, such as those of folds, or runs of nearly that name."""
    if path.is_dir():
        inner = sorted(found.parent for found in path.glob("*/model.plait"))
        if inner:
            return f" There are runs in it; name one of them, such as {inner[0]}."
        begun = (path / "environment.json").is_file()
        return " The run is not over: `plait fit --resume` goes on with it." if begun else ""
    if not path.parent.is_dir():
        return ""
    names = [at.name for at in path.parent.iterdir() if (at / "model.plait").is_file()]
    return did_you_mean(path.name, names) if names else ""
