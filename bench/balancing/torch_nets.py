"""The nets in torch, and steps of them that run as they are, uncompiled."""

from collections.abc import Callable
from typing import Any

import torch
from sizes import BATCH, CLASSES, Conv, Dense, Net
from timing import Run
from torch import nn


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


def stepping(parameters: Any, backward: Callable[[], None]) -> Run:
    """Runs steps: gradients by `backward`, then Adam."""
    optimizer = torch.optim.Adam(parameters)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            backward()
            optimizer.step()

    return run


def plain(problem: Problem) -> Run:
    """The plain summed step."""
    trunk, heads = problem.trunk(), nn.ModuleList(problem.heads())

    def backward() -> None:
        z = trunk(problem.inputs)
        sum(problem.losses([head(z) for head in heads])).backward()

    return stepping([*trunk.parameters(), *heads.parameters()], backward)
