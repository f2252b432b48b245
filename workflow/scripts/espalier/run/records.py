"""The record of a job: which node it is, what was measured, what it cost. One schema for all."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from espalier.run.integrity import Damaged, check, read_sealed, write_sealed

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "record.schema.yaml"


@functools.cache
def _validator() -> Draft202012Validator:
    import yaml  # here, since the jobs of the report only read records
    from jsonschema import Draft202012Validator

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # tenfold as fast, where PyYAML has libyaml
    return Draft202012Validator(yaml.load(SCHEMA.read_text(encoding="utf-8"), loader))


def write(
    path: str | Path,
    columns: dict[str, Any],
    details: dict[str, Any],
    timing: dict[str, float],
    software: dict[str, str],
    files: dict[str, str],
) -> None:
    """Write a node's record, with the keys that espalier.columns lists.

    columns: those of the node in the grid. details: the numbers "measured"; rows of "layers", "history" and "summary"
    where there are any; and what only the job of a training knows: the "weights" that it really started from, and
    "epochs". timing: seconds and memory. software: versions, and the machine (espalier.run.software). files: digests of
    the files that the record is of.
    Raises jsonschema.ValidationError if the record does not meet its schema, ValueError if a value is not a finite
    number: such a record is a bug, and must not reach a table.
    """
    record = dict(columns) | {key: details.get(key, columns[key]) for key in ("weights", "epochs")}
    record["measured"] = details["measured"]
    record |= {rows: details.get(rows, []) for rows in ("layers", "history", "summary")}
    record |= {"files": files, "timing": timing, "software": software}
    _validator().validate(record)
    write_sealed(path, record)


def write_origin(
    path: str | Path,
    node: str,
    details: dict[str, Any],
    timing: dict[str, float],
    software: dict[str, str],
    files: dict[str, str],
) -> None:
    """Write what only the job that made a net knows of it, for the job that measures the net to put into its record.

    details: what the backend's function returned; the rest as for `write`. `read` reads it.
    """
    write_sealed(path, {"node": node, "details": details, "files": files, "timing": timing, "software": software})


def read(path: str | Path) -> dict[str, Any]:
    """The record of a node or the origin of its net, as it was written. Raises Damaged if it is not, or if it is that
    of another node than the one whose folder it lies in."""
    record = read_sealed(path)
    node, folder = str(record.get("node")), Path(path).parent
    if folder.parts[-len(PurePosixPath(node).parts) :] != PurePosixPath(node).parts:
        raise Damaged(path, f"it is the record of another node, {node}")
    return record


def check_net(net: str | Path, path: str | Path) -> dict[str, str]:
    """Compare a model's file with its origin in `path`; raises Damaged. Returns the digests that the origin names."""
    files = read(path)["files"]
    check(net, files["model_sha256"], str(path))
    return files


def of_files_read(nets: dict[str, str], known: Iterable[str], data: str | Path) -> dict[str, str]:
    """Compare the nets that a job reads with their origins; raises Damaged. Returns what its own record says of the
    files it read (espalier.columns.FILES).

    nets: "parent", "dense" -> model file; known: their origins, in the same order; data: folder of the data set, whose
    arrays are compared with its manifest when they are loaded.
    """
    images = read_sealed(Path(data) / "manifest.json")["sha256"]
    files = {"data_sha256": images}
    for (name, net), path in zip(nets.items(), known, strict=True):
        of_net = check_net(net, path)
        if of_net["data_sha256"] != images:
            raise Damaged(path, f"its net was made with other images than those in {data}")
        if name == "parent":
            files["parent_sha256"] = of_net["model_sha256"]
    return files


def merged(*details: dict[str, Any]) -> dict[str, Any]:
    """The details that several functions returned, as one, with all their "measured" numbers.

    >>> merged({"measured": {"params": 8}, "layers": []}, {"measured": {"top1": 90.0}})
    {'layers': [], 'measured': {'params': 8, 'top1': 90.0}}
    """
    together: dict[str, Any] = {}
    for part in details:
        together |= {key: value for key, value in part.items() if key != "measured"}
    together["measured"] = {key: value for part in details for key, value in part.get("measured", {}).items()}
    return together


def added(*timings: dict[str, float]) -> dict[str, float]:
    """The timing of several jobs as of one: seconds add up, of memory and threads it is the most.

    >>> added({"seconds": 2.0, "threads": 1}, {}, {"seconds": 0.5, "evaluate_seconds": 0.25, "threads": 1})
    {'seconds': 2.5, 'threads': 1, 'evaluate_seconds': 0.25}
    """
    together: dict[str, float] = {}
    for key, value in (item for timing in timings for item in timing.items()):
        of_both = (together.get(key, 0), value)
        together[key] = sum(of_both) if key.endswith("seconds") else max(of_both)
    return together
