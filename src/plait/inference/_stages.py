"""The stages behind the features: what the tasks share, and what each has for itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from plait._copies import copy_of
from plait.errors import ConfigError
from plait.fusion import Fusion
from plait.inference._after_answers import AfterAnswers
from plait.inference._parts import HEADS, part_of
from plait.inference._strands import Strand, Tensors
from plait.sharing import Sharing
from plait.tasks import DenseTask, Task


@dataclass(frozen=True)
class OwnNames:
    """The names of the layers that a task has for itself.

    Attributes:
        head: of its head.
        branch: of what the sharing gives it for itself.
        after: of what gives it the answers of others, or None.
    """

    head: str
    branch: str
    after: str | None


@dataclass(frozen=True)
class Stages:
    """Fusion, the shared part, and the tasks' branches and heads, each called as often as is asked.

    Attributes:
        tasks: fitted tasks by name.
        strands: the features.
        fusion: the layer.
        sharing: the layer.
        names: the names of the layers that the tasks have for themselves, by task.
        policy: the layers' precision; as Keras' own settings have it if None.
    """

    tasks: Mapping[str, Task]
    strands: Mapping[str, Strand]
    fusion: Fusion
    sharing: Sharing
    names: Mapping[str, OwnNames]
    policy: str | None
    _shared: dict[tuple[str, ...], tuple[Any, Any, Any]] = field(default_factory=dict)
    _own: dict[tuple[str, str], Any] = field(default_factory=dict)

    def representation(self, reads: tuple[str, ...]) -> tuple[Any, Any, Any]:
        """What the shared part makes of some features, with the others absent.

        Returns:
            What `Sharing` gave; and the fused tokens and their mask.
        """
        if reads not in self._shared:
            self._shared[reads] = self.representation_of(reads, {})
        return self._shared[reads]

    def representation_of(
        self, reads: tuple[str, ...], instead: Mapping[str, Tensors]
    ) -> tuple[Any, Any, Any]:
        """The same with other tokens in the place of some features, by a call of its own."""
        size = self.strands[reads[0]].read["present"]
        seen = {
            name: instead.get(name, strand.read) if name in reads else strand.unread(size)
            for name, strand in self.strands.items()
        }
        fused = self.fusion(
            {name: s["tokens"] for name, s in seen.items()},
            {name: s["mask"] for name, s in seen.items()},
            {name: s["present"] for name, s in seen.items()},
            filled=True,
        )
        # Masks go by position: a `mask=` would become Keras' own mask of the outputs, too.
        return self.sharing(fused["tokens"], fused["mask"]), fused["tokens"], fused["mask"]

    def logits(self, name: str, answered: Mapping[str, Any]) -> Any:
        """A task's logits, by a call of its head.

        Args:
            name: of the task.
            answered: the logits of those that it comes after.

        Raises:
            ConfigError: a task of feature maps that its feature has not.
        """
        task = self.tasks[name]
        if not task.fused:
            return self._head(name)(of=[self.strands[f].read for f in task.of_features])
        reads = tuple(f for f in self.strands if task.features is None or f in task.features)
        common, tokens, mask = self.representation(reads)
        branch = self._layer(name, "branch", lambda: self._branch(name))
        part = self.sharing.part(common, name)
        own = part if branch is None else branch(part, tokens, mask)
        if task.after:
            after_name = self.names[name].after
            gives = [kind for other in task.after if (kind := self.tasks[other].gives)]
            after = self._layer(name, "after", lambda: AfterAnswers(gives, name=after_name))
            own = after(own, [keras.ops.stop_gradient(answered[other]) for other in task.after])
        head = self._head(name)
        if isinstance(task, DenseTask):
            return head(own, mask, of=self._parts(name, task))
        return head(own, mask)

    def _head(self, name: str) -> Any:
        """A task's head."""
        task, own = self.tasks[name], self.names[name].head
        return self._layer(name, "head", lambda: copy_of(task.head(), own, self.policy))

    def _branch(self, name: str) -> Any:
        """What the sharing gives a task for itself, or None."""
        branch = self.sharing.branch(name)
        return branch and copy_of(branch, self.names[name].branch, self.policy)

    def _parts(self, name: str, task: DenseTask) -> Any:
        """What a task of a feature reads of it beside the fused tokens."""
        strand = self.strands[task.of]
        if task.parts != "maps":
            own = {"tokens": strand.read["tokens"], "mask": strand.read["mask"]}
            steps = {"values": strand.values, "lengths": strand.lengths}
            return own if task.parts == "tokens" else {**own, **steps}
        if not strand.maps:
            raise ConfigError(
                f"Task '{name}' is of '{task.of}', whose encoder gives no feature maps. Give that "
                "feature an encoder that does, such as ImageConv.",
                ("features", task.of),
            )
        return strand.maps

    def _layer(self, task: str, kind: str, make: Any) -> Any:
        """A layer that a task has for itself, made when it is first called."""
        if (task, kind) not in self._own:
            made = make()
            self._own[task, kind] = made if made is None else part_of(made, task, HEADS)
        return self._own[task, kind]
