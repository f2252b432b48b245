"""The files that jobs and the graph read of this repository: workflow/files.txt.

    python -m espalier.run.listing

Where Snakemake fetches the workflow from a repository, it copies the files that it is told of, one by one.
"""

from __future__ import annotations

from pathlib import Path

PATTERNS = (
    "config.yaml",
    "report/published/*.csv",
    "workflow/schemas/record.schema.yaml",
    "workflow/scripts/*.py",
    *(f"workflow/scripts/espalier/**/*.{suffix}" for suffix in ("py", "css", "js")),
)


def listing(project: Path) -> str:
    """The text of the list: paths from the project's folder, one a line."""
    found = {path.relative_to(project).as_posix() for pattern in PATTERNS for path in project.glob(pattern)}
    return "\n".join([*sorted(found), ""])


if __name__ == "__main__":
    PROJECT = Path(__file__).resolve().parents[4]
    (PROJECT / "workflow" / "files.txt").write_text(listing(PROJECT), encoding="utf-8")
