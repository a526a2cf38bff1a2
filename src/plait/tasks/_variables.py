"""Which variables of a series are those of a target."""

import warnings
from collections.abc import Sequence

from plait._names import did_you_mean

Names = Sequence[str] | None


def places_among(names: Names, count: int, theirs: Names, number: int, series: str) -> list[int]:
    """The place of each variable among those of a series, -1 for none.

    By order if one side has no names. Warns where all have none: the series' last values say nothing
    then, and are likely meant to.

    Args:
        names: of the target's variables.
        count: how many there are.
        theirs: of the series' variables.
        number: how many these are.
        series: the feature, for messages.
    """
    if names is None or theirs is None:
        if count == number:
            return list(range(number))
        what = f"{count} variables, the series {number}, and one of them names none"
    else:
        places = [theirs.index(name) if name in theirs else -1 for name in names]
        if max(places) >= 0:
            return places
        hints = {name: did_you_mean(name, theirs) for name in names}
        near = "".join(f" For '{n}':{h}" for n, h in hints.items() if h.startswith(" Did"))
        what = f"{', '.join(names)}, the series {', '.join(theirs)}: none is called alike.{near}"
    warnings.warn(
        f"Forecast of '{series}': the target has {what}. The forecast starts from no last value then. "
        "Call variables alike that are the same.",
        stacklevel=4,
    )
    return [-1] * count
