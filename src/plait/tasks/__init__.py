"""A target column: its encoding, head, loss, scores and the way back to the user's labels."""

from plait.tasks._task import Targets, Task

__all__ = ["Targets", "Task"]
