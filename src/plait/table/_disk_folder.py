"""The folder, in the user's cache, for what is written while a table is read."""

import tempfile
from pathlib import Path

from plait._cache import FOLDER, cache_folder
from plait.errors import DataError


def disk_folder() -> Path:
    """It, made if it is not there.

    Raises:
        DataError: nothing can be written there.
    """
    try:
        folder = cache_folder("tables")
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise DataError(
            f"Nothing can be written into the cache folder: {error}. Name another folder by "
            f"{FOLDER}."
        ) from error
    return folder
