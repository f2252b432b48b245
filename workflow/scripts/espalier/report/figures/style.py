"""How all figures look: readable in black and white, so nothing is told by colour alone."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Look = dict[str, Any]  # how something is drawn: keyword arguments of matplotlib

# Of one series each; colours of different lightness, so that they differ as greys too.
COLOURS = ("#000000", "#0072b2", "#d55e00", "#6a3d9a", "#8a8a00", "#2a9d8f", "#b5651d", "#4d4d4d")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.2)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (8, 2)),
    (0, (2, 2)),
    (0, (4, 4)),
)
FILLS = ("none", "bottom", "left", "top", "right")
PUBLISHED = "#8c8c8c"
DENSE = {"color": "#444444", "linestyle": (0, (7, 3)), "linewidth": 0.9, "zorder": 1}  # the line of the dense net
CONTROL = DENSE | {"linestyle": (0, (1, 2)), "linewidth": 1.3}  # and of the one trained for as long as fine-tuned nets

CLOSE = 0.15  # values that differ by less, as a share of the largest, are nothing to zoom in on
TALLEST = 7.0  # inches: what is taller than the window, the report cuts off
LINE = 0.19  # inches that a line of a legend takes

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "espalier",
    "svg.fonttype": "path",
}


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """The style, for as long as the context lasts: figures are drawn and saved inside it."""
    import matplotlib

    with matplotlib.rc_context(_RC):
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, laid out so that nothing overlaps; a legend below comes on top of it. The
    report shows it at 96 dots per inch: stay at TALLEST or below."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, out: str | Path) -> None:
    """Write a figure as its suffix says, without a date."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    figure.savefig(out, dpi=160, metadata=dates.get(out.suffix))


def styles(names: Iterable[str]) -> dict[str, Look]:
    """A colour, marker and line style for each name, in their order. From the ninth on markers meet other colours and
    lines, so that no two names look the same."""
    return {
        name: {"color": COLOURS[i % 8], "marker": MARKERS[(i + i // 8) % 8], "linestyle": LINES[(i + 3 * (i // 8)) % 8]}
        for i, name in enumerate(dict.fromkeys(names))
    }


def fills(names: Iterable[str]) -> dict[str, Look]:
    """How much of a marker is filled for each name, in their order: the marker and its colour stay free to tell
    something else."""
    return {
        name: {"fillstyle": FILLS[i % len(FILLS)], "markerfacecoloralt": "white"}
        for i, name in enumerate(dict.fromkeys(names))
    }


def titled(figure: Figure, title: str, setup: str) -> None:
    """Put over a figure what it shows and what it was measured on, broken between the parts of that."""
    parts = setup.replace(" ", "\N{NO-BREAK SPACE}").replace(";\N{NO-BREAK SPACE}", "; ")
    lines = textwrap.wrap(parts, width=int(15.5 * figure.get_figwidth()), break_on_hyphens=False)
    text = "\n".join([title, *lines])  # of the config: a dollar sign is one, not the begin of a formula
    figure.suptitle(text, x=0.005, ha="left", fontsize=9, linespacing=1.35, parse_math=False)
    _wrap_headings(figure)


def _wrap_headings(figure: Figure) -> None:
    """Break the headings of panels that are wider than their panel."""
    figure.draw_without_rendering()  # lays the panels out
    for axes in figure.axes:
        heading, room = axes.set_title(axes.get_title(loc="left")), axes.get_window_extent().width
        if (width := heading.get_window_extent().width) > room:
            lines = heading.get_text().split("\n")
            fitting = max(12, int(0.95 * max(map(len, lines)) * room / width))
            heading.set_text("\n".join(textwrap.fill(line, fitting, break_on_hyphens=False) for line in lines))


def grounded(axes: Axes, name: str) -> None:
    """Start the axis `name` ("x", "y") of a panel, and of those that share it, at 0 where what it shows lies close
    together: in less than CLOSE of the way from there."""
    low, high = getattr(axes, f"get_{name}lim")()
    if high - low < CLOSE * high:
        getattr(axes, f"set_{name}lim")(0, 1.05 * high)


def logarithmic(axes: Axes, *names: str) -> None:
    """Make those axes of a panel ("x", "y") logarithmic, with plain numbers at 1, 2 and 5 of each decade, or at more of
    them where an axis spans little more than one, or less."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for name in names:
        getattr(axes, f"set_{name}scale")("log")
        low, high = getattr(axes, f"get_{name}lim")()
        axis = getattr(axes, f"{name}axis")
        if high / low < 5:
            digits = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
        else:
            digits = (1, 1.5, 2, 3, 5, 7) if high / low < 20 else (1, 2, 5)
        axis.set_major_locator(LogLocator(subs=digits, numticks=20))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))


def proxy(**look: Any) -> Line2D:
    """A legend's sample of a line with that look."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **{key: value for key, value in look.items() if key != "zorder"})


def legend_below(figure: Figure, handles: list[Line2D], columns: int = 4) -> None:
    """One legend for the whole figure, under its panels: at most so many columns, and no more than its width holds. The
    figure grows by it, so that its panels do not shrink."""
    labels = np.array(
        [len(str(handle.get_label())) + 8 for handle in handles]
    )  # in characters; 8 for the sample and a gap
    room = 14 * figure.get_figwidth()  # about 14 characters an inch
    fitting = [
        n
        for n in range(1, min(columns, len(labels)) + 1)
        if sum(part.max(initial=0) for part in np.array_split(labels, n)) < room
    ]
    columns = max(fitting, default=1)
    figure.set_figheight(min(TALLEST, figure.get_figheight() + LINE * -(-len(handles) // columns)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=2.2)


def aside(spots: Iterable[tuple[float, float, str]], width: float, height: float) -> list[float]:
    """How far sideways to draw each point, so that it is not hidden by one of another name: 0 for most. spots: of each
    point how far it lies to the right and up in its panel (0 to 1), and its name; width, height: of a marker."""
    placed: list[tuple[float, float, str]] = []
    moved = []
    for x, y, name in spots:
        others = [(a, b) for a, b, other in placed if other != name and abs(y - b) < height]
        steps = sorted(range(-len(others) - 1, len(others) + 2), key=lambda step: (abs(step), -step))
        step = next(step for step in steps if all(abs(x + step * width - a) >= 0.99 * width for a, _ in others))
        placed.append((x + step * width, y, name))
        moved.append(step * width)
    return moved
