"""One run, from its rows to what it leaves: told, tracked, trained and written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from plait.balancing import Balancer
from plait.inference import Scores
from plait.training._media_files import changed_meanwhile, media_readers
from plait.training._notes import choices, left_over, outcome, tell
from plait.training._prepared import Prepared
from plait.training._progress import Progress
from plait.training._run import Run
from plait.training._run_folder import (
    GATES,
    SCORES,
    outcome_documents,
    write_documents,
    write_run,
)
from plait.training._tracked import tracked
from plait.training._train import Trained, train

_GATE_ROWS = 128
"""That gates are read of: a mean of shares needs no more."""


def run_once(
    ready: Prepared,
    balancing: Balancer | None,
    documents: Mapping[str, Any],
    run: Run | None,
    when_trained: Callable[[Trained], Scores | None],
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
) -> Scores | None:
    """Trains in the block of a run, and leaves there what came of it.

    Args:
        ready: what it trains on.
        balancing: see `train`.
        documents: what is known of it before it trains; see `begin_documents`.
        run: holds its folder; None for none.
        when_trained: called when training is over and nothing of it is written yet; gives the scores
            on further rows, which are written, too; None without such rows.
        callbacks: Keras' own.
        verbose: whether to print the choices made, a progress bar and the outcome.

    Returns:
        What `when_trained` gave.

    Raises:
        PlaitError: see `train` and `Run`.
    """
    declaration, settings, start = ready.declaration, ready.settings, ready.start
    if verbose:
        sizes = {part: len(rows) for part, rows in ready.parts.items()}
        tell(choices(declaration, settings, sizes, ready.coverage, ready.times))
        tell(left_over(settings, ready.batches.steps))
        tell(start.told(declaration) if start else ())
    progress = [Progress(declaration.tasks, settings.epochs or 1)] if verbose else []
    goes_on = None if run is None else run.begin(documents)
    with tracked(settings.trackers, run, documents) as told:
        trained = train(
            declaration,
            ready.batches,
            ready.validation,
            settings,
            balancing,
            seed=ready.seed,
            callbacks=[*progress, *callbacks],
            on_epoch=[
                *(line.epoch for line in progress),
                *([] if run is None else [run.record]),
                told.epoch,
            ],
            goes_on=goes_on,
            start=start,
        )
        told.choose(trained.best)
        findings = {"train": ready.batches.findings}
        if ready.validation is not None:
            findings["validation"] = ready.validation.rows.findings
        scores = when_trained(trained)
        if run is not None:
            came = outcome_documents(trained.best, ready.coverage, findings, trained.ended)
            if scores is not None:
                came[SCORES] = scores
            write_run(run.folder, trained.predictor, trained.history, came)
            _write_gates(run, trained, ready)
            began = documents["environment"]["data"]
            readers = media_readers(declaration.features, declaration.tasks)
            tell(changed_meanwhile(began, ready.parts, readers))
    if verbose:
        tell(outcome(trained.best, trained.history, findings.values(), trained.ended))
    elif trained.ended is not None:
        tell([trained.ended])
    return scores


def _write_gates(run: Run, trained: Trained, ready: Prepared) -> None:
    """Once the model is safe, as its layers run one by one here, which they have not yet."""
    if "validation" not in ready.parts:
        return
    try:
        gates = trained.predictor.gates(ready.parts["validation"], _GATE_ROWS).to_pylist()
    except Exception as error:  # The run itself came to its end.
        again = f"`plait evaluate {run.folder} TABLE --gates` tries again"
        tell([f"How fusion and sharing weigh could not be read ({error}); {again}."])
        return
    if gates:
        write_documents(run.folder, {GATES: gates})
