"""MLflow: a server, or a database."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from plait.trackers._tracker import Begun, Outcome, Tracker, package

_EXTRA = "mlflow"
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
# MLflow refuses longer ones, and more at once.
_LONGEST_KEY, _LONGEST_VALUE, _MOST = 250, 500, 100


class MLflow(Tracker):
    """Logs to MLflow: the config as parameters, the environment as tags, the epochs as metrics.

    Args:
        uri: of the tracking server, or of a database such as `sqlite:///mlflow.db`, for which the
            whole of mlflow has to be installed; MLflow's own settings (`MLFLOW_TRACKING_URI`) if
            None.
        experiment: what the run belongs to; made if it is not there.

    Example:
        plait.Training(trackers=[plait.MLflow(uri="http://localhost:5000")])
    """

    def __init__(self, uri: str | None = None, experiment: str = "plait") -> None:
        self.uri = uri
        self.experiment = experiment
        self._client: Any = None
        self._run = ""

    def start(self, run: Begun) -> str:
        self._client = package("mlflow", _EXTRA).MlflowClient(tracking_uri=self.uri)
        if run.known_as is not None:
            self._run = run.known_as
            self._client.update_run(self._run, status="RUNNING")
            return self._run
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = (
            self._client.create_experiment(self.experiment)
            if found is None
            else found.experiment_id
        )
        self._run = self._client.create_run(experiment, run_name=run.name).info.run_id
        entities = package("mlflow.entities", _EXTRA)
        for some in _batched([entities.Param(*pair) for pair in _flat(run.config)]):
            self._client.log_batch(self._run, params=some)
        for some in _batched([entities.RunTag(*pair) for pair in _flat(run.environment)]):
            self._client.log_batch(self._run, tags=some)
        return self._run

    def epoch(self, number: int, numbers: Mapping[str, float]) -> None:
        metric, now = package("mlflow.entities", _EXTRA).Metric, int(1000 * time.time())
        metrics = [metric(_key(name), value, now, number) for name, value in numbers.items()]
        for some in _batched(metrics):
            self._client.log_batch(self._run, metrics=some)

    def end(self, outcome: Outcome, best: Mapping[str, float]) -> None:
        if best:
            self.epoch(int(best["best.epoch"]), best)
        self._client.set_terminated(self._run, status=_STATUS[outcome])


def _flat(document: Any, start: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested mappings by their dotted path, as text."""
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{start}{name}.")
        else:
            yield _key(f"{start}{name}"), str(value)[:_LONGEST_VALUE]


def _key(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", name)[:_LONGEST_KEY]


def _batched(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _MOST):
        yield items[start : start + _MOST]
