"""What `fit` does for a balancer that tries each feature alone: train, look at the losses, put back."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from plait.balancing import TrialBalancer
from plait.errors import BalancingError


class Trials(keras.callbacks.Callback):
    """Trains each branch by itself before every `trial_epochs` epochs.

    The last of the callbacks, so that a learning rate set for the epoch is that of its trials.

    Args:
        balancer: which branches count, and what it makes of the trials.
        train: trains the model for a number of epochs.
        losses: the branches' training and validation losses `(branches, 2)`, as the model is.
    """

    def __init__(
        self,
        balancer: TrialBalancer,
        train: Callable[[int], None],
        losses: Callable[[], np.ndarray],
    ) -> None:
        super().__init__()
        self._balancer = balancer
        self._train = train
        self._losses = losses

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # In the rest of an epoch that was begun, they are over.
        if epoch % self._balancer.trial_epochs or self.model.within_epoch:
            return
        model, stopping = self.model, self.model.stop_training
        variables = [
            *model.trainable_variables,
            *model.non_trainable_variables,
            *model.optimizer.variables,
            *model.metrics_variables,
        ]
        held = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]

        def put_back() -> None:
            for variable, value in zip(variables, held, strict=True):
                variable.assign(value)

        before = self._losses()
        after = []
        try:
            for branch in range(len(before)):
                put_back()
                self._balancer.begin_trial(branch)
                self._train(self._balancer.trial_epochs)
                after.append(self._losses()[branch])
        finally:
            put_back()
            if model.turns is not None:
                model.turns.read()
            model.reset_metrics()
            model.stop_training = stopping
        self._balancer.after_trials(before, np.stack(after))


def trials_of(model: Any, balancer: TrialBalancer, *args: Any, **kwargs: Any) -> Trials:
    """The trials of one `fit`, whose arguments these are.

    Raises:
        BalancingError: there is no `validation_data`, or some data can be read only once.
    """
    given = inspect.signature(keras.Model.fit).bind(model, *args, **kwargs).arguments
    name = type(balancer).__name__
    validation = given.get("validation_data")
    if validation is None:
        raise BalancingError(
            f"{name} looks at validation losses and needs rows for it: fit(validation_data=...), or "
            "a split with a validation part. A validation_split will not do."
        )
    x = given.get("x")
    for rows, what in ((x, "training"), (validation, "validation")):
        if hasattr(rows, "__next__"):
            raise BalancingError(
                f"{name} reads the {what} rows several times. Give fit arrays, or a dataset that can "
                "be read again, such as a keras.utils.PyDataset."
            )
    kept = {"y", "batch_size", "shuffle", "sample_weight", "steps_per_epoch"}
    how = {key: value for key, value in given.items() if key in kept}

    def fresh() -> Any:
        # A dataset may count the epochs; those of a trial are none.
        return copy.copy(x) if isinstance(x, keras.utils.PyDataset) else x

    def train(epochs: int) -> None:
        keras.Model.fit(model, fresh(), epochs=epochs, verbose=0, **how)

    def losses() -> np.ndarray:
        rows = {key: how[key] for key in ("y", "batch_size", "sample_weight") if key in how}
        model.evaluate(fresh(), steps=how.get("steps_per_epoch"), verbose=0, **rows)
        found = [model.branch_losses()]
        x_y_weight = keras.utils.unpack_x_y_sample_weight(validation)
        size = given.get("validation_batch_size", given.get("batch_size"))
        steps = given.get("validation_steps")
        values, labels, weights = x_y_weight
        model.evaluate(
            values, labels, batch_size=size, sample_weight=weights, steps=steps, verbose=0
        )
        found.append(model.branch_losses())
        return np.stack(found, axis=1)

    return Trials(balancer, train, losses)
