"""docs/configuration.md and the schema for editors, made from the tables of keys and the register: `make docs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from espalier import registry
from espalier.backends import BACKENDS
from espalier.plan.explain import describe
from espalier.plan.keys import Table, table
from espalier.plan.recipe import Changes, Recipe
from espalier.plan.schema import Config, Dataset, Latency, Model, Study, document
from espalier.plan.steps.finetune import Finetune
from espalier.plan.steps.prune import Prune
from espalier.plan.steps.quantize import Quantize
from espalier.plan.steps.scratch import Scratch

SCHEMA_HEAD = """\
# The keys of a config, for editors and readers. Written by `make docs` from the tables of keys in
# workflow/scripts/espalier/plan: edit those.
"""
NAMES = "What a config can name. [Extending](extending.md) shows how to add to it."

INTRODUCTION = """\
# Configuration

`config.yaml` says which studies to run. This page lists every key, its default and what it allows; it is made from
[the schema](../workflow/schemas/config.schema.yaml) and the register of methods by `make docs`.

A config that is wrong stops before anything runs, with the key, the value, what is allowed and the corrected YAML.
`snakemake -n` is enough to check one. A config given by `--configfile` is run instead of `config.yaml`, not on top of
it; single keys can be set with `--config`, as in `--config 'run=[mnist_mlp]' 'seeds=[0,1,2]'`.

## Chains

A result is a chain of steps. A study lists its chains; a step is its name, or its name with keys:

    chains:
      - [train]
      - - train: {penalty: group_lasso, prune_type: filter_wise}
        - prune: {prune_type: filter_wise, method: [mean_abs, group_lasso], ratio: [0.2, 0.4]}
        - finetune

* A list of values under a key is expanded as a product: the second entry above is four chains.
* So is a list of alternatives under a step: `prune: [{...}, {...}]`.
* `milestones` and `augment` are lists by nature; to vary them, give a list of lists.
* Chains share every step they have in common, and every step is a result: `train` above runs once, and is reported.
* `train` comes first and once. After it, `regularize`, `prune` and `finetune` follow in any order and number, which
  makes iterative pruning a chain like any other: `[train, prune: {...}, finetune, prune: {...}, finetune]`.
* `scratch` comes right after `prune`, and trains what that left of the net from new random weights (Liu et al. 2019,
  "Rethinking the Value of Network Pruning"): a smaller net in its shape, one with single weights pruned with its mask.
  `[train, prune: {...}, finetune]` and `[train, prune: {...}, scratch]` side by side say what the pruned weights are
  worth.
* `quantize`, where there is one, comes last: its file (ONNX of a PyTorch net, TFLite of a Keras net) is for running.
  The scheme `float32` is the export alone: what the quantized files are compared with, in the same runtime.
* All training steps take the keys of the study's `train`; what a step gives itself wins. `finetune` takes those of the
  study's `finetune` before; so do gradual pruning and quantization-aware training, which train. `scratch` takes the
  recipe of the `train` that its chain begins with, without its penalty, and what the study's `scratch` changes of it.

A chain is also a folder, `results/models/<study>/seed<seed>/train~.../prune~.../finetune/`, with the model and its
record.
"""

SECTIONS: tuple[tuple[str, type[Table], str], ...] = (
    ("Top level", Config, "The keys of the file itself."),
    ("A study", Study, "Each entry under `studies`."),
    ("dataset", Dataset, ""),
    ("model", Model, ""),
    ("train, regularize: the recipe", Recipe, "The study's `train`, and the keys of training steps in chains."),
    (
        "finetune",
        Finetune,
        "The study's `finetune`, and the keys of that step. All keys of the recipe, without defaults, and:",
    ),
    (
        "scratch",
        Scratch,
        "The study's `scratch`, and the keys of that step. All keys of the recipe, without defaults, and:",
    ),
    ("prune", Prune, "The keys of that step in chains."),
    ("quantize", Quantize, "The keys of that step in chains. It is the last step of its chain."),
    (
        "latency",
        Latency,
        "Times nets of the study. The first five keys select results; without any, all that are not quantized.",
    ),
)
KINDS = (
    registry.Dataset, registry.Model, registry.Init, registry.Augmentation, registry.Penalty, registry.PruneType,
    registry.Score, registry.Scheme,
)  # fmt: skip


def page() -> str:
    """The page's text."""
    keys = "".join(_section(*section) for section in SECTIONS)
    names = "".join(_names(kind) for kind in KINDS)
    return f"{INTRODUCTION}\n## Keys\n{keys}\n## Registered names\n\n{NAMES}\n{names}"


def _section(title: str, keys: type[Table], text: str) -> str:
    """The table of a section's keys. Of what differs from a recipe, only the keys that a recipe has not."""
    rules = table(keys)
    known = table(Recipe)["properties"] if issubclass(keys, Changes) else {}
    rows = [
        _row(key, part, key in rules.get("required", ()))
        for key, part in rules["properties"].items()
        if key not in known
    ]
    return (
        f"\n### {title}\n\n{text}\n\n| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n{''.join(rows)}"
    )


def _row(key: str, part: dict[str, Any], required: bool) -> str:
    default = "required" if required else f"`{json.dumps(part['default'])}`" if "default" in part else ""
    allowed = describe(part).replace("|", "or")
    return f"| `{key}` | {allowed} | {default} | {part['description']} |\n"


def _names(kind: type[registry.Entry]) -> str:
    """The table of the registered entries of a kind, those of both backends once."""
    entries = {entry: None for backend in BACKENDS for entry in registry.entries(kind, backend).values()}
    rows = []
    for entry in entries:
        backend = "both" if entry.backend == registry.ANY else entry.backend
        rows.append(f"| `{entry.name}` | {backend} | {entry.title} | {entry.cite} |\n")
    head = "| name | backend | what it is | source |\n| --- | --- | --- | --- |\n"
    return f"\n### {kind.kind}\n\n{head}{''.join(rows)}"


class _Dumper(yaml.SafeDumper):
    """Writes what stands in several places several times, not as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def schema_text() -> str:
    """The text of workflow/schemas/config.schema.yaml."""
    return SCHEMA_HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)


def main(root: Path) -> None:
    """Write both files of a checkout of the project."""
    (root / "docs" / "configuration.md").write_text(page(), encoding="utf-8")
    (root / "workflow" / "schemas" / "config.schema.yaml").write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[4])
