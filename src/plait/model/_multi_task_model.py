"""`MultiTaskModel`: a functional Keras model that learns several outputs at once, with gaps."""

from collections.abc import Sequence
from typing import Any

import keras

from plait import backend
from plait._names import demand
from plait._ranges import demand_whole
from plait.balancing import Balancer, TrialBalancer
from plait.errors import BalancingError
from plait.model._balance import Balance, check_auxiliary, exclude_from_decay
from plait.model._class_weight import read_class_weight
from plait.model._loop import Loop
from plait.model._metrics import TaskMetrics
from plait.model._network import Network
from plait.model._network_of import network_of
from plait.model._objective import Objective
from plait.model._outputs import Outputs
from plait.model._regime import Regime
from plait.model._report import Report
from plait.model._row_key import without_row_key
from plait.model._saved_state import PREFIX, restore, saved_state
from plait.model._trials import trials_of
from plait.model._turns import OBSERVE_EVERY, Turns
from plait.model._watch import watched


@keras.saving.register_keras_serializable(package="plait")
class MultiTaskModel(keras.Model):
    """A functional `keras.Model` with several outputs, each with its own loss and missing labels.

    A label is missing where its sample weight is 0, where it is NaN, or where it is -1 and the loss
    is a cross-entropy. Such rows change neither the loss, nor a gradient, nor a metric: each task's
    loss is the mean over the weights of its labelled rows, and a task without any label in a batch
    takes no part in that step.

    Args:
        inputs: as for `keras.Model`.
        outputs: as for `keras.Model`; a dict names the tasks, a list takes the layers' names.
        name: the model's name.
        shared: tensors at which the tasks' gradients are compared, out of those where the shared
            trunk ends; all of them if None. At the others the tasks' gradients are added as they are.
            For balancers at `level="representation"`.

    Example:
        >>> import keras, plait
        >>> x = keras.Input((8,))
        >>> z = keras.layers.Dense(16, activation="relu")(x)
        >>> model = plait.MultiTaskModel(
        ...     x, {"kind": keras.layers.Dense(3)(z), "price": keras.layers.Dense(1)(z)}
        ... )
        >>> kind = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> model.compile("adam", loss={"kind": kind, "price": "mse"}, balancing=plait.PCGrad())
    """

    train_function: Any

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        *,
        shared: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)
        named = Outputs(self.output, self.output_names)
        # Untracked: none of these is a layer, a metric or a weight of the model.
        self._keep(
            shared=None if shared is None else tuple(named.found(t) for t in shared),
            within_epoch=False,
            _regime=Regime(),
            _named=named,
            balancing=None,
            _balance=Balance.plain(()),
            _class_weight={},
            _made=(None, None),
        )

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        *,
        balancing: Balancer | None = None,
        auxiliary: Sequence[str] = (),
        observe_every: int = OBSERVE_EVERY,
        affinity: bool = False,
    ) -> None:
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: as in Keras.
            loss: one loss an output, as a dict by output name or a list; only each loss' `call` is
                used, since masking and reduction belong to the step.
            loss_weights: multiply the losses, before any balancing.
            metrics: over the labelled rows.
            weighted_metrics: over the labelled rows, with the sample weights.
            run_eagerly: as in Keras.
            steps_per_execution: as in Keras.
            jit_compile: as in Keras. On torch, True compiles the steps of `evaluate` and `predict`, and
                none of `fit`, where Dynamo fails if they are balanced.
            auto_scale_loss: as in Keras.
            balancing: how the tasks are weighed against each other; None adds the losses.
            auxiliary: the outputs that only serve the others, for balancers that tell them apart.
            observe_every: batches from one look at the tasks' gradients to the next, for the history,
                where the balancer itself asks for none. Above 1 the steps that look and those that do
                not are compiled apart; 1 looks in each and compiles once.
            affinity: whether these looks also measure how much a step for one task alone lowers the
                loss of each other, at the price of a trunk's backward and a forward a task:
                `affinity_<a>_on_<b>` in the history. Needs a balancer that looks at losses alone.

        Raises:
            ConfigError: an `observe_every` that is no whole number from 1 on.
            ValueError: a loss, weight or metric for an output that is not there; a `balancing`
                that is no balancer; an `auxiliary` that is no output with a loss.
            BalancingError: a balancer with fewer than two tasks, or whose needs the model cannot
                meet.
        """
        if balancing is not None:
            demand("balancing", balancing, Balancer)
        demand_whole("compile", observe_every=observe_every)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )
        objective = Objective(self.task_names, loss, loss_weights)
        check_auxiliary(auxiliary, objective.tasks)
        self.loss = loss
        self._keep(
            balancing=balancing,
            objective=objective,
            _compile_metrics=TaskMetrics(
                objective.outputs, objective.tasks, metrics, weighted_metrics
            ),
            _balance=Balance.plain(objective.tasks),
            _made=(None, None),
            _compiled_with={
                "optimizer": self.optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly,
                "steps_per_execution": steps_per_execution,
                "jit_compile": jit_compile,
                "balancing": balancing,
                "auxiliary": list(auxiliary),
                "observe_every": observe_every,
                **({"affinity": True} if affinity else {}),
            },
        )
        if balancing is None:
            return
        # Refuses here, not in the first step, a model that cannot give what the balancer needs.
        balance = Balance.of(
            balancing,
            self.network,
            auxiliary,
            self._compile_metrics,
            self.optimizer,
            self,
            objective.scored,
            observe_every,
            affinity,
        )
        self._keep(_balance=balance)
        if (balance.learnt or isinstance(balancing, TrialBalancer)) and not self.optimizer.built:
            exclude_from_decay(self.optimizer, balance.learnt)
            self.build_optimizer()

    @property
    def task_names(self) -> list[str]:
        """The outputs' names: the keys of a dict of outputs, else the names of their layers.

        A layer that gives two of them has its second output named `<layer>_1`.
        """
        return list(self._named.names)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        balance = self._balance
        ours = [m for m in (balance.monitor, balance.alone) if m is not None]
        return [*super().metrics, *ours]

    @property
    def metrics_variables(self) -> list[keras.Variable]:
        # A balancer's state lives as long as the metrics' in Keras' training loop, and is reset by
        # nobody. It is no weight of the model: get_weights and clone_model do not see it.
        metrics = [v for metric in self.metrics for v in metric.variables]
        average = self._regime.average
        averages = [] if average is None else average.variables
        return [*metrics, *self._balance.variables, *averages]

    @property
    def regime(self) -> Regime:
        """How a run trains it; set, the step is compiled anew."""
        return self._regime

    @regime.setter
    def regime(self, regime: Regime) -> None:
        self._keep(_regime=regime)
        self.train_function = None

    @property
    def report(self) -> Report:
        """What the steps of this epoch have to tell of the tasks' gradients."""
        return self._balance.report

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: Any = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        *args: Any,
        class_weight: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does, with the same arguments.

        `class_weight` is a dict by output name, such as `{"kind": {0: 1.0, 1: 5.0}}`. It multiplies
        the sample weights, and goes with data of every kind.

        The history also holds, where gradients are compared, the mean cosine between each two tasks'
        gradients (`cosine_<a>_<b>`) and each task's share of the update (`<task>_share`).

        Raises:
            ValueError: a `class_weight` of another structure, or for an output that is not there.
            DivergedError: a loss is not finite; names the task, the step and the last checkpoint. Or
                the weights are not at the end of an epoch.
            BalancingError: the balancer looks at validation losses, and there is no
                `validation_data`, or the training data can be read only once.
        """
        self._weigh_classes_by(class_weight)
        trials = []
        if isinstance(self.balancing, TrialBalancer):
            how = (x, y, batch_size, epochs, verbose, callbacks, *args)
            trials = [trials_of(self, self.balancing, *how, **kwargs)]
        around = watched(callbacks, trials)
        return super().fit(x, y, batch_size, epochs, verbose, around, *args, **kwargs)

    @property
    def turns(self) -> Turns | None:
        """The steps that compare the tasks' gradients, where some do and some do not."""
        return self._balance.turns

    def begin_epoch(self, epoch: int) -> None:
        """Starts an epoch of the report, and of the steps that compare gradients."""
        self.report.begin(epoch)
        if self.turns is not None:
            self.turns.begin_epoch()

    def branch_losses(self) -> Any:
        """The mean losses of the last evaluation, `(features + 1,)` NumPy, summed over the tasks.

        From each feature alone, then from all; for a balancer that weighs features.
        """
        if self._balance.alone is None:
            raise RuntimeError("No balancer asked for what features answer alone.")
        losses = keras.ops.convert_to_numpy(self._balance.alone.branches)
        return self.objective.loss_weights @ losses

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step as `keras.Model.train_on_batch` takes it; `class_weight` is as in `fit`."""
        self._weigh_classes_by(class_weight)
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    def build_optimizer(self) -> None:
        """Makes the optimizer's variables for what is trainable now: it may be frozen for a while."""
        if not self.optimizer.built:
            self.optimizer.build([*self.trainable_variables, *self._balance.learnt])

    def make_train_function(self, force: bool = False) -> None:
        # TensorFlow would trace a step that makes the optimizer's variables twice.
        self.build_optimizer()
        make, turns = super().make_train_function, self.turns
        if self.train_function is None or force:
            if turns is None:
                make(force=True)
            else:
                self.train_function = backend.in_turns(self, lambda: make(force=True), turns)
        if turns is not None:
            turns.read()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_jax_state":
            # Keras would look at each array of the state, after each step, whether it is a layer.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def train_step(self, *args: Any) -> Any:
        return backend.train_step(self, *args)

    def test_step(self, *args: Any) -> Any:
        return backend.test_step(self, *args)

    def train_on_data(self, data: Any) -> dict[str, Any]:
        """One training step on `(x, y, sample_weight)`, reading and assigning variables.

        Returns:
            The logs.
        """
        self._loop.train(data)
        return self.get_metrics_result()

    def test_on_data(self, data: Any) -> dict[str, Any]:
        """One evaluation step on `(x, y, sample_weight)`, reading and assigning variables.

        Returns:
            The logs.
        """
        return self._loop.evaluate(data)

    def _get_metrics_result_or_logs(self, logs: Any) -> Any:
        """What Keras' loops log of an epoch: what its last step told, which is the metrics' results.

        Keras asks the metrics once more, and JAX compiles each of their operations for it. A class with
        a step of its own may log something else of it.
        """
        steps = ("train_step", "train_on_data", "test_step", "test_on_data")
        ours = all(getattr(type(self), s) is getattr(MultiTaskModel, s) for s in steps)
        return logs if logs and ours else super()._get_metrics_result_or_logs(logs)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The sum of the tasks' losses, as `fit` without balancing logs it."""
        labels = self.objective.by_name(y, sample_weight)
        losses = self.objective.losses(self._named.by_name(y_pred), labels)
        return sum((keras.ops.sum(term) for term in self.losses), keras.ops.sum(losses.values))

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Updates the metrics with one batch and returns their results."""
        predictions = self._named.by_name(y_pred)
        labels = self.objective.labels(predictions, self.objective.by_name(y, sample_weight))
        self._compile_metrics.update_state(labels, predictions)
        return self.get_metrics_result()

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(without_row_key(inputs), *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.shared is not None:
            config["shared"] = self._named.addresses(self.shared)
        return config

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        given = self._compiled_with
        config = {key: keras.saving.serialize_keras_object(value) for key, value in given.items()}
        # `clone_model` takes nothing else of a compiled model along.
        return {**config, "shared": self.get_config().get("shared")}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        given = {k: keras.saving.deserialize_keras_object(v) for k, v in config.items()}
        shared = given.pop("shared", None)
        if self.shared is None and shared is not None:
            self._keep(shared=tuple(self._named.found(t) for t in shared))
        self.compile(**given)
        self.build_optimizer()

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        for name, variable in self._unsaved_by_keras().items():
            store[name] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        held = {key: store[key] for key in store.keys()}  # noqa: SIM118 (an HDF5 group)
        super().load_own_variables({k: v for k, v in held.items() if not k.startswith(PREFIX)})
        restore(self._unsaved_by_keras(), held)

    def _unsaved_by_keras(self) -> dict[str, keras.Variable]:
        weights = {id(v) for v in self.weights}
        seeds = [v for v in self.non_trainable_variables if id(v) not in weights]
        return saved_state(seeds, self.balancing, self._balance.state)

    def _weigh_classes_by(self, class_weight: Any) -> None:
        by_output = read_class_weight(class_weight, self.task_names)
        if by_output != self._class_weight:
            # Constants of the step: it is compiled anew.
            self._keep(_class_weight=by_output)
            self.train_function = None

    def _keep(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    @property
    def _loop(self) -> Loop:
        return Loop(
            self,
            self._named,
            self.objective,
            self._balance,
            self._loss_tracker,
            self._compile_metrics,
            self._class_weight,
            self._regime,
        )

    @property
    def network(self) -> Network:
        """The layers as they are now: some may have been frozen since `compile`."""
        trained = tuple(id(v) for v in self.trainable_variables)
        if self._made[0] != trained:
            parts = (self, self._named, self.objective, self._compile_metrics)
            try:
                made = network_of(*parts, self.balancing, self.shared)
            except BalancingError:
                if self._made[1] is None:
                    raise
                # All that the tasks share was frozen since, and there is nothing to balance.
                made = network_of(*parts, None, self.shared)
            self._keep(_made=(trained, made))
        return self._made[1]
