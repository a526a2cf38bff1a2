"""From a declaration and batches to a model with the best weights seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from plait.backend import lightly_compiled, seeded, spread
from plait.balancing import Balancer, Equal
from plait.data import Batches
from plait.errors import DivergedError
from plait.inference import Declaration, Predictor
from plait.model import OBSERVE_EVERY, Fade, MultiTaskModel, Regime, WeightAverage
from plait.objectives import Objective
from plait.tasks import DenseTask, Task
from plait.training._augmentation import augmentation, mixture, moved_labels
from plait.training._goes_on import GoesOn, fit_through, rows_of
from plait.training._learning import Learning
from plait.training._schedules import learning_rate
from plait.training._selection import Epoch, OnEpoch, Selection, Validation
from plait.training._settings import Training
from plait.training._signals_of import signals_of
from plait.training._start import START, Start

# Decay pulls towards 0, which is no neutral value for these.
_NO_DECAY = ("bias", "gamma", "beta", "scale", "token", "persistence")


_SHORT = 1000
"""Steps of a run in which to look at the gradients costs less than to compile a step that does not."""


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes:
        predictor: answers with the best epoch's weights; without the auxiliary tasks.
        model: the compiled Keras model, with the same weights.
        history: every epoch.
        best: the epoch whose weights were kept.
        ended: a line about what ended training early, a loss that is not finite or the time; None
            where the epochs did, or patience.
    """

    predictor: Predictor
    model: MultiTaskModel
    history: tuple[Epoch, ...]
    best: Epoch
    ended: str | None = None


def train(
    declaration: Declaration,
    batches: Batches,
    validation: Validation | None,
    settings: Training,
    balancing: Balancer | None = None,
    *,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_epoch: Sequence[OnEpoch] = (),
    goes_on: GoesOn | None = None,
    start: Start | None = None,
    run_steps: int | None = None,
) -> Trained:
    """Trains a new model.

    Args:
        declaration: fitted features and tasks.
        batches: the training rows; their order is a function of the epoch.
        validation: the rows that choose the weights; None keeps the last ones.
        settings: settled.
        balancing: weighs the tasks; the model gets a copy of its own. None adds their losses, and
            looks at their gradients now and then, as `Equal` does.
        seed: decides the initial weights and dropout.
        callbacks: Keras' own.
        on_epoch: called with the epochs so far, when one more is over.
        goes_on: where checkpoints are written, and the one to go on from; None for none.
        start: what the model begins with; None for initial weights.
        run_steps: of the run that this one tries out; its own if None.

    Raises:
        DivergedError: a loss is not finite in the first epoch.
        DataError: a cell that cannot be read.
        ReadingError: a thread that reads died, and not of what it read.
        StoppedError: a signal asked for it.
        BalancingError: the balancer asks for what the model cannot give.
    """
    with spread(settings.shares):
        with lightly_compiled():
            made = built(declaration, settings, balancing, batches.steps, seed, start, run_steps)
        selection = Selection(made.predictor, validation, settings.patience or 1, on_epoch)
        watched = None
        if validation is not None and made.looks_at_validation:
            signals = signals_of(declaration, validation.table)
            watched = validation.batches(declaration.tasks, batches.batch_size, signals)
        how = (settings, selection, callbacks, watched, goes_on, made.learning)
        try:
            with seeded(seed):
                ended = fit_through(made.model, batches, *how)
        except DivergedError as error:
            ended = f"{error.what} {rows_of(error.bad, batches)}".strip()
            if not selection.history:
                raise DivergedError(
                    ended,
                    "No epoch had ended before. Lower Training(learning_rate=...), or look for "
                    "extreme numbers in the table.",
                    error.bad,
                ) from error
        except Exception:
            if batches.failed is None:
                raise
            # Keras raises it on from None, and TensorFlow an error of its own in its place.
            raise batches.failed from batches.failed.__context__
        finally:
            batches.close()
            if watched is not None:
                watched.close()
            made.learning.end()
            # Whoever fits the model after this run has a step of their own.
            made.model.regime = Regime()
        selection.restore()
    return Trained(
        made.predictor.served(), made.model, tuple(selection.history), selection.best, ended
    )


@dataclass(frozen=True)
class Built:
    """A new model, ready to train.

    Attributes:
        model: compiled.
        predictor: answers with its weights, while it is in the middle of `fit`, too.
        balancing: the model's own copy, if there is one.
        learning: which of its parts learn, and when.
    """

    model: MultiTaskModel
    predictor: Predictor
    balancing: Balancer | None
    learning: Learning

    @property
    def looks_at_validation(self) -> bool:
        """Whether the balancer asks for the losses of validation rows; selection looks by itself."""
        return self.balancing is not None and "validation_losses" in self.balancing.needs


def built(
    declaration: Declaration,
    settings: Training,
    balancing: Balancer | None,
    steps: int,
    seed: int,
    start: Start | None = None,
    run_steps: int | None = None,
) -> Built:
    """The model of a declaration, compiled as the settings say; see `train`."""
    inputs, outputs = declaration.connect(seed)
    model = MultiTaskModel(inputs, outputs)
    parts = {}
    if start is not None:
        parts[START] = start.give(model, declaration, whole=START in settings.freeze)
    learnt: dict[str, Task | Objective] = {**declaration.tasks, **declaration.objectives}
    if balancing is None and len(learnt) > 1:
        balancing = Equal()
    own = None if balancing is None else type(balancing).from_config(balancing.get_config())
    compile_model(model, learnt, settings, own, steps=steps, run_steps=run_steps)
    learning = Learning(model, settings, steps, parts, list(declaration.tasks))
    model.regime = Regime(
        augment=augmentation(declaration, settings),
        follow=moved_labels(declaration),
        mix=mixture(declaration, settings),
        average=average_of(model, settings, steps),
        pace=learning.pace(),
        needs=needs_of(declaration.tasks),
        fade=fade_of(learnt, settings, steps, run_steps),
    )
    # A model of its own over the same layers.
    answers = keras.Model(inputs, {name: outputs[name] for name in declaration.tasks})
    return Built(model, Predictor(declaration, answers), own, learning)


def compile_model(
    model: MultiTaskModel,
    learnt: Mapping[str, Task | Objective],
    settings: Training,
    balancing: Balancer | None,
    steps: int,
    run_steps: int | None = None,
) -> None:
    """Compiles with Adam, each output's loss and weight, and the balancer.

    Args:
        model: with one output a task and an objective.
        learnt: fitted tasks and objectives by name. An objective only serves the tasks.
        settings: settled.
        balancing: a balancer that no model has yet, or None to add the losses.
        steps: batches an epoch, which Keras counts for the schedule.
        run_steps: of the whole run, if it is not `steps` an epoch.
    """
    run_steps = steps * (settings.epochs or 1) if run_steps is None else run_steps
    optimizer: keras.optimizers.Optimizer = keras.optimizers.AdamW(
        learning_rate(settings, steps),
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
        gradient_accumulation_steps=settings.accumulate if settings.accumulate > 1 else None,
    )
    optimizer.exclude_from_weight_decay(var_names=list(_NO_DECAY))
    if settings.precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer,
        loss={name: one.loss() for name, one in learnt.items()},
        loss_weights={name: one.weight for name, one in learnt.items()},
        balancing=balancing,
        auxiliary=[
            name for name, one in learnt.items() if isinstance(one, Objective) or one.auxiliary
        ],
        observe_every=1 if run_steps <= _SHORT else OBSERVE_EVERY,
        affinity=settings.affinity,
    )


def fade_of(
    learnt: Mapping[str, Task | Objective],
    settings: Training,
    steps: int,
    run_steps: int | None = None,
) -> Fade | None:
    """How what only serves the tasks leaves the run, where some is asked to.

    Args:
        learnt: fitted tasks and objectives by name.
        settings: settled.
        steps: batches an epoch.
        run_steps: batches of the whole run, if it is not `steps` an epoch.
    """
    batches = steps * (settings.epochs or 1) if run_steps is None else run_steps
    shares = {name: one.fade for name, one in learnt.items()}
    return Fade.over(shares, max(1, batches // settings.accumulate))


def needs_of(tasks: Mapping[str, Task]) -> dict[str, str]:
    """The presence of the features without which a task has no label, by the task."""
    return {
        name: f"{task.of}__present"
        for name, task in tasks.items()
        if isinstance(task, DenseTask) and task.needs_feature
    }


def average_of(model: MultiTaskModel, settings: Training, steps: int) -> WeightAverage | None:
    """The average of the weights that is kept in their place, where one is asked for.

    Args:
        model: with its initial weights.
        settings: settled.
        steps: batches an epoch.
    """
    if settings.ema is not None:
        return WeightAverage(model.trainable_variables, settings.ema)
    if settings.swa_from is not None:
        start = int(settings.swa_from * steps * (settings.epochs or 1))
        return WeightAverage(model.trainable_variables, None, start, steps)
    return None
