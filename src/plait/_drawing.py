"""What tasks draw one row with: its answer, and its label where it has one.

Figures are matplotlib's, and made by whoever asks; nothing here imports it.
"""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

ANSWER, LABEL, WRONG = "tab:blue", "black", "tab:red"
_MOST_CLASSES = 8
_MOST_VARIABLES = 6
_LEAST_HISTORY, _HORIZONS = 48, 4
"""Steps before a forecast that are drawn: so many, or so many times those of the forecast."""
_LINE = 56
"""Letters of a line of words."""
_LINES = 14
_PALETTES = (("tab10", 10), ("tab20", 20))
"""Maps that classes of pixels are shown in, and their colours: those of the first differ most."""


def draw_words(figure: Any, lines: Sequence[str], most: int = _LINES) -> None:
    """Lines of text.

    Args:
        figure: an empty `matplotlib.figure.SubFigure`.
        lines: from top to bottom; long ones are broken.
        most: how many there are room for.
    """
    axes = _bare(figure)
    broken = [part for line in lines for part in textwrap.wrap(line, _LINE, subsequent_indent="  ")]
    if len(broken) > most:
        broken = [*broken[: most - 1], "…"]
    text = "\n".join(map(plain, broken))
    axes.text(0, 1, text, va="top", family="monospace", size=7)


def draw_shares(figure: Any, shares: Mapping[str, float], label: Collection[int] | None) -> None:
    """A bar for each of the most probable classes, and for what is true.

    Args:
        figure: see `draw_words`.
        shares: the probability of each class by its name.
        label: the numbers of the classes that are true; None where that is not known.
    """
    true = label or ()
    names, values = list(shares), np.array(list(shares.values()))
    order = np.argsort(-values, kind="stable").tolist()
    shown = order[:_MOST_CLASSES]
    # What is true takes the places of the least probable that are not.
    others = [n for n in shown if n not in true]
    for n in order[_MOST_CLASSES:]:
        if n in true and others:
            shown[shown.index(others.pop())] = n
    shown = sorted(shown, key=lambda n: values[n])
    axes = figure.subplots()
    colours = [ANSWER if n in true or not true else "lightgrey" for n in shown]
    axes.barh(range(len(shown)), values[shown], color=colours)
    axes.set_yticks(range(len(shown)), labels=[shortened(names[n], 24) for n in shown])
    for place, n in enumerate(shown):
        mark = "  (label)" if n in true else ""
        axes.text(
            min(values[n], 0.6) + 0.02,
            place,
            f"{values[n]:.2f}{mark}",
            va="center",
            size=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )
    axes.set_xlim(0, 1)
    axes.tick_params(labelsize=8)
    if label is not None and not true:
        axes.set_title("label: none of them", size=8)


def draw_number(
    figure: Any, value: float, between: tuple[float, float] | None, label: float | None
) -> None:
    """A point on a line, the interval around it, and where the label lies.

    Args:
        figure: see `draw_words`.
        value: the answer.
        between: the ends of its interval, if it has one.
        label: what is true, if that is known.
    """
    axes = figure.subplots()
    if between is not None:
        axes.plot(between, [0, 0], color=ANSWER, lw=4, alpha=0.4, label="interval")
    axes.plot([value], [0], "o", color=ANSWER, label=f"answer {value:.4g}")
    if label is not None:
        axes.plot([label], [0], "|", color=LABEL, ms=12, mew=2, label=f"label {label:.4g}")
    axes.margins(x=0.3)
    axes.set_ylim(-1, 2)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, loc="upper center")


def draw_tags(
    figure: Any,
    tokens: Sequence[str],
    tags: Sequence[str | None],
    labels: Sequence[str | None] | None,
) -> None:
    """Words with their tags; a tag that is wrong is red, beside the right one.

    Args:
        figure: see `draw_words`.
        tokens: the words.
        tags: what each is answered with; None for a word that the model does not read.
        labels: what each should be; None for one without a label, or for all.
    """
    axes = _bare(figure)
    if labels is not None:
        known = [(tag, label) for tag, label in zip(tags, labels, strict=True) if label is not None]
        right = sum(tag == label for tag, label in known)
        axes.set_title(f"{right} of {len(known)} right", size=8)
    line, used = 0, 0
    for place, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        label = None if labels is None else labels[place]
        wrong = label is not None and label != tag
        said = "" if tag in (None, "O") and not wrong else f"/{tag}"
        text = shortened(f"{token}{said}" + (f" ({label})" if wrong else ""), _LINE)
        if used and used + len(text) > _LINE:
            line, used = line + 1, 0
        if line == _LINES:
            break
        colour = WRONG if wrong else ANSWER if said else LABEL
        where = (used / _LINE, 1 - line / _LINES)
        axes.text(*where, text, va="top", family="monospace", size=7, color=colour)
        used += len(text) + 1


def draw_steps(
    figure: Any,
    names: Sequence[str],
    history: np.ndarray | None,
    answers: np.ndarray,
    labels: np.ndarray | None,
) -> None:
    """A panel for each of the first variables: what was, what is answered, what came.

    Args:
        figure: see `draw_words`.
        names: of the variables.
        history: `(steps, variables)`, NaN in gaps, or None.
        answers: `(horizon, variables)`.
        labels: of the same shape, NaN in gaps, or None.
    """
    count = min(len(names), _MOST_VARIABLES)
    if history is not None:
        history = history[-max(_LEAST_HISTORY, _HORIZONS * len(answers)) :]
    panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    ahead = np.arange(1, len(answers) + 1)
    for place, axes in enumerate(panels):
        if history is not None:
            axes.plot(np.arange(1 - len(history), 1), history[:, place], color="grey", lw=1)
        if labels is not None:
            axes.plot(ahead, labels[:, place], ".-", color=LABEL, lw=1, ms=4, label="label")
        axes.plot(ahead, answers[:, place], ".-", color=ANSWER, lw=1, ms=4, label="answer")
        axes.set_ylabel(shortened(names[place], 12), size=7)
        axes.tick_params(labelsize=6)
    lines, named = panels[0].get_legend_handles_labels()
    figure.legend(lines, named, fontsize=6, loc="outside upper right", ncols=2)


def draw_picture(
    figure: Any, count: int, picture: np.ndarray | None, size: tuple[int, int] | None = None
) -> list[Any]:
    """Some panels with the same picture in each.

    Args:
        figure: see `draw_words`.
        count: of the panels.
        picture: `(height, width, 1 or 3)` uint8; None for none.
        size: (height, width) that the axes count in; those of `picture` if None.

    Returns:
        Their axes.
    """
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in panels:
        axes.set_axis_off()
        if picture is not None:
            seen = picture if picture.shape[2] == 3 else picture[..., 0]
            extent = _extent(size or picture.shape[:2])
            axes.imshow(seen, cmap="gray", vmin=0, vmax=255, extent=extent)
    return panels


def draw_classes(
    figure: Any, panels: Sequence[Any], pixels: Mapping[str, np.ndarray], names: Sequence[str]
) -> None:
    """Pixels of several classes over pictures in grey, and which colour is which.

    Args:
        figure: of the panels.
        panels: axes, each with the picture.
        pixels: `{title: (height, width)}`, one for each panel; clear where there is no class.
        names: of the classes.
    """
    handles: dict[int, Any] = {}
    palette, cycle = next((p for p in _PALETTES if p[1] >= len(names)), _PALETTES[-1])
    for axes, (title, numbers) in zip(panels, pixels.items(), strict=False):
        for picture in axes.images:
            # In its own colours it would change those of the classes.
            seen = np.asarray(picture.get_array())
            picture.set_data(seen if seen.ndim == 2 else seen.mean(axis=-1))
        clear = np.ma.masked_where(numbers >= len(names), numbers % cycle)
        shown = axes.imshow(
            clear,
            cmap=palette,
            vmin=0,
            vmax=cycle - 1,
            alpha=0.6,
            interpolation="nearest",
            extent=_extent(numbers.shape),
        )
        axes.set_title(title, size=8)
        for number in np.unique(numbers[numbers < len(names)]).tolist():
            colour = shown.cmap(shown.norm(number % cycle))
            name = shortened(names[number], 16)
            handles[number] = axes.plot([], [], "s", color=colour, label=name)[0]
    figure.legend(handles=list(handles.values()), fontsize=6, loc="outside lower center", ncols=4)


def draw_box(axes: Any, corners: Sequence[float], text: str, *, label: bool) -> None:
    """The outline of a box.

    Args:
        axes: with the picture.
        corners: x0, y0, x1, y1 in its pixels.
        text: above it.
        label: whether it is the label, and not the answer.
    """
    x0, y0, x1, y1 = corners
    how = {"color": "gold", "ls": "--"} if label else {"color": ANSWER}
    axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], lw=1.2, **how)
    axes.text(
        x0,
        y1 if label else y0,
        plain(text),
        size=6,
        va="top" if label else "bottom",
        color="black" if label else "white",
        # Of the texts of boxes that lie over each other the last can be read.
        bbox={"facecolor": how["color"], "edgecolor": "none", "pad": 0.6},
    )


def shortened(text: str, most: int = 60) -> str:
    """At most so many letters of a text, in one line and `plain`."""
    line = " ".join(text.split())
    return plain(line if len(line) <= most else f"{line[: most - 1]}…")


def plain(text: str) -> str:
    """A text that matplotlib shows as it is; what is between dollars it takes for a formula."""
    return text.replace("$", r"\$")


def _extent(size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Of a picture in axes that count its pixels' edges, from the upper left."""
    return (0, size[1], size[0], 0)


def _bare(figure: Any) -> Any:
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return axes
