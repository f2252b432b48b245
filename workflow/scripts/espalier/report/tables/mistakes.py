"""What the nets of a study get wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import pandas as pd

from espalier.analysis import mistakes, selections
from espalier.analysis.labels import net_names
from espalier.analysis.predictions import BINS
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import MINUS, Column, Number, Table, Text
from espalier.report.tables import facts, note_on_seeds

WORST = 3  # classes that are named
SHOWN = (
    "top1", "top1_sd", "lost", "won", "agreement", "calibration_error", "test_loss", "test_loss_sd", "worst", "n",
)  # fmt: skip
IMAGES, CONFIDENCE, CLASSES = "images", "confidence", "classes"  # the choices of columns that the page offers
Share = partial(Number, digits=2, group="Of the test images", unit="%", views=(IMAGES,))
Sure = partial(Number, views=(CONFIDENCE,))


@register(
    TableItem(
        "mistakes",
        scope="study",
        title="What the nets get wrong",
        caption="Nets of the same accuracy can be wrong on other images. Lost and won: images that the dense net of "
        "equal epochs gets right and this net wrong, and the other way round; their difference is what top-1 "
        "loses. The same class: how often the net gives the class that the trained net gives which it was made"
        f" of, right or wrong. Calibration error: how far confidence and accuracy are apart, in {BINS} bins "
        "(Guo et al. 2017). Loss: the negative log likelihood. The classes that lose most are those whose "
        "accuracy falls furthest below that of the dense net of equal epochs, in points.",
        when=selections.compressed,
    )
)
def what_is_wrong(view: StudyView) -> Table:
    """One row per net, means over seeds."""
    nets = view.nets.drop(columns="lost")  # there: what pruning lost before the fine-tuning
    nets = facts.with_facts(nets.assign(name=net_names(nets)).join(mistakes.of_nets(view)))
    nets["worst"] = [worst(by_class) for by_class in nets["by_class"]]
    columns, notes = tuple(_columns(nets)), tuple(_notes(view, nets))
    data = nets[["name", "variant", *facts.NAMES, *SHOWN]]
    return Table(f"{view.title}: what the nets get wrong", view.setup, columns, data, notes)


def worst(by_class: Mapping[str, float]) -> str | None:
    """The classes that lose most, in words; None, if none loses anything.

    >>> worst({"cat": 12.5, "dog": 2.0, "emu": 0.0, "fox": -1.0})
    'cat \u221212.5, dog \u22122.0'
    """
    lost = [(name, points) for name, points in by_class.items() if points > 0][:WORST]
    return ", ".join(f"{name} {MINUS}{points:.1f}" for name, points in lost) or None


def _columns(nets: pd.DataFrame) -> Iterator[Column]:
    yield from facts.columns(nets)
    yield Number("top1", "Top-1", digits=2, unit="%", spread="top1_sd")
    yield Share("lost", "Lost", help="Right by the dense net of equal epochs, wrong by this net")
    yield Share("won", "Won", help="Wrong by the dense net of equal epochs, right by this net")
    yield Share("agreement", "The same class", help="As the trained net that it was made of, right or wrong")
    yield Sure("calibration_error", "Calibration error", digits=2, help="Points between confidence and accuracy")
    yield Sure("test_loss", "Loss", digits=4, spread="test_loss_sd", help="Negative log likelihood")
    help = "Points of their accuracy below the dense net of equal epochs"
    yield Text("worst", "Classes that lose most", help=help, views=(CLASSES,))
    if nets["n"].max() > 1:
        yield Number("n", "Seeds")


def _notes(view: StudyView, nets: pd.DataFrame) -> Iterator[str]:
    if view.classes.empty:
        yield "The predictions of this run were not kept: only accuracy and loss are known."
        return
    images = view.classes.drop_duplicates("class")["images"]
    yield (
        f"{len(images)} classes of {images.min():,} to {images.max():,} test images. Some class always loses most, by "
        "chance alone if by nothing else: these are numbers to look at, and no verdicts."
    )
    yield note_on_seeds(nets["n"])
