"""Where the shared trunk of a functional model ends, found from its graph alone."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from plait._names import did_you_mean
from plait.errors import BalancingError


@dataclass(frozen=True)
class Cut:
    """A functional graph, cut where its operations stop serving several tasks.

    Attributes:
        trunk: the operations' calls that serve two tasks or more, in order of execution.
        heads: for each task, the calls that serve it alone.
        rest: calls that serve no task (outputs without a loss).
        frontier: the differentiable tensors at which gradients are compared: what the trunk gives
            to a head, and depends on a trainable variable.
        uses: for each task, the indices in `frontier` of the tensors that it reads.
        crossing: everything that the trunk or the inputs give to heads or outputs.
        order: the tasks, each behind those whose heads give it something with the gradient stopped.
    """

    trunk: tuple[Any, ...]
    heads: dict[str, tuple[Any, ...]]
    rest: tuple[Any, ...]
    frontier: tuple[Any, ...]
    uses: dict[str, tuple[int, ...]]
    crossing: tuple[Any, ...]
    order: tuple[str, ...]

    @property
    def trunk_variables(self) -> list[keras.Variable]:
        """The trunk's trainable variables."""
        return trainable(self.trunk)

    def head_variables(self, task: str) -> list[keras.Variable]:
        """The trainable variables of a task's own operations (some may be the trunk's too)."""
        return trainable(self.heads[task])


def find_cut(inputs: Sequence[Any], outputs: Mapping[str, Any], tasks: Sequence[str]) -> Cut:
    """Cuts the graph from `inputs` to `outputs`.

    An operation's call is trunk if two or more tasks depend on it. The frontier is every tensor that
    the trunk gives to something that serves exactly one task, be it an operation or the task's loss.

    What `keras.ops.stop_gradient` reads does not serve what reads its result: no gradient comes back.
    So one head may give another what it has made, and stays a head.

    Args:
        inputs: the model's input tensors.
        outputs: each output's tensor.
        tasks: the names of the outputs that have a loss.

    Raises:
        BalancingError: two heads that give each other something.
    """
    calls = calls_behind(list(outputs.values()))
    serves = _served(calls, {task: outputs[task] for task in tasks})
    trunk = tuple(c for c in calls if len(serves[c]) > 1)
    heads = {t: tuple(c for c in calls if serves[c] == {t}) for t in tasks}
    rest = tuple(c for c in calls if not serves[c])
    learnable = _learnable(calls)

    given = {id(x): x for c in trunk for x in c.outputs} | {id(x): x for x in inputs}
    frontier: list[Any] = []
    uses: dict[str, tuple[int, ...]] = {}
    crossing: dict[int, Any] = {}
    places: dict[int, int] = {}
    for task in tasks:
        read = [x for c in heads[task] for x in c.input_tensors if not _stops(c)] + [outputs[task]]
        mine = {id(x): x for x in read if id(x) in given}
        stopped = [x for c in heads[task] if _stops(c) for x in c.input_tensors]
        crossing |= mine | {id(x): x for x in stopped if id(x) in given}
        for key, tensor in mine.items():
            if (
                key in learnable
                and keras.backend.is_float_dtype(tensor.dtype)
                and key not in places
            ):
                places[key] = len(frontier)
                frontier.append(tensor)
        uses[task] = tuple(sorted(places[key] for key in mine if key in places))
    for tensor in [x for c in rest for x in c.input_tensors] + list(outputs.values()):
        if id(tensor) in given:
            crossing[id(tensor)] = tensor
    return Cut(trunk, heads, rest, tuple(frontier), uses, tuple(crossing.values()), _ordered(heads))


def compared(
    cut: Cut, shared: Sequence[Any] | None, level: str | None = "representation"
) -> tuple[int, ...]:
    """The indices of the frontier's tensors that the Gramian is taken over.

    Args:
        cut: the model's cut.
        shared: the tensors named by hand, or None for the whole frontier.
        level: what is compared: "representation" these tensors, "parameters" all that is before.

    Raises:
        BalancingError: a tensor that is not on the frontier, a task that reads none of them, or
            tensors that no two tasks read.
    """
    if shared is None:
        chosen = tuple(range(len(cut.frontier)))
    else:
        if level == "parameters":
            warnings.warn(
                "plait: shared= names tensors to compare gradients at, which is for "
                "level='representation'. At level='parameters' all shared variables are compared.",
                stacklevel=2,
            )
        places = {id(x): i for i, x in enumerate(cut.frontier)}
        for tensor in shared:
            if id(tensor) not in places:
                names = [_name(x) for x in cut.frontier]
                raise BalancingError(
                    f"shared= names {_name(tensor)}, where the shared trunk does not end. "
                    f"It ends at: {', '.join(names)}.{did_you_mean(_name(tensor), names)}"
                )
        chosen = tuple(sorted(places[id(x)] for x in shared))
    for task, used in cut.uses.items():
        if not set(used) & set(chosen):
            raise BalancingError(
                f"Output '{task}' depends on no shared tensor, so its gradient can be compared with "
                "no other. Let it share a trainable layer with another output, or compile with a "
                "balancer that looks at loss values only."
            )
    if level == "representation":
        _check_pairs(cut, set(chosen))
    return chosen


def _check_pairs(cut: Cut, chosen: set[int]) -> None:
    """Two tasks are compared through what both read directly; a task that none meets is told."""
    met = {
        task
        for task, used in cut.uses.items()
        if any(set(used) & set(others) & chosen for t, others in cut.uses.items() if t != task)
    }
    alone = [task for task in cut.uses if task not in met]
    if not met:
        names = sorted({_name(cut.frontier[i]) for i in chosen})
        raise BalancingError(
            f"No two outputs read one tensor of those where the trunk ends ({', '.join(names)}), so "
            "their gradients cannot be compared there. Use level='parameters'; of a model inside "
            "the model, take its layers instead."
        )
    if alone:
        warnings.warn(
            f"plait: at level='representation' the gradient of {alone[0]!r} is compared with no "
            "other output's: it reads no tensor of the trunk's end that another output reads. "
            "level='parameters' compares it on everything they share.",
            stacklevel=2,
        )


def run(calls: Sequence[Any], values: dict[int, Any], training: bool) -> None:
    """Executes calls in order, reading and writing `values`: a tensor of the graph's id -> a value."""
    for call in calls:
        args, kwargs = call.arguments.fill_in(values)
        if "training" in getattr(call.operation, "_call_context_args", ()):
            kwargs = {**kwargs, "training": training}
        result = call.operation(*args, **kwargs)
        for tensor, value in zip(call.outputs, keras.tree.flatten(result), strict=True):
            values[id(tensor)] = value


def trainable(calls: Sequence[Any]) -> list[keras.Variable]:
    """The trainable variables of some calls' operations, each once."""
    found: dict[int, keras.Variable] = {}
    for call in calls:
        for variable in getattr(call.operation, "trainable_variables", ()):
            found[id(variable)] = variable
    return list(found.values())


def address(tensor: Any, outputs: Sequence[Any]) -> list[Any]:
    """A tensor of the graph behind `outputs` as plain data: operation, its call's place, index."""
    operation, _, index = tensor._keras_history
    mine = [c for c in calls_behind(list(outputs)) if c.operation is operation]
    return [operation.name, mine.index(_call(tensor)), index]


def tensor_at(place: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """The tensor that `address` described."""
    name, call, index = place
    mine = [c for c in calls_behind(list(outputs)) if c.operation.name == name]
    return mine[call].outputs[index]


def calls_behind(outputs: list[Any]) -> list[Any]:
    """The calls behind `outputs`, parents first; inputs are none."""
    ordered: dict[Any, None] = {}
    stack = [(_call(x), False) for x in reversed(outputs)]
    while stack:
        call, ready = stack.pop()
        if call in ordered or call.is_input:
            continue
        if ready:
            ordered[call] = None
        else:
            stack.append((call, True))
            stack += [(_call(x), False) for x in reversed(call.input_tensors)]
    return list(ordered)


def _call(tensor: Any) -> Any:
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _ordered(heads: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """The tasks, each behind those whose heads it reads."""
    owners = {id(x): task for task, calls in heads.items() for c in calls for x in c.outputs}
    reads = {
        task: {owners[id(x)] for c in calls for x in c.input_tensors if id(x) in owners} - {task}
        for task, calls in heads.items()
    }
    ordered: list[str] = []
    while len(ordered) < len(heads):
        ready = [t for t in heads if t not in ordered and reads[t] <= set(ordered)]
        if not ready:
            left = [task for task in heads if task not in ordered]
            raise BalancingError(
                f"The heads of {left} read each other, so none of them can run first. Let one of them "
                "read what the trunk gives, or compile with a balancer that looks at loss values only."
            )
        ordered.append(ready[0])
    return tuple(ordered)


@cache
def _stop_gradient() -> type:
    """The operation of `keras.ops.stop_gradient`, which has no public name."""
    return type(keras.ops.stop_gradient(keras.KerasTensor((1,)))._keras_history.operation)


def _stops(call: Any) -> bool:
    return type(call.operation) is _stop_gradient()


def _served(calls: list[Any], outputs: Mapping[str, Any]) -> dict[Any, set[str]]:
    served: dict[Any, set[str]] = {call: set() for call in calls}
    for task, tensor in outputs.items():
        if (call := _call(tensor)) in served:
            served[call].add(task)
    for call in reversed(calls):
        if not _stops(call):
            for tensor in call.input_tensors:
                if (parent := _call(tensor)) in served:
                    served[parent] |= served[call]
    # What is read with the gradient stopped only belongs to those who read it.
    alone = {call for call, tasks in served.items() if not tasks}
    for call in reversed(calls):
        for tensor in call.input_tensors:
            if (parent := _call(tensor)) in alone:
                served[parent] |= served[call]
    return served


def _learnable(calls: list[Any]) -> set[int]:
    """The ids of the tensors that depend on a trainable variable."""
    found: set[int] = set()
    for call in calls:
        if _stops(call):
            continue
        if trainable([call]) or any(id(x) in found for x in call.input_tensors):
            found |= {id(x) for x in call.outputs}
    return found


def _name(tensor: Any) -> str:
    operation, index, place = tensor._keras_history
    return f"{operation.name}:{index}:{place}" if index or place else operation.name
