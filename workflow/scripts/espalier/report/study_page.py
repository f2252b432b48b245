"""A study as one page: each question with its answer, the numbers folded, and beside it the figure that shows it.

The page holds its figures and needs nothing else; its links lead to the study's tables and to the page that a net is
chosen on, where the folder of the results is kept together.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from espalier.analysis.study import StudyView, view_of
from espalier.report import html
from espalier.report.findings import of_study
from espalier.report.findings.finding import Finding
from espalier.run.files import whole

# The figure that shows what a finding says, the first of these that the study has.
FIGURES = {
    "pareto": ("prune_or_quantize", "accuracy_vs_macs", "accuracy_vs_ratio"),
    "prune_or_quantize": ("prune_or_quantize",),
    "budget": ("prune_or_quantize", "accuracy_vs_macs", "accuracy_vs_ratio"),
    "filter_wise_wins": ("accuracy_vs_macs", "accuracy_vs_ratio"),
    "finetuning_recovers": ("accuracy_vs_ratio",),
    "rewinding": ("accuracy_vs_macs", "accuracy_vs_params", "accuracy_vs_ratio"),
    "from_scratch": ("accuracy_vs_params", "accuracy_vs_macs", "accuracy_vs_ratio"),
    "distillation": ("accuracy_vs_macs", "accuracy_vs_params", "accuracy_vs_ratio"),
    "wrappers": ("prune_or_quantize",),
    "blocks_to_remove": ("accuracy_vs_macs",),
    "baselines": ("accuracy_vs_params", "accuracy_vs_ratio"),
    "collapse": ("accuracy_vs_ratio",),
    "knee": ("weight_vs_unit",),
    "curves_part": ("weight_vs_unit",),
    "knee_moves": ("weight_vs_unit",),
    "unit_overtakes": ("weight_vs_unit",),
    "sparse_filters": ("filter_sparsity",),
    "identical_trainings": ("training_curves",),
    "prediction_speed": ("latency",),
    "int8_speed": ("latency",),
    "promise": ("speed_up",),
}


@dataclass(frozen=True)
class Shown:
    """What a page shows and links. figures: files (.svg), in their order; words: of each figure by the name of its file
    the title and the caption; tables: the titles by name."""

    figures: Sequence[Path] = ()
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)


def write(folder: str | Path, study: dict[str, Any], shown: Shown, out: str | Path) -> None:
    """Write the page of a study. folder: of its tidy tables; study: its checked config."""
    view = view_of(folder, study)
    page = study_page(view, of_study(view), shown)
    with whole(out) as beside:
        beside.write_text(page, encoding="utf-8", newline="\n")


def study_page(view: StudyView, findings: Iterable[Finding], shown: Shown) -> str:
    """The page as HTML."""
    left = {figure.stem: _figure(figure, view.name, shown) for figure in shown.figures}
    drawn = set(left)
    cards = []
    for finding in findings:
        names = [name for name in FIGURES.get(finding.name, ()) if name in drawn]
        name = next((name for name in names if name in left), None)
        # Each figure stands once, beside its first question; the others lead to it.
        figure = left.pop(name) if name else _above(names[0], shown) if names else ""
        cards.append(html.card(finding.question, finding.answer, _details(finding), figure))
    parts = [
        f'<header><h1>{escape(view.title)}</h1><p class="setup">{escape(view.setup)}</p>',
        f"{_links(view, shown)}</header>",
        "<main>",
        *(cards or ["<p>No question can be answered from the results of this study.</p>"]),
        *_gallery(left.values()),
        "</main>",
    ]
    return html.document(view.title, "\n".join(parts), "cards")


def _details(finding: Finding) -> Iterator[tuple[str, str]]:
    """What is folded below an answer."""
    yield "The numbers", finding.evidence
    if finding.published:
        yield "Published, by the same definition", finding.published
    yield "How it is decided", finding.definition


def _links(view: StudyView, shown: Shown) -> str:
    """Where to look further: the page that a net is chosen on, the tables, and what the whole run reproduced."""
    links = {f"../choose.html#study={view.name}": "Choose a net of this study"}
    links |= {f"../tables/{view.name}/{name}.html": title for name, title in shown.tables.items()}
    links |= {"../tables/reproduced.html": "What the whole run reproduced"} if view.source else {}
    items = "".join(f'<li><a href="{escape(address)}">{escape(title)}</a></li>' for address, title in links.items())
    return f'<nav aria-label="Pages of this study"><ul class="jump">{items}</ul></nav>'


def _figure(file: Path, study: str, shown: Shown) -> str:
    """A figure, which the page holds, with how to read it."""
    title, caption = shown.words[file.stem]
    data = base64.b64encode(file.read_bytes()).decode()
    return (
        f'<figure id="{escape(file.stem)}"><a href="../figures/{escape(study)}/{escape(file.name)}">'
        f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}"></a>'
        f"<figcaption><details><summary>{escape(title)}: how to read it</summary><p>{escape(caption)}</p></details>"
        "</figcaption></figure>"
    )


def _above(name: str, shown: Shown) -> str:
    """What leads to a figure that stands beside an earlier question."""
    return f'<p class="figure"><a href="#{escape(name)}">Figure above: {escape(shown.words[name][0])}</a></p>'


def _gallery(figures: Iterable[str]) -> Iterator[str]:
    """The figures that stand beside no question."""
    if shown := "\n".join(figures):
        yield f'<h2 class="part">More figures</h2>\n<div class="gallery">\n{shown}\n</div>'
