"""The fewest FLOPs of a step, in plain steps, and what a measured ratio may be at most.

Counted by hand from the layers' sizes: a backward is two forwards, so a plain step is three; s is the
trunk's share of the forward. What the optimizer and the losses cost is in no count. XLA's own count
of each compiled step stands beside it in the results; it takes a branch for always taken and a loop
for one round.
"""

from sizes import BATCH, Net

from plait.balancing import Balancer

_TOLERANCE = 1.10
_TOLERANCE_AT_32 = 1.15


def bound(balancer: Balancer, net: Net) -> float:
    """The FLOPs of a step that gives the balancer what it needs, as a ratio to the plain one.

    - Losses, and a Gramian or rows at the representation: 1. The heads' one backward gives all rows.
    - Losses after the step: one more forward, 1 + 1/3.
    - At the parameters: one trunk backward for each task instead of one, 1 + (2/3) s (T - 1); with
      `gram_batch` beside the one, and over these rows only; all of it in one of `refresh_every`
      steps.
    - A cross-Gramian: two thirds of the batch go back for each task, one third goes back once.
    - Its product with weights: 1. A third goes back once, a third goes forward along what came of it,
      at the price of a backward, and a third goes back once.
    """
    needs, share, tasks = balancer.needs, net.share, net.tasks
    if "losses_after" in needs:
        return 1 + 1 / 3
    if balancer.level != "parameters":
        return 1.0
    if "cross_product" in needs:
        return 1.0
    if "cross_gramian" in needs:
        return 1 + (2 / 3) * share * (2 / 3) * (tasks - 1)
    rows = balancer.gram_batch
    backwards = tasks - 1 if rows is None else tasks * rows / BATCH
    return 1 + (2 / 3) * share * backwards / balancer.refresh_every


def bar(balancer: Balancer, net: Net) -> float | None:
    """What the upper end of a ratio's interval may be; None where nothing is asked of the net."""
    if not net.barred:
        return None
    needs_little = balancer.needs <= {"losses", "gramian", "metrics", "auxiliary"}
    if net.tasks == 32 and needs_little and balancer.level != "parameters":
        return _TOLERANCE_AT_32
    return _TOLERANCE * bound(balancer, net)
