"""A linear chain over a row's tags: the sum over all paths, one path's score, and the best path."""

from typing import Any, NamedTuple

from keras import ops

# The least share of a sum: what is smaller is 0 in float32 on a machine that drops subnormal numbers.
_LEAST = 1e-37


class Chain(NamedTuple):
    """What a path of tags scores, beside each tag's own logit.

    Attributes:
        transitions: `(batch, tags, tags)`, from the tag before (the first axis) to the next.
        start: `(batch, tags)`, of the first tag.
        end: `(batch, tags)`, of the last one.
    """

    transitions: Any
    start: Any
    end: Any


def unpacked(logits: Any) -> tuple[Any, Chain]:
    """Each place's logits `(batch, places, tags)`, and the chain that stands below them.

    Args:
        logits: `(batch, places + tags + 2, tags)` of a `TagHead` with `chain`.
    """
    tags = logits.shape[-1]
    chain = Chain(logits[:, -tags - 2 : -2], logits[:, -2], logits[:, -1])
    return logits[:, : -tags - 2], chain


def log_partition(emissions: Any, chain: Chain, mask: Any) -> Any:
    """The logarithm of the sum over all paths of exp(score), by the forward algorithm, `(batch,)`.

    A place that is masked is not there: its neighbours follow each other. 0 where all are masked.

    The sums over the tag before are products of matrices, of numbers that are at most 1: an eighth of
    the time of logarithms of sums for 72 tags. So logits and weights may lie some 80 apart, and those
    of a trained model lie nearer: a tag that is reached from none but such as weigh less than e^-85 of
    the likeliest one, times the likeliest move to it, is counted as reached with e^-85, and without a
    gradient.

    Args:
        emissions: `(batch, places, tags)`.
        chain: of the same tags.
        mask: `(batch, places)` bool, True where a place counts.
    """
    first = ops.logical_and(mask, ops.cumsum(ops.cast(mask, "int32"), axis=1) == 1)

    most = ops.stop_gradient(ops.max(chain.transitions, axis=1))
    moves = ops.exp(chain.transitions - ops.expand_dims(most, 1))

    def step(alpha: Any, place: Any) -> tuple[Any, Any]:
        emission, here, begins = place
        largest = ops.stop_gradient(ops.max(alpha, axis=1, keepdims=True))
        shares = ops.expand_dims(ops.exp(alpha - largest), 1)
        total = ops.squeeze(ops.matmul(shares, moves), axis=1)
        reached = ops.log(ops.maximum(total, _LEAST)) + largest + most
        alpha = ops.where(here, ops.where(begins, chain.start, reached) + emission, alpha)
        return alpha, alpha

    places = (
        ops.transpose(emissions, (1, 0, 2)),
        ops.expand_dims(ops.transpose(mask), 2),
        ops.expand_dims(ops.transpose(first), 2),
    )
    alpha, _ = ops.scan(step, ops.zeros_like(chain.start), places)
    total = ops.logsumexp(alpha + chain.end, axis=1)
    return ops.where(ops.any(mask, axis=1), total, 0.0)


def path_score(emissions: Any, chain: Chain, tags: Any, mask: Any) -> Any:
    """The score of one path, `(batch,)`: what its tags, its transitions and its two ends add up to.

    Args:
        emissions: see `log_partition`.
        chain: see `log_partition`.
        tags: `(batch, places)` int32; any valid number where masked.
        mask: see `log_partition`.
    """
    places, count = emissions.shape[1], emissions.shape[2]
    chosen = ops.one_hot(tags, count, dtype=emissions.dtype)
    chosen = ops.where(ops.expand_dims(mask, 2), chosen, 0.0)
    own = ops.sum(emissions * chosen, axis=(1, 2))
    # The place before each, of those that count; none before the first.
    steps = ops.arange(places)
    earlier = ops.expand_dims(steps, 0) < ops.expand_dims(steps, 1)
    counted = ops.logical_and(earlier, ops.expand_dims(mask, 1))
    before = ops.max(ops.where(counted, steps, -1), axis=2)
    follows = ops.logical_and(mask, before >= 0)
    left = ops.one_hot(before, places, dtype=emissions.dtype)
    left = ops.matmul(left, chosen)
    moved = ops.sum(ops.matmul(left, chain.transitions) * chosen, axis=(1, 2))
    begins = ops.expand_dims(ops.logical_and(mask, ops.logical_not(follows)), 2)
    last = ops.max(ops.where(mask, steps, -1), axis=1)
    ends = ops.expand_dims(ops.logical_and(mask, steps == ops.expand_dims(last, 1)), 2)
    starting = ops.sum(ops.where(begins, chosen, 0.0), axis=1) * chain.start
    ending = ops.sum(ops.where(ends, chosen, 0.0), axis=1) * chain.end
    return own + moved + ops.sum(starting + ending, axis=1)


def viterbi(emissions: Any, chain: Chain, mask: Any, ops: Any = ops) -> Any:
    """The path of the highest score, `(batch, places)`; of no meaning where masked.

    Args:
        emissions: see `log_partition`.
        chain: see `log_partition`.
        mask: see `log_partition`.
        ops: what computes; `numpy` for NumPy's arrays.
    """
    begun = ops.any(mask, axis=1, keepdims=True) & False
    best, pointers = ops.zeros_like(chain.start), []
    stay = ops.expand_dims(ops.arange(emissions.shape[2]), 0)
    for place in range(emissions.shape[1]):
        here = mask[:, place : place + 1]
        moves = ops.expand_dims(best, 2) + chain.transitions
        reached = ops.where(begun, ops.max(moves, axis=1), chain.start) + emissions[:, place]
        pointers.append(ops.where(here & begun, ops.argmax(moves, axis=1), stay))
        best = ops.where(here, reached, best)
        begun = begun | here
    tag = ops.argmax(best + chain.end, axis=1)
    path = []
    for back in reversed(pointers):
        path.append(tag)
        tag = ops.take_along_axis(back, ops.expand_dims(tag, 1), axis=1)[:, 0]
    return ops.stack(path[::-1], axis=1)
