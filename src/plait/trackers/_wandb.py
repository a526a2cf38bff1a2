"""Weights & Biases: its server, or a folder that `wandb sync` sends later."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from plait.errors import ConfigError
from plait.trackers._tracker import Begun, Outcome, Tracker, package

Mode = Literal["online", "offline"]


class WandB(Tracker):
    """Logs to Weights & Biases.

    Args:
        project: what the run belongs to.
        entity: the user or team; the one that is logged in if None.
        mode: "online", or "offline" to write to `wandb/` in the run's folder alone, which
            `wandb sync` sends later; W&B's own settings (`WANDB_MODE`) if None.

    Raises:
        ConfigError: a mode of another name.

    Example:
        plait.Training(trackers=[plait.WandB(project="shop", mode="offline")])
    """

    def __init__(
        self, project: str = "plait", entity: str | None = None, mode: Mode | None = None
    ) -> None:
        if mode is not None and mode not in get_args(Mode):
            modes = " or ".join(map(repr, get_args(Mode)))
            raise ConfigError(f"WandB: mode is {modes}. Received: {mode!r}.", ("mode",))
        self.project = project
        self.entity = entity
        self.mode = mode
        self._run: Any = None

    def start(self, run: Begun) -> str:
        self._run = package("wandb", "wandb").init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            name=run.name,
            id=run.known_as,
            resume=None if run.known_as is None else "allow",
            dir=None if run.folder is None else str(run.folder),
            config={**run.config, "environment": run.environment},
        )
        return str(self._run.id)

    def epoch(self, number: int, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers), step=number)

    def end(self, outcome: Outcome, best: Mapping[str, float]) -> None:
        self._run.summary.update(dict(best))
        self._run.finish(exit_code=0 if outcome == "finished" else 1)
