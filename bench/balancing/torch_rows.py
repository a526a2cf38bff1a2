"""The other process: the same nets in torch, with the other libraries' steps beside a plain one.

The nets' sizes, the loss and Adam are the same; nothing is compiled. Prints a line of JSON a row.
"""

import json
import sys
import time
from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
import torch
from results import Row
from sizes import BATCH, CLASSES, NETS, Conv, Dense, Net
from timing import ratio, seconds
from torch import nn
from torchjd import aggregation
from torchjd.autojac import jac_to_grad, mtl_backward

WARM_UP = 2
BUDGET_S = 4.0
LEAST, LEAST_OF_SLOW = 15, 5
"""Pairs, whatever the budget says; a step of a second or more is slow."""


class Problem:
    """A net's sizes in torch, and one batch.

    Attributes:
        inputs: `(BATCH, *shape)`.
        labels: one `(BATCH,)` a task.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        torch.manual_seed(0)
        shape = net.shape if len(net.shape) == 1 else (net.shape[2], *net.shape[:2])
        self.inputs = torch.randn(BATCH, *shape)
        self.labels = list(torch.randint(0, CLASSES, (net.tasks, BATCH)))

    def trunk(self) -> nn.Module:
        layers: list[nn.Module] = []
        for layer in self.net.trunk:
            if layers and isinstance(layer, Dense) and isinstance(layers[-2], nn.Conv2d):
                layers.append(nn.Flatten())
            layers += [_layer(layer), nn.ReLU()]
        return nn.Sequential(*layers)

    def heads(self) -> list[nn.Module]:
        hidden, last = self.net.head
        return [nn.Sequential(_layer(hidden), nn.ReLU(), _layer(last)) for _ in self.labels]

    def losses(self, logits: list[Any]) -> list[Any]:
        return [
            nn.functional.cross_entropy(answer, labels)
            for answer, labels in zip(logits, self.labels, strict=True)
        ]


def _layer(layer: Dense | Conv) -> nn.Module:
    if isinstance(layer, Dense):
        return nn.Linear(layer.inputs, layer.outputs)
    return nn.Conv2d(layer.inputs, layer.outputs, 3, stride=2, padding=1)


def stepping(parameters: Any, backward: Callable[[], None]) -> Callable[[int], None]:
    """Runs steps: gradients by `backward`, then Adam."""
    optimizer = torch.optim.Adam(parameters)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            backward()
            optimizer.step()

    return run


def plain(problem: Problem) -> Callable[[int], None]:
    """The plain summed step."""
    trunk, heads = problem.trunk(), nn.ModuleList(problem.heads())

    def backward() -> None:
        z = trunk(problem.inputs)
        sum(problem.losses([head(z) for head in heads])).backward()

    return stepping([*trunk.parameters(), *heads.parameters()], backward)


def torchjd(problem: Problem, name: str) -> Callable[[int], None]:
    """Its `mtl_backward`, and an aggregator as its constructor makes it."""
    arguments = {"CAGrad": {"c": 0.5}, "NashMTL": {"n_tasks": problem.net.tasks}}
    aggregator = getattr(aggregation, name)(**arguments.get(name, {}))
    trunk, heads = problem.trunk(), nn.ModuleList(problem.heads())

    def backward() -> None:
        z = trunk(problem.inputs)
        mtl_backward(problem.losses([head(z) for head in heads]), features=z)
        jac_to_grad(trunk.parameters(), aggregator)

    return stepping([*trunk.parameters(), *heads.parameters()], backward)


def beside_plain(base: Callable[[int], None], run: Callable[[int], None], pairs: int) -> Row:
    """The ratio of pairs measured in turn; of slow steps fewer, and one at a time."""
    for each in (base, run):
        each(WARM_UP)
    took = seconds(run, 1)
    steps = 2 if took < 0.1 else 1
    least = LEAST if took < 1 else LEAST_OF_SLOW
    rounds = min(pairs, max(least, int(BUDGET_S / (steps * took))))
    times = np.array([(seconds(base, steps), seconds(run, steps)) for _ in range(rounds)])
    found = ratio(times[:, 1], times[:, 0])
    return {
        "plain_ms": round(1e3 * float(np.median(times[:, 0])), 3),
        "ratio": round(found.median, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "pairs": rounds,
    }


def main() -> None:
    asked = json.loads(sys.argv[1])
    nets = {(net.name, net.tasks): net for net in NETS}
    for (name, tasks), rows in groupby(asked["rows"], key=lambda key: (key[0], key[1])):
        problem = Problem(nets[name, tasks])
        base = plain(problem)
        for _, _, method in rows:
            library, of_it = method.split(" ", 1)
            row = {"net": name, "tasks": tasks, "method": method, "library": library}
            row["group"] = library
            started = time.perf_counter()
            try:
                if library == "LibMTL":
                    # Only where a checkout of it was named.
                    from libmtl_step import libmtl

                    run = libmtl(problem, of_it, asked["libmtl"])
                else:
                    run = torchjd(problem, of_it)
                row |= beside_plain(base, run, asked["pairs"])
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {error}"
            row["took_s"] = round(time.perf_counter() - started, 1)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
