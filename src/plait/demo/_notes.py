"""The sentence in each record: it names a colour and a street, each in one of many words."""

import numpy as np

from plait.demo._factors import DISTRICTS, Factors

_COLOUR_WORDS = {
    "red": ("red", "scarlet", "crimson", "ruby"),
    "blue": ("blue", "azure", "navy", "cobalt"),
}
_OPENINGS = ("I am looking for", "Please find me", "I left behind", "Somebody dropped")
_STREETS_PER_DISTRICT = 40
_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"


def write_notes(factors: Factors, rng: np.random.Generator) -> list[str]:
    """One sentence a record.

    A street's name says nothing about its district until one has been told: a model that has seen
    few labels has not met most streets.
    """
    names = _street_names(len(DISTRICTS) * _STREETS_PER_DISTRICT, rng)
    streets = {
        district: names[i * _STREETS_PER_DISTRICT : (i + 1) * _STREETS_PER_DISTRICT]
        for i, district in enumerate(DISTRICTS)
    }
    return [
        f"{rng.choice(_OPENINGS)} something {rng.choice(_COLOUR_WORDS[claimed])} "
        f"near {rng.choice(streets[district])} street."
        for claimed, district in zip(factors.claimed, factors.district, strict=True)
    ]


def _street_names(count: int, rng: np.random.Generator) -> list[str]:
    """Distinct invented words of three syllables, in random order."""
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = (rng.choice(list(_CONSONANTS)) + rng.choice(list(_VOWELS)) for _ in range(3))
        found["".join(syllables)] = None
    return list(found)
