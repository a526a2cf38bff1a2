"""What it costs that the two sides of a row are not nearer to each other than to those of others."""

from typing import Any

from keras import ops

_FAR = -1e9


def infonce(near: Any, counts: Any, apart: Any = None) -> Any:
    """Each row's loss: of the right one among all, both ways.

    -(log softmax_j s_ij + log softmax_j s_ji) / 2 at j = i, divided by log n, so that it is 1 for what
    looks at nothing; n is how many rows count.

    Args:
        near: `(rows, rows)` float32, s_ij: how near side a of row i is to side b of row j.
        counts: `(rows,)` bool; what stands in the other rows changes nothing.
        apart: `(rows, rows)` bool, symmetric: whether two rows are each other's wrong answers; all are
            if None.

    Returns:
        `(rows,)` float32, of no meaning where a row does not count.
    """
    among, right = ops.logical_or(_others(counts, apart), _same_row(counts)), ops.diagonal(near)
    surprise = [
        ops.logsumexp(ops.where(among, s, _FAR), axis=1) - right
        for s in (near, ops.transpose(near))
    ]
    return (surprise[0] + surprise[1]) / 2 / ops.log(_rows(counts))


def sigmoid_pairs(near: Any, counts: Any, apart: Any = None) -> Any:
    """Each row's loss: of each pair by itself, whether it belongs together.

    softplus(-s_ii) + sum over j of (softplus(s_ij) + softplus(s_ji)) / 2, divided by log n + (n - 1)
    log(n / (n - 1)), what it is if each pair is given its chance of 1 / n. The mean over the rows is
    that of the paper, but for the division.

    Args, Returns: see `infonce`.
    """
    wrong = ops.where(_others(counts, apart), ops.softplus(near), 0.0)
    wrong = (ops.sum(wrong, axis=1) + ops.sum(wrong, axis=0)) / 2
    n = _rows(counts)
    chance = ops.log(n) + (n - 1) * ops.log(n / (n - 1))
    return (ops.softplus(-ops.diagonal(near)) + wrong) / chance


def _others(counts: Any, apart: Any) -> Any:
    """`(rows, rows)` bool, which pairs of two rows do not belong together."""
    both = ops.logical_and(ops.expand_dims(counts, 0), ops.expand_dims(counts, 1))
    others = ops.logical_and(both, ops.logical_not(_same_row(counts)))
    return others if apart is None else ops.logical_and(others, apart)


def _same_row(counts: Any) -> Any:
    """`(rows, rows)` bool, the diagonal; of a number of rows that a graph need not know."""
    places = ops.cumsum(ops.ones_like(counts, dtype="int32"))
    return ops.equal(ops.expand_dims(places, 0), ops.expand_dims(places, 1))


def _rows(counts: Any) -> Any:
    """How many rows count, as if there were two where there are fewer."""
    return ops.maximum(ops.sum(ops.cast(counts, "float32")), 2.0)
