"""A functional model's outputs by name, whichever way the model was given them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from plait.model._frontier import address, tensor_at


class Outputs:
    """The outputs of a model.

    Args:
        structure: as the model was given them: a dict, a flat list, or one tensor.
        layers: the names of the layers that give them, in their order.

    Attributes:
        names: the keys of a dict, else the layers' names; a layer that gives two of them has its
            second output named `<layer>_1`.
        tensors: in the names' order.

    Raises:
        ValueError: the structure is nested.
    """

    def __init__(self, structure: Any, layers: Sequence[str]) -> None:
        self.names = list(structure) if isinstance(structure, Mapping) else _told_apart(layers)
        entries = structure.values() if isinstance(structure, Mapping) else structure
        flat = list(entries) if isinstance(structure, Mapping | list | tuple) else [structure]
        for entry in flat:
            if not isinstance(entry, keras.KerasTensor):
                raise ValueError(
                    f"outputs: expected a dict or a flat list of tensors. Received: {structure}"
                )
        self.tensors = flat

    def by_name(self, values: Any) -> dict[str, Any]:
        """Values in the structure of the outputs, such as predictions, by the outputs' names."""
        if isinstance(values, Mapping):
            return {name: values[name] for name in self.names}
        if not isinstance(values, list | tuple):
            values = [values]
        return dict(zip(self.names, values, strict=True))

    @property
    def tensors_by_name(self) -> dict[str, Any]:
        """The graph's output tensors."""
        return dict(zip(self.names, self.tensors, strict=True))

    def found(self, named: Any) -> Any:
        """A tensor of the graph named by hand: itself, or its address in a saved configuration."""
        return named if isinstance(named, keras.KerasTensor) else tensor_at(named, self.tensors)

    def addresses(self, tensors: Sequence[Any]) -> list[Any]:
        """Where tensors of the graph are, for a saved configuration."""
        return [address(tensor, self.tensors) for tensor in tensors]


def _told_apart(layers: Sequence[str]) -> list[str]:
    names: list[str] = []
    for name in layers:
        again = (f"{name}_{n}" for n in range(1, len(layers)))
        names.append(next(n for n in (name, *again) if n not in names))
    return names
