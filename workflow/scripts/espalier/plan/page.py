"""docs/configuration.md, made from the config's schema and the register, so that it cannot fall behind them.

PYTHONPATH=workflow/scripts python -m espalier.plan.page > docs/configuration.md     (make docs)
"""

from __future__ import annotations

from espalier import registry
from espalier.plan import config

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

SECTIONS = (
    ("Top level", None, "The keys of the file itself."),
    ("A study", "study", "Each entry under `studies`."),
    ("dataset", "dataset", ""),
    ("model", "model", ""),
    ("train, regularize: the recipe", "recipe", "The study's `train`, and the keys of training steps in chains."),
    (
        "finetune",
        "finetune",
        "The study's `finetune`, and the keys of that step. All keys of the recipe, without defaults, and:",
    ),
    (
        "scratch",
        "scratch",
        "The study's `scratch`, and the keys of that step. All keys of the recipe, without defaults, and:",
    ),
    ("prune", "prune", "The keys of that step in chains."),
    ("quantize", "quantize", "The keys of that step in chains. It is the last step of its chain."),
    (
        "latency",
        "latency",
        "Times nets of the study. The first five keys select results; without any, all that are not quantized.",
    ),
)
KINDS = ("dataset", "model", "init", "augmentation", "penalty", "prune_type", "score", "scheme")


def page() -> str:
    """The page's text."""
    parts = [INTRODUCTION, "\n## Keys\n"]
    for title, definition, text in SECTIONS:
        rules = config.schema()["$defs"][definition] if definition else config.schema()
        parts.append(f"\n### {title}\n\n{text}\n\n| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n")
        required = rules.get("required", [])
        for key, part in rules["properties"].items():
            if definition in ("finetune", "scratch") and key in config.schema()["$defs"]["recipe"]["properties"]:
                continue
            parts.append(_row(key, part, key in required))
    parts.append("\n## Registered names\n\nWhat a config can name. [Extending](extending.md) shows how to add to it.\n")
    for kind in KINDS:
        parts.append(f"\n### {kind}\n\n| name | backend | what it is | source |\n| --- | --- | --- | --- |\n")
        for backend in ("pytorch", "keras"):
            for entry in registry.entries(registry.KINDS[kind], backend).values():
                if entry.backend == registry.ANY and backend == "keras":
                    continue
                both = "both" if entry.backend == registry.ANY else entry.backend
                parts.append(f"| `{entry.name}` | {both} | {entry.title} | {entry.cite} |\n")
    return "".join(parts)


def _row(key: str, part: dict, required: bool) -> str:
    part = config.deref(part)
    default = "required" if required else f"`{_yaml(part['default'])}`" if "default" in part else ""
    allowed = config.describe(part).replace("|", "or")
    return f"| `{key}` | {allowed} | {default} | {part.get('description', '')} |\n"


def _yaml(value) -> str:
    import json

    return json.dumps(value)


if __name__ == "__main__":
    print(page(), end="")
