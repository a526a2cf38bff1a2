"""The command line: `plait new | check | fit | evaluate | predict | describe | demo`."""

from plait.cli._main import main

__all__ = ["main"]
