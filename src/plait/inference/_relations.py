"""What tasks are to each other: who comes after whom, and who only serves the others."""

from collections.abc import Mapping

from plait._names import did_you_mean
from plait.errors import ConfigError
from plait.tasks import Task


def in_order(tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """The tasks' names, each behind those that it comes after, else in their order.

    Raises:
        ConfigError: tasks that come after each other in a circle.
    """
    ordered: dict[str, None] = {}

    def put(name: str, behind: tuple[str, ...]) -> None:
        if name in behind:
            circle = " -> ".join((*behind[behind.index(name) :], name))
            raise ConfigError(
                f"Task '{name}' comes after itself: {circle}. Leave one of them out of `after`.",
                ("tasks", name, type(tasks[name]).__name__, "after"),
            )
        if name not in ordered:
            for before in tasks[name].after:
                put(before, (*behind, name))
            ordered[name] = None

    for name in tasks:
        put(name, ())
    return tuple(ordered)


def leaving(tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """The auxiliary tasks that go when training is over: all that no task comes after which stays."""
    staying = {name for name, task in tasks.items() if not task.auxiliary}
    for name in reversed(in_order(tasks)):
        if name in staying:
            staying |= set(tasks[name].after)
    return tuple(name for name in tasks if name not in staying)


def sharing_tasks(tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """The tasks that read what fusion made, and so what the sharing gives them."""
    return tuple(name for name, task in tasks.items() if task.fused)


def check_after(tasks: Mapping[str, Task]) -> None:
    """Refuses tasks that come after what has no answer for them.

    Raises:
        ConfigError: a task that is not there, or whose answer is no vector; one named twice; a circle.
    """
    for name, task in tasks.items():
        at = ("tasks", name, type(task).__name__, "after")
        for before in task.after:
            if before not in tasks:
                raise ConfigError(
                    f"Task '{name}' comes after the task '{before}', which is not declared."
                    f"{did_you_mean(before, [other for other in tasks if other != name])}",
                    at,
                )
            if tasks[before].gives is None:
                raise ConfigError(
                    f"Task '{name}' comes after '{before}', and {type(tasks[before]).__name__} gives "
                    "no probabilities or number that another task could read. Leave it out of `after`.",
                    at,
                )
        if len(set(task.after)) < len(task.after):
            raise ConfigError(f"Task '{name}': after names a task twice: {task.after}.", at)
    in_order(tasks)
