"""docs/configuration.md and the schema for editors, made from the tables of keys and the register: `make docs`."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import yaml

from espalier import registry
from espalier.backends import BACKENDS
from espalier.plan.explain import describe
from espalier.plan.keys import Table, table
from espalier.plan.recipe import Changes, Recipe
from espalier.plan.resources import DEFAULTS, Asked
from espalier.plan.rounds import Rounds
from espalier.plan.schema import Config, Dataset, Latency, Model, Study, document
from espalier.plan.sensitivity import Sensitivity
from espalier.plan.steps import STEPS

SCHEMA_HEAD = """\
# The keys of a config, for editors and readers. Written by `make docs` from the tables of keys in
# workflow/scripts/espalier/plan: edit those.
"""
NAMES = "What a config can name. [Extending](extending.md) shows how to add to it."

INTRODUCTION = """\
# Configuration

`config.yaml` says which studies to run.
This page lists every key, what it allows and its default.
`make docs` writes it from the code that checks a config.
Editors can use [the schema](../workflow/schemas/config.schema.yaml), which is written from the same code.

A wrong config stops before anything runs.
The error names the key and the value, says what is allowed, and shows the corrected YAML.
To check a config, `snakemake -n` is enough.
A config given by `--configfile` is run instead of `config.yaml`, not on top of it.
Of several, as in `--configfile config.yaml changes.yaml`, each changes keys of those before.
Single keys can be set with `--config`, as in `--config 'run=[mnist_mlp]' 'studies={mnist_mlp: {threads: 1}}'`.

## Chains

A result is a chain of steps.
A study lists its chains; a step is its name, or its name with keys:

<!-- test: in studies.cifar100_vgg16_bn without latency -->
```yaml
chains:
  - [train]
  - - train: {penalty: group_lasso, prune_type: filter_wise}
    - prune: {prune_type: filter_wise, method: [mean_abs, group_lasso], ratio: [0.2, 0.4]}
    - finetune
```

* A list of values under a key is expanded as a product: the second entry above is four chains.
* A list of alternatives under a step is expanded, too: `prune: [{...}, {...}]`.
* The values of `milestones` and `augment` are lists; to vary them, give a list of lists.
* `rounds` stands for steps that are repeated, each time with more pruned: [how much to prune](how_much_to_prune.md).
* Chains share every step they have in common, and every step is a result: `train` above runs once, and is reported.

These are the steps:

"""
FOLDERS = """
A chain is also a folder, with the model and its record, such as
`results/models/<study>/seed<seed>/train~.../prune~.../finetune/`.
"""
KINDS = (
    registry.Dataset, registry.Model, registry.Init, registry.Augmentation, registry.Penalty, registry.PruneType,
    registry.Score, registry.Scheme,
)  # fmt: skip
BESIDE = "All keys of the recipe, without defaults, and:"


def page() -> str:
    """The page's text."""
    steps = "".join(f"* `{step.kind}`: {step.about}".replace("\n", "\n  ") + "\n" for step in STEPS.values())
    keys = "".join(_section(title, keys) for title, keys in _sections().items())
    names = "".join(_names(kind) for kind in KINDS)
    return f"{INTRODUCTION}{steps}{FOLDERS}\n## Keys\n{keys}\n{_asked()}\n## Registered names\n\n{NAMES}\n{names}"


def _asked() -> str:
    """The table of what jobs ask for where a config says nothing."""
    head = "Without these keys:\n\n| kind of job | runtime | mem_mb | disk_mb |\n| --- | ---: | ---: | ---: |\n"
    rows = (f"| `{k}` | {j.runtime} | {j.mem_mb or '`memory_mb`'} | {j.disk_mb} |\n" for k, j in DEFAULTS.items())
    return head + "".join(rows)


def _sections() -> dict[str, type[Table]]:
    """Title -> keys of each section of the page."""
    recipe = ", ".join(step.kind for step in STEPS.values() if step.keys is Changes)
    first = {"Top level": Config, "A study": Study, "dataset": Dataset, "model": Model}
    own = {
        step.kind: step.keys for step in STEPS.values() if step.keys is not Changes and table(step.keys)["properties"]
    }
    return {
        **first,
        f"{recipe}: the recipe": Recipe,
        **own,
        "rounds": Rounds,
        "latency": Latency,
        "sensitivity": Sensitivity,
        "resources": Asked,
    }


def _section(title: str, keys: type[Table]) -> str:
    """The table of a section's keys. Of what differs from a recipe, only the keys that a recipe has not."""
    rules = table(keys)
    changes = issubclass(keys, Changes)
    known = table(Recipe)["properties"] if changes else {}
    rows = [
        _row(key, part, key in rules.get("required", ()))
        for key, part in rules["properties"].items()
        if key not in known
    ]
    text = f"{inspect.getdoc(keys)} {BESIDE}" if changes else inspect.getdoc(keys)
    head = "| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n"
    return f"\n### {title}\n\n{text}\n\n{head}{''.join(rows)}"


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
