"""Measures plait's own rows: each method's compiled step beside the plain one of the same net."""

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
from bounds import bar, bound
from methods import PLAIN_KERAS, REPRESENTATIVES, Method, group_of, methods
from nets import Compiled, Trained
from results import Row
from sizes import Net
from solvers import PROBLEMS, Solver
from timing import beside_plain, ratio, seconds

WARM_UP = 3
SOLVED_AT = 32
_SOLVED = {"gramian", "cross_gramian", "cross_product"}


def names(net: Net) -> list[str]:
    """The rows of a net: all methods where there is a bar, else one of each way through the step."""
    found = [method.name for method in methods([f"t{n}" for n in range(net.tasks)])]
    return [PLAIN_KERAS, *(name for name in found if net.barred or name in REPRESENTATIVES)]


def measure(net: Net, wanted: list[str], pairs: int) -> Iterator[Row]:
    """The wanted rows of a net; one that cannot be had says why."""
    trained = Trained(net)
    by_name = {method.name: method for method in methods(trained.tasks)}
    for name in wanted:
        row = {"net": net.name, "tasks": net.tasks, "method": name, "library": "plait"}
        try:
            if name == PLAIN_KERAS:
                measured = _compared(trained.plain(), trained.plain_keras(), 2, pairs)
                yield row | {"group": "plain", "bound": 1.0} | measured
            else:
                yield row | _measured(net, trained, by_name[name], pairs)
        except Exception as error:  # Hours of other rows are not to wait for this one.
            yield row | {"error": f"{type(error).__name__}: {error}"}


def _measured(net: Net, trained: Trained, method: Method, pairs: int) -> dict[str, Any]:
    balancer = method.make()
    solver = None
    if net.barred and net.tasks == SOLVED_AT and balancer.needs & _SOLVED:
        solver = Solver(method.make(), trained.tasks)
    row = _compared(
        trained.plain(method.metrics), trained.balanced(method), method.block, pairs, solver
    )
    most = bar(balancer, net)
    return {
        "group": group_of(balancer),
        "bound": round(bound(balancer, net), 4),
        "bar": most and round(most, 4),
        "passed": most and row["high"] <= most,
        **row,
    }


def _compared(
    plain: Compiled, step: Compiled, block: int, pairs: int, solver: Solver | None = None
) -> dict[str, Any]:
    """The step's time as a ratio to the plain one's, pair by pair.

    Two steps of each in turn: one that finds the caches full of the other's data, and one that finds
    its own; more where the method does something only now and then.
    """
    runs = [plain.run, step.run]
    calls = [block, block]
    if solver:
        runs.append(solver.run)
        calls.append(PROBLEMS)
    # What was traced lies in cycles: whole programs of earlier methods, and pauses amid the timing.
    gc.collect()
    for run in runs:
        run(WARM_UP)
    times = np.array(
        [[seconds(*each) for each in zip(runs, calls, strict=True)] for _ in range(pairs)]
    )
    row = {
        **beside_plain(times[:, :2]),
        "counted": round(step.flops / plain.flops, 3),
        "compile_s": round(step.compile_s, 2),
        "plain_compile_s": round(plain.compile_s, 2),
        "memory_mb": round(step.memory_mb, 2),
        "plain_memory_mb": round(plain.memory_mb, 2),
    }
    if solver:
        solved = ratio(times[:, 2], times[:, 1])
        row |= {"solver": round(solved.median, 4), "solver_high": round(solved.high, 4)}
    return row
