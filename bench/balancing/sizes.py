"""The nets: the sizes of their layers, and the FLOPs that follow from these."""

from dataclasses import dataclass, replace

BATCH = 128
CLASSES = 10
TASKS = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Dense:
    inputs: int
    outputs: int

    @property
    def flops(self) -> int:
        """Of one row's forward; an addition and a multiplication are two."""
        return 2 * self.inputs * self.outputs


@dataclass(frozen=True)
class Conv:
    """3 x 3 with strides of 2 over a square; `side` is that of what it gives."""

    inputs: int
    outputs: int
    side: int

    @property
    def flops(self) -> int:
        return 2 * self.side**2 * 9 * self.inputs * self.outputs


@dataclass(frozen=True)
class Net:
    """A trunk and a head of two layers a task.

    Attributes:
        name: what the tables call it.
        shape: of one row.
        trunk: its layers, each with ReLU.
        tasks: how many.
        hidden: the width of a head's hidden layer.
        experts: how many copies of the trunk's last layer each task mixes by a gate of its own.
        barred: whether a ratio has a bar to pass.
    """

    name: str
    shape: tuple[int, ...]
    trunk: tuple[Dense | Conv, ...]
    tasks: int
    hidden: int = 64
    experts: int = 1
    barred: bool = True

    @property
    def width(self) -> int:
        """Of what the trunk gives."""
        return self.trunk[-1].outputs

    @property
    def head(self) -> tuple[Dense, Dense]:
        return Dense(self.width, self.hidden), Dense(self.hidden, CLASSES)

    @property
    def gate(self) -> Dense | None:
        return Dense(self.trunk[-1].inputs, self.experts) if self.experts > 1 else None

    @property
    def trunk_flops(self) -> int:
        """Of one row's forward."""
        *below, last = self.trunk
        return sum(layer.flops for layer in below) + self.experts * last.flops

    @property
    def head_flops(self) -> int:
        """Of one row's forward through all heads."""
        gate = self.gate.flops if self.gate else 0
        return self.tasks * (sum(layer.flops for layer in self.head) + gate)

    @property
    def share(self) -> float:
        """s: the trunk's share of the forward's FLOPs."""
        return self.trunk_flops / (self.trunk_flops + self.head_flops)


_MLP = Net("mlp", (256,), (Dense(256, 512), Dense(512, 512), Dense(512, 512)), 2)
_CNN = Net("cnn", (28, 28, 1), (Conv(1, 16, 14), Conv(16, 32, 7), Dense(7 * 7 * 32, 128)), 2)


def _half(net: Net, tasks: int) -> Net:
    """With heads that have half of the forward's FLOPs."""
    hidden = round(net.trunk_flops / (2 * tasks * (net.width + CLASSES)))
    return replace(net, name=f"{net.name}, heads half", tasks=tasks, hidden=hidden, barred=False)


NETS = (
    *(replace(net, tasks=tasks) for net in (_MLP, _CNN) for tasks in TASKS),
    *(_half(net, 8) for net in (_MLP, _CNN)),
    *(replace(_MLP, name="mmoe", tasks=tasks, experts=4, barred=False) for tasks in (2, 4, 8)),
)
