"""What is true of each record, before anything of it is seen, heard or written down."""

from dataclasses import dataclass

import numpy as np

COLOURS = ("red", "blue")
SHAPES = ("ball", "stick")
BELLS = ("low", "high", "rising", "falling")
DISTRICTS = ("harbour", "hill", "market", "park")
DESKS = {"harbour": "east", "park": "east", "hill": "west", "market": "west"}
MATERIALS = {"paper": 0.5, "wood": 1.0, "glass": 1.6, "silver": 4.0}

_PARTS = ("train", "validation", "test")
_PART_SHARES = (0.7, 0.15, 0.15)
_PRICE_NOISE = 0.05


@dataclass(frozen=True)
class Factors:
    """One entry a record, each array `(rows,)`.

    Attributes:
        part: train, validation or test.
        colour: of the thing in the picture.
        shape: of the thing in the picture.
        claimed: the colour that the note names; as often `colour` as not.
        bell: which bell is heard.
        district: where the thing was found.
        material: what it is made of.
        weight: in kilograms.
        age: in years.
        price: what it sold for.
    """

    part: np.ndarray
    colour: np.ndarray
    shape: np.ndarray
    claimed: np.ndarray
    bell: np.ndarray
    district: np.ndarray
    material: np.ndarray
    weight: np.ndarray
    age: np.ndarray
    price: np.ndarray

    @property
    def genuine(self) -> np.ndarray:
        """Whether note and picture agree: neither of the two tells anything about it alone."""
        return np.where(self.colour == self.claimed, "yes", "no")

    @property
    def item(self) -> np.ndarray:
        """What the picture shows."""
        return np.char.add(np.char.add(self.colour, " "), self.shape)

    @property
    def desk(self) -> np.ndarray:
        """Which desk handles the district."""
        return np.array([DESKS[district] for district in self.district])


def draw_factors(rows: int, rng: np.random.Generator) -> Factors:
    """Independent factors, each uniform where it is a choice."""
    material = rng.choice(list(MATERIALS), rows)
    weight = np.round(rng.uniform(0.2, 5.0, rows), 2)
    age = rng.integers(0, 30, rows)
    worth = np.array([MATERIALS[name] for name in material])
    price = 20 * worth * weight**0.7 * np.exp(-0.04 * age + _PRICE_NOISE * rng.normal(size=rows))
    return Factors(
        part=rng.choice(_PARTS, rows, p=_PART_SHARES),
        colour=rng.choice(COLOURS, rows),
        shape=rng.choice(SHAPES, rows),
        claimed=rng.choice(COLOURS, rows),
        bell=rng.choice(BELLS, rows),
        district=rng.choice(DISTRICTS, rows),
        material=material,
        weight=weight,
        age=age,
        price=np.round(price, 2),
    )
