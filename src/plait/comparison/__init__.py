"""Many runs against each other: which of them to take, by what this data can show."""

from plait.comparison._answer import Answer, Verdict
from plait.comparison._ask import Question, ask
from plait.comparison._candidates import SECTIONS
from plait.comparison._table import LEFT, head, lines
from plait.comparison._tune import Tried, Tuned, tune

__all__ = [
    "LEFT",
    "SECTIONS",
    "Answer",
    "Question",
    "Tried",
    "Tuned",
    "Verdict",
    "ask",
    "head",
    "lines",
    "tune",
]
