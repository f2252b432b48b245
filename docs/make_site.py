"""The documentation as a site: `make site` writes it into site/, where it works without a network, search included.

    python docs/make_site.py FOLDER

collects the pages in a folder, at the paths that they have in the repository, with all files that they link, and adds a
reference that is made of the docstrings. MkDocs (mkdocs.yml) makes the site of that folder.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md", "CHANGELOG.md", "docs/*.md", "config/README.md", "profiles/README.md", "benchmarks/README.md",
    "examples/*/README.md", "report/published/README.md", "report/reference/**/README.md",
)  # fmt: skip
FILES = (Path("docs/iframe-worker.js"),)  # that no page links
FENCE = re.compile(r"^( *```.*?^ *```$)", re.M | re.S)  # code, in which nothing is a link
LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")

# Pages of the reference: title, what it is for, modules.
REFERENCE = {
    "extending": (
        "Reference: what a plug-in registers",
        "Every kind of entry, its fields and defaults. [Extending](../docs/extending.md) shows how to use them.",
        ("espalier.registry", "espalier.kinds", "espalier.columns"),
    ),
    "views": (
        "Reference: what figures, tables and findings are made of",
        "The view of a study and of a run, tables, and findings.",
        (
            "espalier.analysis.study", "espalier.analysis.selections", "espalier.report.table",
            "espalier.report.findings.finding",
        ),
    ),
    "statistics": (
        "Reference: numbers and verdicts",
        "How nets are compared, and what a verdict is.",
        ("espalier.analysis.statistics", "espalier.analysis.verdicts", "espalier.analysis.nets"),
    ),
    "plan": (
        "Reference: from a config to jobs",
        "The checked config, the grid, and the kinds of steps.",
        ("espalier.plan.grid", "espalier.plan.job", "espalier.plan.steps.step", "espalier.plan.explain"),
    ),
}  # fmt: skip


def collect(folder: Path) -> None:
    """Write the pages and what they link into a folder, which must not exist, or be one of an earlier call."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = {path.relative_to(PROJECT) for pattern in PAGES for path in PROJECT.glob(pattern)}
    for page in sorted(pages):
        text, linked = relinked((PROJECT / page).read_text(encoding="utf-8"), page, pages)
        _write(folder / page, text)
        for path in (linked | set(FILES)) - pages:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / path, folder / path)
    for name, (title, words, modules) in REFERENCE.items():
        parts = [f"# {title}", words, *(f"::: {module}" for module in modules)]
        _write(folder / "reference" / f"{name}.md", "\n\n".join(parts) + "\n")


def relinked(text: str, page: Path, pages: set[Path]) -> tuple[str, set[Path]]:
    """A page's text with links to folders as links to their pages, or as plain words where a folder has none; and the
    files that it links, by their paths in the repository."""
    linked: set[Path] = set()

    def of(link: re.Match[str]) -> str:
        if "://" in link["target"] or link["target"].startswith("mailto:"):
            return link[0]
        path = (PROJECT / page.parent / link["target"]).resolve().relative_to(PROJECT)
        target = link["target"]
        if (PROJECT / path).is_dir():
            if path / "README.md" not in pages:
                return link["text"].strip("![]")
            path, target = path / "README.md", f"{target.rstrip('/')}/README.md"
        linked.add(path)
        return f"{link['text']}({target}{link['anchor'] or ''})"

    parts = FENCE.split(text)  # every other part is code
    return "".join(part if number % 2 else LINK.sub(of, part) for number, part in enumerate(parts)), linked


def broken() -> Iterator[str]:
    """Links of the pages that lead nowhere, each with its page."""
    pages = {path.relative_to(PROJECT) for pattern in PAGES for path in PROJECT.glob(pattern)}
    for page in sorted(pages):
        _, linked = relinked((PROJECT / page).read_text(encoding="utf-8"), page, pages)
        yield from (f"{page}: {path}" for path in sorted(linked) if not (PROJECT / path).exists())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
