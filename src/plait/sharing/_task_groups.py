"""A trunk for each group of tasks."""

from collections.abc import Sequence
from typing import Any

import keras

from plait._copies import take_weights
from plait._names import did_you_mean
from plait._ranges import demand_texts
from plait.errors import ConfigError
from plait.sharing._hard_sharing import HardSharing
from plait.sharing._sharing import Sharing
from plait.sharing._template import demand_few


@keras.saving.register_keras_serializable(package="plait")
class TaskGroups(Sharing):
    """`HardSharing` for each group: the tasks of one share a trunk, those of another have another.

    Encoders and fusion all tasks share. `plait fit --group auto` finds groups by how much a step for
    one task lowers the loss of another.

    A task alone in its group shares no tensor at the end of a trunk: balancers that compare gradients
    need `level="parameters"` for it.

    Args:
        groups: the names of each group's tasks, each task in one of them; in a `Learner` and in a
            config, every task by itself if None.
        blocks: how many residual blocks each trunk has.
        width: the size inside a block; that of the tokens if None.
        dropout: the share of a block's output that is dropped in training.

    Raises:
        ConfigError: a group without tasks, a task in two of them; see `HardSharing`.

    Example:
        sharing = TaskGroups([["season", "usage"], ["price"]])

    References:
        C. Fifty, E. Amid, Z. Zhao, T. Yu, R. Anil, C. Finn, "Efficiently Identifying Task Groupings
        for Multi-Task Learning", NeurIPS 2021: there each group is a network of its own, and groups
        may overlap.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[str]] | None = None,
        blocks: int = 2,
        width: int | None = None,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._pattern: dict[str, Any] = {"blocks": blocks, "width": width, "dropout": dropout}
        HardSharing(**self._pattern)
        self.blocks, self.width, self.dropout = blocks, width, dropout
        self.groups = None if groups is None else _checked(groups)
        demand_few("TaskGroups", len(self.groups or ()), (HardSharing(**self._pattern),))

    @property
    def least_weights(self) -> int:
        return self.blocks * len(self.groups or ("one",))

    def for_tasks(self, tasks: Sequence[str]) -> Sharing:
        if not tasks:
            return self  # Nobody reads what it would make.
        if self.groups is None:
            made: Sharing = self.remade(groups=tuple((task,) for task in tasks), name=self.name)
            return made
        unknown = [name for group in self.groups for name in group if name not in tasks]
        left = [task for task in tasks if not any(task in group for group in self.groups)]
        if unknown and left:
            raise ConfigError(
                f"TaskGroups: there is no task '{unknown[0]}'.{did_you_mean(unknown[0], left)}",
                ("groups",),
            )
        for task in tasks:
            self.place(task)
        return self

    def place(self, task: str) -> int:
        """The group of a task.

        Raises:
            ConfigError: it is in none.
        """
        for place, group in enumerate(self.groups or ()):
            if task in group:
                return place
        known = [name for group in self.groups or () for name in group]
        raise ConfigError(
            f"TaskGroups: '{task}' is in none of the groups.{did_you_mean(task, known)}",
            ("groups",),
        )

    def slimmed(self, tasks: Sequence[str]) -> Sharing:
        if type(self) is not TaskGroups:
            return self  # A subclass may mix the trunks.
        groups = self.groups or ()
        left = tuple(tuple(task for task in group if task in tasks) for group in groups)
        kept = tuple(group for group in left if group)
        # A group that has lost some of its tasks has the same trunk.
        if not kept or len(kept) == len(groups):
            return self
        made: Sharing = self.remade(groups=kept, name=self.name)
        return made

    def take_from(self, whole: Any) -> None:
        for group, trunk in zip(self.groups or (), self.trunks, strict=True):
            take_weights(trunk, whole.trunks[whole.place(group[0])])

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        if self.groups is None:
            raise ConfigError(
                "TaskGroups: which tasks? In a model of your own, name them: "
                "TaskGroups([[...], [...]]).",
                ("groups",),
            )
        self.trunks = []
        for number in range(len(self.groups)):
            trunk = HardSharing(**self._pattern, dtype=self.dtype_policy, name=f"trunk_{number}")
            trunk.build(tokens_shape)
            self.trunks.append(trunk)

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> list[Any]:
        return [trunk(tokens, training=training) for trunk in self.trunks]

    def part(self, shared: Any, task: str) -> Any:
        return shared[self.place(task)]

    def branch(self, task: str) -> keras.layers.Layer | None:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, **self._pattern}


def _checked(groups: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    if isinstance(groups, str) or not groups:
        raise ConfigError(
            f"TaskGroups: groups are lists of tasks. Received: {groups!r}.", ("groups",)
        )
    for group in groups:
        demand_texts("TaskGroups", groups=group)
    names = [name for group in groups for name in group]
    if not all(groups) or len(set(names)) < len(names):
        raise ConfigError(
            "TaskGroups: each group has a task at least, and each task is in one group. Received: "
            f"{[list(group) for group in groups]}.",
            ("groups",),
        )
    return tuple(tuple(group) for group in groups)
