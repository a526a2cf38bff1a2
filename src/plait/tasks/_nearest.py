"""Cosines of many vectors with many, of which never more than some megabytes are there at once."""

from collections.abc import Iterator

import numpy as np

_AT_ONCE = 1 << 22
"""Cosines of a block."""


def cosine_blocks(
    vectors: np.ndarray, others: np.ndarray, at_once: int = _AT_ONCE
) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows of the cosines at a time.

    Args:
        vectors: `(rows, width)` of length 1.
        others: `(columns, width)` of length 1.
        at_once: how many cosines a block has at most, unless one row has more.

    Yields:
        Which of `vectors`, and their cosines `(some, columns)` float32.
    """
    columns = np.ascontiguousarray(np.asarray(others, "float32").T)
    step = max(1, at_once // max(1, len(others)))
    for start in range(0, len(vectors), step):
        rows = slice(start, min(start + step, len(vectors)))
        yield rows, np.asarray(vectors[rows], "float32") @ columns


def nearest(vectors: np.ndarray, others: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of the others to each vector, from near to far; of equals the first.

    Args:
        vectors: `(rows, width)` of length 1.
        others: `(columns, width)` of length 1.
        k: how many; all of them where there are no more.

    Returns:
        Which of the others, `(rows, k)` int64, and their cosines `(rows, k)` float32.
    """
    k = min(k, len(others))
    which = np.zeros((len(vectors), k), "int64")
    cosines = np.zeros((len(vectors), k), "float32")
    for rows, near in cosine_blocks(vectors, others):
        some = np.sort(np.argpartition(-near, k - 1, axis=1)[:, :k], axis=1)
        theirs = np.take_along_axis(near, some, axis=1)
        order = np.argsort(-theirs, axis=1, kind="stable")
        which[rows] = np.take_along_axis(some, order, axis=1)
        cosines[rows] = np.take_along_axis(theirs, order, axis=1)
    return which, cosines
