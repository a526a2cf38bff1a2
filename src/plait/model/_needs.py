"""What a balancer may ask of a step: refused when the model is compiled, not left out unsaid."""

from typing import get_args

from plait._names import did_you_mean
from plait._ranges import demand_whole
from plait.balancing import Aggregator, Balancer, TrialBalancer
from plait.balancing._balancer import Need
from plait.errors import BalancingError

ACROSS_PARTS = frozenset({"cross_gramian", "cross_product"})
"""Needs of a batch in parts."""
COMPARING = frozenset({"gramian", "gradients"}) | ACROSS_PARTS
"""Needs of a model that is cut where its tasks' gradients are compared."""

# Each is a step of its own; losses and metrics come with any of them.
_APART: tuple[frozenset[str], ...] = (
    frozenset({"gramian"}),
    frozenset({"gradients"}),
    ACROSS_PARTS,
)


def check_needs(balancer: Balancer) -> None:
    """Refuses what no step provides, alone or together.

    Raises:
        BalancingError: an unknown need, two that no step gives both, or one that only balancers of
            another class are given.
    """
    name, needs = type(balancer).__name__, balancer.needs
    if unknown := sorted(set(needs) - set(get_args(Need))):
        raise BalancingError(
            f"{name} needs {unknown[0]!r}, which no step can provide. It can provide: "
            f"{', '.join(get_args(Need))}.{did_you_mean(unknown[0], get_args(Need))}"
        )
    together = [sorted(some & needs)[0] for some in _APART if some & needs]
    if len(together) > 1:
        raise BalancingError(
            f"{name} needs {together[0]!r} and {together[1]!r}, and no step gives both. Ask for one; "
            "the gradients themselves have their Gramian in them."
        )
    for need, contract in (("gradients", Aggregator), ("validation_losses", TrialBalancer)):
        if need in needs and not isinstance(balancer, contract):
            raise BalancingError(
                f"{name} needs {need!r}, which only a {contract.__name__} is given. Let it derive from "
                "that class."
            )
    if "feature_gramians" in needs and "feature_losses" not in needs:
        raise BalancingError(
            f"{name} needs 'feature_gramians', which compare the gradients of the features' losses "
            "with those of the tasks. Let it need 'feature_losses', too."
        )
    if balancer.gram_batch is not None:
        demand_whole(name, gram_batch=balancer.gram_batch)
    demand_whole(name, refresh_every=balancer.refresh_every)
    if "gramian" not in needs and (balancer.gram_batch is not None or balancer.refresh_every > 1):
        raise BalancingError(
            f"{name}: refresh_every and gram_batch spare a step the Gramian of the batch, and {name} "
            f"does not look at it. Received: refresh_every={balancer.refresh_every}, "
            f"gram_batch={balancer.gram_batch}."
        )
