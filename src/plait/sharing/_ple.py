"""Shared experts and those of each task, in one level or several."""

from collections.abc import Sequence
from typing import Any

import keras

from plait._ranges import demand_whole
from plait._shares import EVERY_TASK, numbered
from plait.sharing._mixture import Experts, Gate, gate, mixed
from plait.sharing._sharing import Sharing
from plait.sharing._task_sharing import TaskSharing
from plait.sharing._template import Pattern


@keras.saving.register_keras_serializable(package="plait")
class CGC(Sharing):
    """Experts that all tasks share beside those of one task alone, which each task mixes for itself.

    A task's gate is a softmax over the shared experts and its own. The shared part ends behind the
    shared experts; a task's own experts and its gate are its own.

    Args:
        shared_experts: how many all tasks have.
        task_experts: how many each task has for itself.
        expert: the pattern of one: a Keras layer, an `Encoder` or a list of layers that follow each
            other, sizes found by themselves; `HardSharing(blocks=1)` if None.

    Raises:
        ConfigError: no expert of a kind, a pattern that is no layer.

    References:
        H. Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model
        for Personalized Recommendations" (2020).
    """

    weighs = True

    def __init__(
        self,
        shared_experts: int = 2,
        task_experts: int = 1,
        expert: Pattern | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("CGC", shared_experts=shared_experts, task_experts=task_experts)
        self.shared_experts = shared_experts
        self.task_experts = task_experts
        self._expert = Experts("CGC", expert)
        self._expert.demand_few(shared_experts + task_experts)

    @property
    def expert(self) -> Any:
        """The pattern of an expert, as it was given."""
        return self._expert.argument

    @property
    def least_weights(self) -> int:
        return (self.shared_experts + self.task_experts) * self._expert.least_weights

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        self.shared = [
            self._expert.made(f"expert_{n}", tokens_shape, self.dtype_policy, self.masked)
            for n in range(self.shared_experts)
        ]

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        return [expert(tokens, mask, training=training) for expert in self.shared]

    def branch(self, task: str) -> keras.layers.Layer | None:
        return Gate(self.expert, self.task_experts, dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "shared_experts": self.shared_experts,
            "task_experts": self.task_experts,
            "expert": self._expert.config,
        }


@keras.saving.register_keras_serializable(package="plait")
class PLE(TaskSharing):
    """`CGC` in levels: what the gates of a level mix is what the next level's experts read.

    Below the last level, each task has its experts and a gate over them and the shared ones, and one
    more gate mixes the experts of all tasks and the shared ones for the shared experts above. So all
    but the last level is shared; of that, the shared experts are, and a task's own experts and gate are
    its own.

    Args:
        levels: how many; one level is `CGC`.
        shared_experts: how many all tasks have, in each level.
        task_experts: how many each task has for itself, in each level.
        expert: the pattern of one: a Keras layer, an `Encoder` or a list of layers that follow each
            other, sizes found by themselves; `HardSharing(blocks=1)` if None.
        tasks: their names; in a `Learner` and in a config, those of all tasks if None.

    Raises:
        ConfigError: no level or no expert of a kind, a pattern that is no layer, a task that is none of
            the names.

    References:
        H. Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model
        for Personalized Recommendations" (2020).
    """

    weighs = True

    def __init__(
        self,
        levels: int = 2,
        shared_experts: int = 2,
        task_experts: int = 1,
        expert: Pattern | None = None,
        tasks: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tasks, **kwargs)
        demand_whole("PLE", levels=levels, shared_experts=shared_experts, task_experts=task_experts)
        self.levels = levels
        self.shared_experts = shared_experts
        self.task_experts = task_experts
        self._expert = Experts("PLE", expert)
        self._expert.demand_few(levels * (shared_experts + task_experts * len(tasks or ["one"])))

    @property
    def expert(self) -> Any:
        """The pattern of an expert, as it was given."""
        return self._expert.argument

    @property
    def least_weights(self) -> int:
        experts = self.levels * (self.shared_experts + self.task_experts)
        return experts * self._expert.least_weights

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        shape, policy = tokens_shape, self.dtype_policy
        self.below = []
        for number in range(self.levels - 1):
            level = Level(
                self._expert,
                self.known(),
                self.task_experts,
                self.shared_experts,
                number,
                name=f"level_{number}",
                dtype=policy,
            )
            level.build(shape, self.masked)
            shape = level.mixed_shape
            self.below.append(level)
        self.last = [
            self._expert.made(f"expert_{n}", shape, policy, self.masked)
            for n in range(self.shared_experts)
        ]

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        own, common = [tokens] * len(self.known()), tokens
        for level in self.below:
            own, common = level(own, common, mask, training=training)
        return [*own, *(expert(common, mask, training=training) for expert in self.last)]

    def part(self, shared: Any, task: str) -> Any:
        """What the level below made for the task, and the shared experts' outputs."""
        return [shared[self.place(task)], *shared[len(self.known()) :]]

    def common(self, shared: Any) -> Any:
        """The mean of the shared experts of the last level."""
        return super().common(shared[len(self.known()) :])

    def branch(self, task: str) -> keras.layers.Layer | None:
        return Gate(self.expert, self.task_experts, own_input=True, dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "levels": self.levels,
            "shared_experts": self.shared_experts,
            "task_experts": self.task_experts,
            "expert": self._expert.config,
        }


class Level(keras.layers.Layer):
    """A level below the last: the tasks' experts and the shared ones, with a gate for each.

    Args:
        expert: the pattern.
        tasks: their names.
        own: how many experts each has for itself.
        common: how many all have.
        number: of the level, from 0 on.

    Call arguments:
        own: for each task, its tokens.
        shared: those of the shared experts.
        valid: `(batch, tokens)` bool.
        training: whether dropout is on.

    Returns:
        Both as the level above reads them.
    """

    def __init__(
        self,
        expert: Experts,
        tasks: Sequence[str],
        own: int,
        common: int,
        number: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._expert = expert
        self.tasks = tuple(tasks)
        self.own = own
        self.common = common
        self.number = number

    def build(self, shape: Any, masked: bool = False) -> None:
        policy = self.dtype_policy
        count = len(self.tasks) * self.own + self.common
        # The tasks' experts one after the other, then the shared ones.
        self.experts = [
            self._expert.made(f"expert_{n}", shape, policy, masked) for n in range(count)
        ]
        self.mixed_shape = self.experts[0].compute_output_shape(shape)
        self.gates = [
            gate(self.own + self.common, shape, self.mixed_shape, f"gate_{n}", policy)
            for n in range(len(self.tasks))
        ]
        self.shared_gate = gate(count, shape, self.mixed_shape, "shared_gate", policy)

    def call(
        self, own: list[Any], shared: Any, valid: Any = None, training: bool | None = None
    ) -> tuple[list[Any], Any]:
        read = [x for x in own for _ in range(self.own)] + [shared] * self.common
        found = [
            expert(x, valid, training=training)
            for expert, x in zip(self.experts, read, strict=True)
        ]
        common = found[len(self.tasks) * self.own :]
        level, in_common = f"experts, level {self.number + 1}", numbered("shared", self.common)
        mine = [
            mixed(
                [*found[n * self.own : (n + 1) * self.own], *common],
                gate(x),
                [*numbered("own", self.own), *in_common],
                valid,
                level,
                task,
            )
            for n, (task, gate, x) in enumerate(zip(self.tasks, self.gates, own, strict=True))
        ]
        named = [name for task in self.tasks for name in numbered(f"{task}'s", self.own)]
        for_all = self.shared_gate(shared)
        names, which = [*named, *in_common], f"{level}, shared"
        return mine, mixed(found, for_all, names, valid, which, EVERY_TASK)
