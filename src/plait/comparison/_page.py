"""A comparison as a page that needs nothing beside itself."""

import html
import importlib
import io
import math
from collections.abc import Sequence
from typing import Any

from plait.comparison._answer import Answer
from plait.comparison._statistics import interval
from plait.comparison._table import head, lines
from plait.errors import ConfigError

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
       color: #1c1c1c; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
h3 { font-size: 1rem; margin-bottom: .3rem }
p.advice { background: #eef4fb; border-left: 4px solid #2b6cb0; padding: .7rem 1rem }
div.wide { overflow-x: auto }
table { border-collapse: collapse }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap }
th { border-bottom: 2px solid #888; font-weight: 600 } td { border-bottom: 1px solid #ddd }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left }
svg { max-width: 100%; height: auto }
"""


def page(answer: Answer, title: str) -> str:
    """The page as HTML.

    Raises:
        ConfigError: the package that draws is not installed.
    """
    verdicts = [
        [
            v.task,
            v.word,
            "" if not v.gained.count else f"{v.gained.mean:+.4f}",
            "" if math.isinf(v.gained.half) else f"{v.gained.low:+.4f} to {v.gained.high:+.4f}",
            "" if math.isnan(v.together) else f"{v.together:.4f}",
            "" if math.isnan(v.alone) else f"{v.alone:.4f}",
        ]
        for v in answer.verdicts
    ]
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(answer.about)}</p>",
        f'<p class="advice">{html.escape(answer.advice)}</p>',
        "<h2>What was compared</h2>",
        _table(head(answer), list(lines(answer))),
        "<p>Scores are of the validation rows in the epoch that was kept, which they chose: a "
        "little flattering, to all alike. After ± is half of Student's 95 % interval over the "
        "seeds. Seconds are of training and validation, compiling included, beside the other "
        "runs; those of an epoch are the median. <i>Front</i>: no other has as high a mean gain with "
        "as quick an epoch.</p>",
    ]
    if verdicts:
        names = ("task", "by the others", "gain", "95 % interval", "together", "alone")
        parts += ["<h2>Did the tasks help each other?</h2>", _table(names, verdicts)]
    if weighed := _gates(answer):
        parts += [
            "<h2>What each task takes</h2>",
            "<p>How fusion and sharing weigh what they mix, the mean over validation rows; of the "
            "first seed, as an expert of one seed is no expert of another.</p>",
            *weighed,
        ]
    if len(answer.whole) > 1:
        parts += ["<h2>Quality against time</h2>", _drawing(answer)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(c)}</{kind}>" for c in cells) + "</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return (
        f'<div class="wide"><table><thead>{line(names, "th")}</thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _gates(answer: Answer) -> list[str]:
    """A table for each gate of each candidate: its tasks, and what they take of each part."""
    shown = []
    for one in answer.candidates:
        first = next(iter(one.finished.values()), None)
        gates: dict[str, dict[str, dict[str, float]]] = {}
        for line in first.gates if first else ():
            tasks = gates.setdefault(line["gate"], {})
            tasks.setdefault(line["task"], {})[line["part"]] = line["mean"]
        for gate, tasks in gates.items():
            parts = list(dict.fromkeys(part for found in tasks.values() for part in found))
            rows = [
                [task, *("" if found.get(part) is None else f"{found[part]:.3f}" for part in parts)]
                for task, found in tasks.items()
            ]
            shown += [
                f"<h3>{html.escape(one.way.name)}: {html.escape(gate)}</h3>",
                _table(["task", *parts], rows),
            ]
    return shown


def _drawing(answer: Answer) -> str:
    """Mean gain over the seconds of an epoch, the front joined by a line."""
    matplotlib = drawing()
    figure = matplotlib.figure.Figure((8, 4.5), layout="constrained")
    axes = figure.subplots()
    times = [one.mean("pace") for one in answer.whole]
    middle = (min(times) + max(times)) / 2
    at_front = []
    for one in answer.whole:
        gain, seconds = interval(list(one.gains.values())), one.mean("pace")
        is_front = one.way.name in answer.front
        half = None if math.isinf(gain.half) else gain.half
        axes.errorbar(
            seconds, gain.mean, half, fmt="o", capsize=3, color="tab:blue" if is_front else "grey"
        )
        aside, side = ((-6, 4), "right") if seconds > middle else ((6, 4), "left")
        axes.annotate(
            one.way.name, (seconds, gain.mean), aside, textcoords="offset points", ha=side, size=8
        )
        if is_front:
            at_front.append((seconds, gain.mean))
    axes.plot(*zip(*sorted(at_front), strict=True), color="tab:blue", alpha=0.4)
    axes.set_xlabel("seconds of an epoch")
    axes.set_ylabel("mean gain (1 is perfect)")
    drawn = io.StringIO()
    # Neither the time nor a random identifier: one answer, one page.
    with matplotlib.rc_context({"svg.hashsalt": "plait", "svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    text = drawn.getvalue()
    return text[text.index("<svg") :]


def drawing() -> Any:
    """The package that draws.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("matplotlib.figure") and importlib.import_module(
            "matplotlib"
        )
    except ImportError as error:
        raise ConfigError(
            f"The page of a comparison needs matplotlib: pip install 'plait[tune]'. ({error})"
        ) from error
