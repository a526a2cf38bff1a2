"""Imports without the collector of garbage."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Around the imports of a command: nothing is collected in it, and what it makes never is.

    Keras and plait make objects by the hundred thousand that stay to the end of the process. Looking
    through them takes the collector a second of it: while they are made, again and again in
    training, and at the end. Where Keras is loaded already there is little to gain, and what is
    garbage by then would stay.
    """
    if "keras" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
