"""Each feature between its inputs and fusion."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from plait._copies import copy_of
from plait.encoders import Encoder
from plait.errors import ConfigError, PlaitError
from plait.features import Feature
from plait.inference._layers import AbsentToken, Blank
from plait.inference._parts import names_of, part_of

Tensors = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """The layers between a feature's blanked values and fusion.

    Attributes:
        feature: its name.
        scaling: what scales the values and blanks them again, or None.
        encoder: the layer.
        absent: gives the tokens of a row without it.
    """

    feature: str
    scaling: tuple[keras.layers.Layer, Blank] | None
    encoder: Encoder
    absent: AbsentToken

    def __call__(self, values: Any, lengths: Any, present: Any) -> tuple[Tensors, list[Any]]:
        """Tokens, mask and presence; and the encoder's feature maps, from coarse to fine."""
        if self.scaling is not None:
            scaled, blank = self.scaling[0](values), self.scaling[1]
            # An encoder is promised zeros in absent rows, and zero may not scale to zero.
            values = blank(scaled, present)["values"]
        encoded = _encoded(self.feature, self.encoder, values, lengths)
        read = self.absent(present, encoded["tokens"], encoded["mask"])
        return read, list(encoded.get("maps", ()))


@dataclass(frozen=True)
class Strand:
    """One feature between its inputs and fusion.

    Attributes:
        reading: its layers.
        values: as the encoder is given them before scaling, zeros where absent.
        lengths: valid steps on the first axis of `values`, or None.
        read: tokens, mask and presence.
        maps: the encoder's feature maps, from coarse to fine.
    """

    reading: Reading
    values: Any
    lengths: Any
    read: Tensors
    maps: list[Any]

    def unread(self, present: Any) -> Tensors:
        """The strand of a batch in which no row has the feature; `present` gives its size."""
        return self.reading.absent(present)

    def read_again(self, values: Any) -> tuple[Tensors, list[Any]]:
        """What `reading` makes of other values, in the rows that have the feature."""
        return self.reading(values, self.lengths, self.read["present"])


class LayerNames:
    """Names that every backend takes, each given once."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = set(taken)

    def __call__(self, wanted: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)
        plain = plain if plain[0].isalnum() else f"n{plain}"
        name, number = plain, 2
        while name in self.taken:
            name, number = f"{plain}_{number}", number + 1
        self.taken.add(name)
        return name


def inputs_of(features: Mapping[str, Feature]) -> Tensors:
    """The inputs of a model of these features."""
    inputs = {}
    for name, feature in features.items():
        spec = feature.spec
        inputs[name] = keras.Input(spec.shape, dtype=spec.dtype, name=name)
        inputs[f"{name}__present"] = keras.Input((), dtype="bool", name=f"{name}__present")
        if spec.lengths:
            inputs[f"{name}__length"] = keras.Input((), dtype="int32", name=f"{name}__length")
    return inputs


def strands_of(
    features: Mapping[str, Feature],
    inputs: Tensors,
    names: LayerNames,
    width: int,
    policy: str | None,
) -> dict[str, Strand]:
    """For each feature: blank what is absent, scale, encode, put the learnt token in its place."""
    tied: dict[str, keras.layers.Layer] = {}
    strands = {}
    for name, feature in features.items():
        present, lengths = inputs[f"{name}__present"], inputs.get(f"{name}__length")
        blank = Blank(name=names(f"{name}__blank"))(inputs[name], present, lengths)
        scaling = _scaling(name, feature, names, policy)
        encoder = tied.get(feature.tied) if feature.tied else None
        if encoder is None:
            declared = feature.encoder or feature.default_encoder(width)
            named = names(f"{feature.tied or name}__encoder")
            encoder = copy_of(declared.for_feature(feature), named, policy)
            if feature.tied:
                tied[feature.tied] = encoder
        part_of(encoder, *names_of(encoder), name)
        absent = part_of(AbsentToken(name=names(f"{name}__absent")), name)
        reading = Reading(name, scaling, encoder, absent)
        values, lengths = blank["values"], blank.get("lengths")
        strands[name] = Strand(reading, values, lengths, *reading(values, lengths, present))
    return strands


def _scaling(
    name: str, feature: Feature, names: LayerNames, policy: str | None
) -> tuple[keras.layers.Layer, Blank] | None:
    """What scales a feature's values, and blanks what is absent again; None if nothing does."""
    scaling = feature.scaling()
    if scaling is None:
        return None
    scaled = copy_of(scaling, names(f"{name}__scaling"), policy)
    return scaled, Blank(name=names(f"{name}__scaled_blank"))


def _encoded(name: str, encoder: Encoder, values: Any, lengths: Any) -> Tensors:
    """What an encoder makes of a feature; an encoder of the user's own may refuse its form."""
    try:
        encoded: Tensors = encoder(values, lengths)
    except PlaitError:
        raise
    except Exception as error:
        raise ConfigError(
            f"Feature '{name}': {type(encoder).__name__} cannot read arrays of the shape "
            f"{tuple(values.shape)} and type {values.dtype}: {error}",
            ("features", name),
        ) from error
    return encoded
