"""YAML in the grammar of the constructors: with line numbers in its errors, and overrides."""

from plait.config._config import Config, DataSources, build_learner, load
from plait.config._dump import dump
from plait.config._search import Searched, searches
from plait.config._sections import sections, summary

__all__ = [
    "Config",
    "DataSources",
    "Searched",
    "build_learner",
    "dump",
    "load",
    "searches",
    "sections",
    "summary",
]
