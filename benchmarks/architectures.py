"""Which of torchvision's classification nets can be pruned, saved and exported? Writes docs/architectures.md.

    .venv/bin/python benchmarks/architectures.py [--only resnet18 swin_t] [--limit 300] [--found FILE]

Each net has random weights and is tried in a process of its own: half of its multiply-accumulates are taken out at
random (convs' filters and hidden neurons, the same share of each layer), the net is saved and read back, the outputs
are compared bit for bit, and with those of the dense net whose weights are masked; it is exported to ONNX and compared.
What is in the file of findings already is not tried again: remove it to begin anew.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "architectures.md"
SIZES = {"inception_v3": 96, "maxvit_t": 224, "vit_h_14": 70}  # sides of images in pixels, where 64 is too small
SIZES |= dict.fromkeys(("swin_t", "swin_s", "swin_b", "swin_v2_t", "swin_v2_s", "swin_v2_b"), 224)
LARGEST = 400_000_000  # parameters of a net that is tried at all
LARGEST_MASKED = 90_000_000  # parameters of a net that is compared with a masked copy in float64
LARGEST_EXPORTED = 5_000_000  # of what is left of a net
CLASSES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of nets")
    parser.add_argument("--limit", type=int, default=600, help="seconds for each net (default 600)")
    parser.add_argument("--found", type=Path, default=PROJECT / "benchmarks" / "architectures.jsonl")
    arguments = parser.parse_args()
    sys.path.append(str(PROJECT / "workflow" / "scripts"))
    rows = [json.loads(line) for line in arguments.found.read_text().splitlines()] if arguments.found.exists() else []
    for name in arguments.only or names():
        if name not in {row["name"] for row in rows}:
            rows.append(in_a_process(name, arguments.limit))
            with arguments.found.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(rows[-1], flush=True)
    if not arguments.only:
        PAGE.write_text(page(rows))


def names() -> list[str]:
    """torchvision's classification nets, those of the fewest parameters first."""
    import torchvision

    models = torchvision.models.list_models(module=torchvision.models)
    return sorted(models, key=lambda name: torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"])


def in_a_process(name: str, limit: int) -> dict[str, Any]:
    """What is found about a net, in a process that may fail or take too long. It is forked: frameworks are imported
    once."""
    from espalier.pytorch import coupling, models, prune, trial_removal  # noqa: F401

    began, row = time.perf_counter(), {"name": name, "problem": ""}
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "facts"
        child = multiprocessing.get_context("fork").Process(target=_told, args=(name, facts))
        child.start()
        child.join(limit)
        if child.is_alive():
            row["problem"] = f"not done after {limit} s"
            child.kill()
            child.join()
        for line in facts.read_text().splitlines() if facts.exists() else []:
            row |= json.loads(line)
    if child.exitcode and not row["problem"]:
        row["problem"] = f"its process ended with {child.exitcode}: too little memory?"
    return row | {"seconds": round(time.perf_counter() - began, 1)}


def _told(name: str, facts: Path) -> None:
    """Try a net and write each fact as a line of JSON."""
    with facts.open("w", buffering=1) as sys.stdout:
        try:
            tried(name)
        except Exception as error:
            message = (str(error).strip().splitlines() or [""])[0][:300]
            say(problem=message if isinstance(error, ValueError) else f"{type(error).__name__}: {message}")


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def tried(name: str) -> None:
    """Try a net, and say each fact."""
    import torch
    import torchvision

    from espalier.pytorch import models, structure, trial_removal
    from espalier.pytorch.macs import profile_model

    if torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"] > LARGEST:
        raise ValueError(f"not tried: more than {LARGEST // 10**6} million parameters")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    size = SIZES.get(name, 64)
    register(name, size)
    net = models.skeleton(name, CLASSES).eval()
    fill(net)
    dense = profile_model(net, size)
    say(builds=True, size=size, params=dense.params, macs=dense.macs)
    small, kept, reasons = halved(net, size, dense.macs)
    left = profile_model(small, size)
    say(macs_left=left.macs / dense.macs, params_left=left.params / dense.params, stays=reasons[:3])
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        images, path = torch.randn(2, 3, size, size), Path(folder) / "net.safetensors"
        models.save(small, path)
        read = models.load(path)
        say(same_when_read_back=bool(torch.equal(read(images), small(images))))
    layers = dict(net.named_modules())
    gone = {name: sorted({*range(structure.width(layers[name]))} - {*indices}) for name, indices in kept.items()}
    if dense.params <= LARGEST_MASKED:
        say(as_masked=trial_removal.agrees(net, size, gone))
    if left.params <= LARGEST_EXPORTED:
        exported(read, size)


def register(name: str, size: int) -> None:
    """Put one of torchvision's nets into the register."""
    import torchvision

    from espalier import registry

    options: dict[str, Any] = {"weights": None}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": False}
    if name.startswith("vit"):
        options |= {"image_size": size}

    def function(num_classes: int) -> Any:
        return torchvision.models.get_model(name, num_classes=num_classes, **options)

    try:
        registry.get(registry.Model, name, "pytorch")
    except registry.UnknownName:
        registry.register(registry.Model(name, backend="pytorch", title=name))(function)


def fill(net: Any) -> None:
    """Random weights, since those of a skeleton have no values."""
    import torch

    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point() and tensor.dim() > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
        elif tensor.is_floating_point():
            torch.nn.init.constant_(tensor, 1.0 if name.endswith(("weight", "running_var")) else 0.0)


def halved(net: Any, size: int, macs: int) -> tuple[Any, dict[str, list[int]], list[str]]:
    """A copy of the net with at most half of the multiply-accumulates, or with as few as it can have; the channels that
    are kept, and the reasons why others stay."""
    from espalier.pytorch import coupling, structure
    from espalier.pytorch.macs import count_macs

    sets = [units for kind in ("filters", "neurons") for units in coupling.coupled(net, size, kind)]
    low, high, best = 0.0, 1.0, None
    for _ in range(4):
        ratio = (low + high) / 2
        kept = chosen(sets, ratio)
        small = copy.deepcopy(net)
        structure.remove_channels(small, kept, size)
        if count_macs(small, size) <= macs / 2:
            high, best = ratio, (small, kept)
        else:
            low, last = ratio, (small, kept)
    small, kept = best or last
    reasons = list(dict.fromkeys(units.why for units in sets if units.why and "gives the classes" not in units.why))
    return small, kept, reasons


def chosen(sets: Iterable[Any], ratio: float) -> dict[str, list[int]]:
    """The channels that each layer keeps if a share of each is taken out at random."""
    import torch

    from espalier.pytorch import prune

    generator, kept = torch.Generator().manual_seed(0), {}
    for units in sets:
        scores = torch.rand(len(units), generator=generator)
        limit = prune.threshold(scores, ratio) if ratio < 1 else math.inf
        best = range(len(units)) if units.why else prune.keep(scores, limit, prune.multiple_of(units))
        for name, places in units.places.items():
            kept.setdefault(name, []).extend(index for unit in best for index in places[unit])
    return {name: sorted(indices) for name, indices in kept.items()}


def exported(net: Any, size: int) -> None:
    """Export to ONNX, and to int8, and say what comes of it."""
    import numpy as np
    import torch

    from espalier.pytorch import quantize
    from espalier.pytorch.exported import Net

    images = np.random.default_rng(0).standard_normal((4, 3, size, size)).astype("float32")
    try:
        model = quantize.export(net, (size, size, 3))
        with torch.no_grad():
            expected = net(torch.from_numpy(images))
            found = Net(model.SerializeToString(), 1)(torch.from_numpy(images))
        say(exports=bool((found - expected).abs().max() <= 1e-3 * expected.abs().max()))
    except Exception as error:
        say(exports=False, export_problem=f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")
        return
    try:
        int8 = quantize.static_int8(model, [images])
        with torch.no_grad():
            say(int8=bool(Net(int8.SerializeToString(), 1)(torch.from_numpy(images)).isfinite().all()))
    except Exception as error:
        say(int8=False, int8_problem=f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the documentation."""
    halved_ones = [row for row in rows if row.get("macs_left", 1) <= 0.5 and row.get("same_when_read_back")]
    masked = [row for row in rows if row.get("as_masked")]
    exported_ones = [row for row in rows if row.get("exports")]
    int8 = [row for row in rows if row.get("int8")]
    lines = [
        "# Which architectures can be compressed?",
        "",
        "Any net that PyTorch can run: its layers are found by tracing it, and channels that can only go together are "
        "found by Torch-Pruning's dependency graph.",
        "This page is written by `benchmarks/architectures.py` from a run of torchvision's classification nets with "
        "random weights.",
        "From each, filters of convs and neurons of hidden linear layers were taken out at random, the same share of "
        "each layer, until half of the multiply-accumulates (MACs) were left.",
        "",
        f"Of {len(rows)} nets, {len(halved_ones)} were pruned to half their MACs, saved, and read back with the same "
        "outputs, bit for bit.",
        f"{len(masked)} were compared with the dense net whose weights are masked, and compute the same; larger ones "
        "were not compared.",
        f"{len(exported_ones)} were exported to ONNX with the same outputs, {len(int8)} of them quantized to static "
        "int8 too; larger ones were not exported.",
        "",
        "| net | image | parameters (M) | MACs (M) | MACs left | read back | as masked | ONNX | int8 | what stays, or "
        "what failed |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- | --- | --- | --- |",
        *map(line, sorted(rows, key=lambda row: row["name"])),
        "",
        "A dash: not tried, since the net is too large for a quick trial, or since an earlier step failed.",
        "Norms over channels (layer norm, group norm) scale each channel alone in the comparison with the masked net: "
        "with fewer channels they rightly give other values.",
        "A **no** there says that the outputs differ by more than a share of 1e-8; whether a channel was followed "
        "wrongly, or rounding grew without the norms, it does not say.",
        "",
    ]
    return "\n".join(lines)


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    told = {True: "yes", False: "**no**", None: "-"}
    words = [told[row.get(key)] for key in ("same_when_read_back", "as_masked", "exports", "int8")]
    why = row["problem"] or row.get("export_problem") or row.get("int8_problem") or "; ".join(row.get("stays", [])[:1])
    share = f"{row['macs_left']:.0%}" if "macs_left" in row else "-"
    counts = [f"{row[key] / 1e6:.1f}" if key in row else "-" for key in ("params", "macs")]
    cells = [row["name"], str(row.get("size", "-")), *counts, share, *words, why.replace("|", "/")]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
