"""How all figures look: readable in black and white, so nothing is told by colour alone."""

from __future__ import annotations

import contextlib
import io
import textwrap
import zlib
from collections.abc import Iterable, Iterator, Mapping
from html import escape
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
FILLS = ("none", "bottom", "left", "top", "right")  # of markers, by scheme
# Each prune type, method and scheme looks the same in all figures. A name of a plug-in comes after these, at a place
# that depends on the name alone.
TYPES = (
    "not pruned", "filter_wise", "channel_wise", "filter_and_channel_wise", "weight", "unit", "depth_wise",
    "neuron_wise",
)  # fmt: skip
METHODS = (
    "mean_abs", "sum", "group_lasso", "mean", "sum_abs", "magnitude", "l2", "l1", "random", "taylor", "max_abs",
    "fpgm", "bn_scale",
)  # fmt: skip
SIGNS = ("o", "s", "^", "D", "v", "P", "<", ">", "X", "p", "h", "d", "H")  # of the methods; the star is the dense net
SCHEMES = ("static_int8", "dynamic_int8", "float16", "qat_int8")
PUBLISHED = "#8c8c8c"
DENSE = {"color": "#444444", "linestyle": (0, (7, 3)), "linewidth": 0.9, "zorder": 1}  # the line of the dense net
CONTROL = DENSE | {"linestyle": (0, (1, 2)), "linewidth": 1.3}  # and of the one trained for as long as fine-tuned nets

CLOSE = 0.15  # values that differ by less, as a share of the largest, are nothing to zoom in on
TALLEST = 7.0  # inches: what is taller than the window, the report cuts off
LINE = 0.19  # inches that a line of a legend takes

_RC: dict[Any, Any] = {
    "font.family": "sans-serif",  # of matplotlib's own list: DejaVu Sans, and what a browser has instead
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
    "svg.fonttype": "none",  # text is text: it can be searched, and read aloud
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
    """Write a figure as its suffix says, without a date. An SVG file has a title, and the role of a picture."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    if out.suffix != ".svg":
        return figure.savefig(out, dpi=160, metadata=dates.get(out.suffix))
    title, text = figure.get_suptitle().replace("\n", " "), io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Title": title})
    named = f'<svg role="img" aria-label="{escape(title)}" '
    out.write_text(text.getvalue().replace("<svg ", named, 1), encoding="utf-8", newline="\n")


def styles(names: Iterable[str]) -> dict[str, Look]:
    """A colour, marker and line style for each name, in their order. From the ninth on markers meet other colours and
    lines, so that no two names look the same."""
    return {
        name: {"color": COLOURS[i % 8], "marker": MARKERS[(i + i // 8) % 8], "linestyle": LINES[(i + 3 * (i // 8)) % 8]}
        for i, name in enumerate(dict.fromkeys(names))
    }


def of_type(name: str) -> Look:
    """The colour, marker and line style of a prune type, the same in all figures."""
    return _at(_place(name, TYPES), MARKERS)


def of_method(name: str) -> Look:
    """The colour, marker and line style of a method, the same in all figures."""
    return _at(_place(name, METHODS), SIGNS)


def _place(name: str, known: tuple[str, ...]) -> int:
    """The place of a name among those that are known, or after them."""
    return known.index(name) if name in known else len(known) + zlib.crc32(name.encode()) % 64


def _at(place: int, markers: tuple[str, ...]) -> Look:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": markers[place % len(markers)],
        "linestyle": LINES[(place + 3 * (place // len(LINES))) % len(LINES)],
    }


def of_series(methods: Mapping[str, str]) -> dict[str, Look]:
    """The look of each series of points: that of its method; of several series of one method, each after the first
    with another line style, and an edge around its markers, which gets wider. methods: series -> method."""
    looks: dict[str, Look] = {}
    seen: dict[str, int] = {}
    for series, method in methods.items():
        look, place = of_method(method), seen.get(method, 0)
        seen[method] = place + 1
        look |= {"linestyle": LINES[(LINES.index(look["linestyle"]) + place) % len(LINES)]}
        edge = "#d55e00" if look["color"] == "#000000" else "#000000"
        looks[series] = look | ({"markeredgecolor": edge, "markeredgewidth": 0.8 * place} if place else {})
    return looks


def of_scheme(name: str) -> Look:
    """How much of the marker of a net of that scheme is filled, the same in all figures."""
    place = SCHEMES.index(name) if name in SCHEMES else len(SCHEMES)
    return {"fillstyle": FILLS[place], "markerfacecoloralt": "white"}


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
