"""The contract of methods that weigh a model's features against each other, not its tasks."""

import abc
from typing import Any

import keras

from plait.balancing._balancer import Balancer, Evidence, StepContext


class FeatureBalancer(Balancer):
    """A method against features that learn fast and starve the others.

    The model answers each task from all features, and from each feature alone: with the others
    absent, as `<feature>__present` says it to the model. So every feature has a loss of its own for
    each task that reads it and others, over the labelled rows that have it, and no head has to be
    added. A feature's encoder is what only its own inputs reach.

    Any of these can be in `needs`:

    - "feature_losses": `Evidence.feature_losses`, which the model then also moves along, weighed by
      `feature_weights`.
    - "feature_scores": `Evidence.feature_scores`, for tasks with classes.
    - "feature_gramians": `Evidence.feature_gramians`, at one more backward; beside "feature_losses".
    - "validation_losses": trials, see `TrialBalancer`.

    Attributes:
        model_features: the features' names, in the order of every `(features,)` axis; None before
            there is a model.
    """

    needs = frozenset({"feature_losses"})

    def __init__(self) -> None:
        super().__init__()
        self.model_features: tuple[str, ...] | None = None

    def build_features(self, features: tuple[str, ...]) -> None:
        """Makes what depends on the features, once; after `build`."""
        self.model_features = features

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        return keras.ops.cast(context.active, "float32"), []

    def feature_weights(self, evidence: Evidence, context: StepContext) -> Any:
        """What the losses of the features alone are multiplied by, `(tasks, features)`."""
        return keras.ops.zeros_like(evidence.feature_losses)

    def encoder_scales(self, evidence: Evidence, context: StepContext) -> Any:
        """What the gradients of each feature's encoder are multiplied by, `(features, 2)`.

        The first is that of the tasks' losses, the second that of the feature's own losses. Only
        asked for the needs "feature_scores" and "feature_gramians".
        """
        return keras.ops.ones((len(context.features), 2), "float32")

    def encoder_noise(self, evidence: Evidence, context: StepContext) -> Any:
        """How much Gaussian noise each encoder's gradient gets, `(features,)`, or None for none.

        In standard deviations of each variable's gradient over its elements. Asked as
        `encoder_scales` is.
        """
        return None

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""


class TrialBalancer(FeatureBalancer):
    """A method that tries what each feature alone would learn, and looks at validation losses.

    At the start of every `trial_epochs` epochs of `fit` the model trains that long for each branch
    in turn, from where it stands: for each feature alone, then for all together. After each trial
    its weights, the optimizer and all else are put back. So `fit` takes `features + 2` times as
    long, and looks at the losses of all rows as often before each.
    """

    needs = frozenset({"feature_losses", "validation_losses"})
    trial_epochs: int

    @abc.abstractmethod
    def begin_trial(self, branch: int) -> None:
        """Lets only one branch's losses count: a feature's place, or that behind the last for all."""

    @abc.abstractmethod
    def after_trials(self, before: Any, after: Any) -> None:
        """Takes what the trials gave.

        Args:
            before: `(branches, 2)` NumPy, each branch's loss over the training and the validation
                rows where the trials began.
            after: likewise, each after its own trial.
        """
