"""The contracts of methods that look at inner products of the tasks' gradients."""

from typing import Any, get_args

from plait._ranges import demand_whole
from plait.balancing._balancer import Balancer, Level


class GramianWeighting(Balancer):
    """A method that looks at the inner products of the tasks' gradients.

    Args:
        level: "representation" compares the gradients with respect to the tensors where the shared
            trunk ends, at the cost of about one plain step; "parameters" compares the exact
            gradients with respect to the shared variables, at one trunk backward a task.
        weight_heads: whether the weights also multiply each head's own gradient.
        refresh_every: weighs anew only in every so many steps; the others cost a plain step at
            either level. A task that was not weighed yet has the mean of the others' weights.
        gram_batch: compares the gradients on the first so many rows of each batch; a task without a
            label among them has weight 0 in that step. At "parameters" the trunk's backward for each
            task is then over these rows only.

    Raises:
        ValueError: another level, or a number that is no whole one from 1 on.
    """

    needs = frozenset({"gramian"})

    def __init__(
        self,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
        refresh_every: int = 1,
        gram_batch: int | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if level not in get_args(Level):
            raise ValueError(
                f"{name}: level is 'representation' or 'parameters'. Received: {level!r}"
            )
        demand_whole(name, refresh_every=refresh_every)
        if gram_batch is not None:
            demand_whole(name, gram_batch=gram_batch)
        self.level = level
        self.weight_heads = weight_heads
        self.refresh_every = refresh_every
        self.gram_batch = gram_batch

    def get_config(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "weight_heads": self.weight_heads,
            "refresh_every": self.refresh_every,
            "gram_batch": self.gram_batch,
        }


class CrossGramianWeighting(Balancer):
    """A method that looks at inner products of the gradients of different rows.

    The rows are parts of the batch that the step receives, its labelled rows dealt in turn: two parts
    make the cross-Gramian, and the model moves along the third. Such products mean something for the
    variables only, so the level is always "parameters". Heads keep their gradients over all labelled
    rows.

    Args:
        weight_heads: whether the weights also multiply the heads' own gradients.
    """

    needs = frozenset({"cross_gramian"})
    level = "parameters"

    def __init__(self, *, weight_heads: bool = False) -> None:
        super().__init__()
        self.weight_heads = weight_heads

    def get_config(self) -> dict[str, Any]:
        return {"weight_heads": self.weight_heads}
