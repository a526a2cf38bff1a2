"""Sharings that have something for each task within the shared part."""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

from plait._names import did_you_mean
from plait._ranges import demand_texts
from plait.errors import ConfigError
from plait.sharing._sharing import Sharing


class TaskSharing(Sharing, abc.ABC):
    """A sharing that has to know the tasks before it is built.

    Args:
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: a name that stands twice, or no names at all.
    """

    apart: ClassVar[bool] = False
    """Whether what a task is given depends on nothing that another one has within; counts in the class
    that says so, and not in its subclasses."""

    def __init__(self, tasks: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if tasks is not None:
            demand_texts(type(self).__name__, tasks=tasks)
            if not tasks or len(set(tasks)) < len(tasks):
                raise ConfigError(
                    f"{type(self).__name__}: tasks are names, each once. Received: {tasks}.",
                    ("tasks",),
                )
        self._tasks = None if tasks is None else tuple(tasks)

    @property
    def tasks(self) -> tuple[str, ...] | None:
        """The names of the tasks, in the order of what is made for each."""
        return self._tasks

    def for_tasks(self, tasks: Sequence[str]) -> Sharing:
        if not tasks:
            return self  # Nobody reads what it would make.
        if self._tasks is None:
            made: Sharing = self.remade(tasks=tuple(tasks), name=self.name)
            return made
        for task in tasks:
            self.place(task)
        return self

    def known(self) -> tuple[str, ...]:
        """The tasks' names.

        Raises:
            ConfigError: nobody said them.
        """
        if self._tasks is None:
            raise ConfigError(
                f"{type(self).__name__}: which tasks? In a model of your own, name them: "
                f"{type(self).__name__}(tasks=[...]).",
                ("tasks",),
            )
        return self._tasks

    def place(self, task: str) -> int:
        """Where a task stands among the tasks.

        Raises:
            ConfigError: it is none of them.
        """
        known = self.known()
        if task not in known:
            raise ConfigError(
                f"{type(self).__name__}: '{task}' is none of the tasks that it was made for."
                f"{did_you_mean(task, known)}",
                ("tasks",),
            )
        return known.index(task)

    def slimmed(self, tasks: Sequence[str]) -> Sharing:
        # A subclass may mix what this class keeps apart, or have weights that it knows nothing of.
        if self._tasks is None or not vars(type(self)).get("apart", False):
            return self
        kept = tuple(task for task in self._tasks if task in tasks)
        if not kept or kept == self._tasks:
            return self
        made: Sharing = self.remade(tasks=kept, name=self.name)
        return made

    def places_in(self, whole: "TaskSharing") -> list[int]:
        """Where each of its tasks stands among those of another."""
        return [whole.place(task) for task in self.known()]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tasks": self._tasks}
