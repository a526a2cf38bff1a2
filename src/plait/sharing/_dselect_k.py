"""A few experts for each task, chosen by gradient."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from plait._copies import take_weights
from plait._ranges import demand_number, demand_whole
from plait._shares import tell_shares
from plait.errors import ConfigError
from plait.sharing._mixture import Experts, weighted
from plait.sharing._task_sharing import TaskSharing
from plait.sharing._template import Pattern


@keras.saving.register_keras_serializable(package="plait")
class DSelectK(TaskSharing):
    """Experts of which each task learns to choose `k`, the same for every row.

    A task has k selectors. A selector says the number of an expert in binary: each digit is a smooth
    step of a weight, which is exactly 0 or 1 from ±γ/2 on, so it gives expert e the weight Π_b s_b or
    1 - s_b by the digits of e. The task's mixture is that of its selectors, by a softmax. The entropy
    of the selectors is a loss beside those of the tasks, and drives the digits to 0 or 1; once they are
    there, no task has more than k experts. Before that, when the model answers, a task has the k
    experts whose weights are largest, and these make up 1; so it has k at most however short the
    training was, and an expert that no task has chosen is skipped.

    The shared part ends behind the experts and the tasks' weights of them. Of these a gradient is a
    task's own, and counts in its length alone where gradients are compared.

    Args:
        experts: how many, a power of two, so that every number of a selector's is an expert.
        k: how many of them a task has in the end, at most.
        gamma: the width of the smooth step. A digit has half of it to go, a learning rate a step at
            most: with the paper's 1 many trainings end before.
        entropy: the weight of the entropy. The paper tunes it.
        expert: the pattern of one: a Keras layer, an `Encoder` or a list of layers that follow each
            other, sizes found by themselves; `HardSharing(blocks=1)` if None.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.
        kept: the numbers of the experts that it has, from 0, where some of its tasks were exported: the
            others none of them has chosen. Its choice among these stays as it is: digits and selectors
            learn no more.

    Raises:
        ConfigError: a number of experts that is no power of two, more chosen than there are, a
            number that cannot be, a pattern that is no layer, a task that is none of the names.

    References:
        H. Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts with
        Applications to Multi-Task Learning" (2021), its gate for all examples of a task.
    """

    # An expert is of all tasks: which others chose it changes nothing that it gives.
    apart: ClassVar[bool] = True
    weighs = True

    def __init__(
        self,
        experts: int = 4,
        k: int = 2,
        gamma: float = 0.2,
        entropy: float = 0.01,
        expert: Pattern | None = None,
        tasks: Sequence[str] | None = None,
        kept: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tasks, **kwargs)
        demand_whole("DSelectK", least=2, experts=experts)
        demand_whole("DSelectK", most=experts, k=k)
        demand_number("DSelectK", gamma=gamma, entropy=entropy)
        if gamma == 0:
            raise ConfigError("DSelectK: gamma is more than 0. Received: 0.", ("gamma",))
        if experts & (experts - 1):
            raise ConfigError(
                f"DSelectK: experts is a power of two: 2, 4, 8, .... Received: {experts}.",
                ("experts",),
            )
        if kept is not None and (not isinstance(kept, list | tuple) or not kept):
            raise ConfigError(
                f"DSelectK: kept is a list of numbers of experts. Received: {kept!r}.", ("kept",)
            )
        for number in kept or ():
            demand_whole("DSelectK", least=0, most=experts - 1, kept=number)
        self.experts = experts
        self.k = k
        self.kept = None if kept is None else sorted(set(kept))
        self.gamma = gamma
        self.entropy = entropy
        self._expert = Experts("DSelectK", expert)
        self._expert.demand_few(experts)

    @property
    def expert(self) -> Any:
        """The pattern of an expert, as it was given."""
        return self._expert.argument

    @property
    def least_weights(self) -> int:
        return len(self.numbers) * self._expert.least_weights

    @property
    def numbers(self) -> list[int]:
        """Of the experts that it has."""
        return list(range(self.experts)) if self.kept is None else self.kept

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        tasks, digits = len(self.known()), self.experts.bit_length() - 1
        self.digits = self.add_weight(
            name="digits",
            shape=(tasks, self.k, digits),
            initializer=keras.initializers.RandomUniform(-self.gamma / 100, self.gamma / 100),
            dtype="float32",
            autocast=False,
            trainable=self.kept is None,
        )
        # The softmax over one selector is 1 whatever its weight is.
        if self.k > 1:
            self.selectors = self.add_weight(
                name="selectors",
                shape=(tasks, self.k),
                initializer=keras.initializers.RandomUniform(),
                dtype="float32",
                autocast=False,
                trainable=self.kept is None,
            )
        self.made = [
            self._expert.made(f"expert_{n}", tokens_shape, self.dtype_policy, self.masked)
            for n in self.numbers
        ]
        self._given = tuple(self.made[0].compute_output_shape(tokens_shape)[1:])

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        chosen = self.chosen()
        shares = self.shares(chosen)
        if training and self.kept is None:
            if self.entropy:
                undecided = -ops.sum(chosen * ops.log(chosen + 1e-6))
                self.add_loss(self.once(self.entropy * undecided))
        else:
            shares = self.largest(shares)
        if training:
            found = [expert(tokens, mask, training=True) for expert in self.made]
        else:
            used = ops.any(shares > 0, axis=0)
            found = [
                ops.cond(
                    used[n],
                    lambda expert=expert: expert(tokens, mask, training=False),
                    lambda: ops.zeros(
                        (ops.shape(tokens)[0], *self._places(tokens), self._given[-1]),
                        dtype=self.compute_dtype,
                    ),
                )
                for n, expert in enumerate(self.made)
            ]
        rows = ops.zeros((ops.shape(tokens)[0], *[1] * len(self._given)), dtype=self.compute_dtype)
        weights = [rows + ops.cast(shares[n], rows.dtype) for n in range(len(self.known()))]
        return [*weights, *found]

    def _places(self, tokens: Any) -> tuple[Any, ...]:
        """Of what an expert gives; of an unknown number, as many as it reads."""
        read = ops.shape(tokens)[1:-1]
        return tuple(
            read[n] if count is None else count for n, count in enumerate(self._given[:-1])
        )

    def common(self, shared: Any) -> Any:
        """The mean of the experts."""
        return super().common(shared[len(self.known()) :])

    def chosen(self) -> Any:
        """How much each selector takes of each expert, `(tasks, k, experts)`."""
        t = ops.convert_to_tensor(self.digits) / self.gamma
        steps = ops.where(
            t <= -0.5, 0.0, ops.where(t >= 0.5, 1.0, -2.0 * t * t * t + 1.5 * t + 0.5)
        )
        steps = ops.expand_dims(steps, 2)
        numbers = np.arange(self.experts)[:, None]
        ones = (numbers >> np.arange(self.digits.shape[-1])) % 2 == 1
        return ops.prod(ops.where(ones, steps, 1.0 - steps), axis=-1)

    def shares(self, chosen: Any = None) -> Any:
        """Each task's weight of each expert, `(tasks, experts)`."""
        chosen = self.chosen() if chosen is None else chosen
        if self.k == 1:
            return chosen[:, 0]
        weights = ops.softmax(ops.convert_to_tensor(self.selectors), axis=-1)
        return ops.sum(ops.expand_dims(weights, -1) * chosen, axis=1)

    def largest(self, shares: Any) -> Any:
        """The k largest of each task's weights of the experts that it has, made up to 1, and 0 for the
        others; where none of these has a weight, they weigh alike.
        """
        if self.kept is not None:
            shares = ops.take(shares, self.kept, axis=1)
        count = len(self.numbers)
        _, places = ops.top_k(shares, min(self.k, count))
        largest = shares * ops.cast(ops.sum(ops.one_hot(places, count), axis=1), shares.dtype)
        whole = ops.sum(largest, axis=-1, keepdims=True)
        # Not zero where it divides, even if that is not what is taken.
        return ops.where(whole > 0, largest / ops.where(whole > 0, whole, 1.0), 1 / count)

    def narrowed(self, declared: Any) -> Any:
        # What a subclass makes of the experts is not known.
        if type(self) is not DSelectK:
            return declared
        shares = ops.convert_to_numpy(self.largest(self.shares()))
        places = [self.place(task) for task in declared.tasks or self.known()]
        chosen = (shares[places] > 0).any(axis=0)
        kept = [number for number, is_chosen in zip(self.numbers, chosen, strict=True) if is_chosen]
        return declared if kept == self.numbers else declared.remade(kept=kept, name=self.name)

    def take_from(self, whole: Any) -> None:
        theirs = dict(zip(whole.numbers, whole.made, strict=True))
        for number, own in zip(self.numbers, self.made, strict=True):
            take_weights(own, theirs[number])
        places = self.places_in(whole)
        self.digits.assign(ops.take(whole.digits, places, axis=0))
        if self.k > 1:
            self.selectors.assign(ops.take(whole.selectors, places, axis=0))

    def part(self, shared: Any, task: str) -> Any:
        """The task's weights of the experts, and the experts' outputs."""
        return [shared[self.place(task)], *shared[len(self.known()) :]]

    def branch(self, task: str) -> keras.layers.Layer | None:
        return Chosen(self.kept, dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "experts": self.experts,
            "k": self.k,
            "gamma": self.gamma,
            "entropy": self.entropy,
            "expert": self._expert.config,
            "kept": self.kept,
        }


@keras.saving.register_keras_serializable(package="plait")
class Chosen(keras.layers.Layer):
    """Σ_k w_k E_k, of weights that are the same in all rows.

    Args:
        numbers: of the experts, from 0; None for all.

    Call arguments:
        shared: the weights `(batch, 1, experts)`, and the experts' outputs.
        tokens: the fused tokens, which have no say.
        mask: nor has their mask.
    """

    def __init__(self, numbers: Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numbers = numbers

    def call(self, shared: Any, tokens: Any, mask: Any = None) -> Any:
        experts = shared[1:]
        numbers = range(len(experts)) if self.numbers is None else self.numbers
        tell_shares("experts", [f"expert {number + 1}" for number in numbers], shared[0])
        return weighted(experts, shared[0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "numbers": self.numbers}
