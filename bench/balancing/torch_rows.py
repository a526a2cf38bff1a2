"""The other process: the other libraries' steps beside torch's plain one, a line of JSON a row."""

import json
import sys
from itertools import groupby

import numpy as np
from libmtl_step import libmtl
from sizes import NETS
from timing import Run, beside_plain, seconds
from torch import nn
from torch_nets import Problem, plain, stepping
from torchjd import aggregation
from torchjd.autojac import jac_to_grad, mtl_backward

WARM_UP = 2
BUDGET_S = 4.0
LEAST, LEAST_OF_SLOW = 15, 5
"""Pairs, whatever the budget says; a step of a second or more is slow."""


def torchjd(problem: Problem, name: str) -> Run:
    """Its `mtl_backward`, and an aggregator as its constructor makes it."""
    arguments = {"CAGrad": {"c": 0.5}, "NashMTL": {"n_tasks": problem.net.tasks}}
    aggregator = getattr(aggregation, name)(**arguments.get(name, {}))
    trunk, heads = problem.trunk(), nn.ModuleList(problem.heads())

    def backward() -> None:
        z = trunk(problem.inputs)
        mtl_backward(problem.losses([head(z) for head in heads]), features=z)
        jac_to_grad(trunk.parameters(), aggregator)

    return stepping([*trunk.parameters(), *heads.parameters()], backward)


def timed(base: Run, run: Run, pairs: int) -> np.ndarray:
    """Seconds of pairs measured in turn; of slow steps fewer, and one at a time."""
    for each in (base, run):
        each(WARM_UP)
    took = seconds(run, 1)
    steps = 2 if took < 0.1 else 1
    least = LEAST if took < 1 else LEAST_OF_SLOW
    pairs = min(pairs, max(least, int(BUDGET_S / (steps * took))))
    return np.array([(seconds(base, steps), seconds(run, steps)) for _ in range(pairs)])


def main() -> None:
    asked = json.loads(sys.argv[1])
    nets = {(net.name, net.tasks): net for net in NETS}
    for (name, tasks), rows in groupby(asked["rows"], key=lambda key: (key[0], key[1])):
        problem = Problem(nets[name, tasks])
        base = plain(problem)
        for _, _, method in rows:
            library, of_it = method.split(" ", 1)
            row = {"net": name, "tasks": tasks, "method": method}
            row |= {"library": library, "group": library}
            try:
                if library == "LibMTL":
                    run = libmtl(problem, of_it, asked["libmtl"])
                else:
                    run = torchjd(problem, of_it)
                row |= beside_plain(timed(base, run, asked["pairs"]))
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {error}"
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
