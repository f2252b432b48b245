"""Why is dynamic quantization of convolutions slow? VGG16-BN by ONNX Runtime's own profiler, operator by operator.

    .venv/bin/python benchmarks/dynamic_int8.py [--batch 64] [--calls 30]

Exports the default run's VGG16-BN (untrained: its weights have no bearing on the time) in float32, dynamic and static
int8, times the three in turns on one thread, and prints the milliseconds that a call spends in each kind of operator.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SCHEMES = ("float32", "dynamic_int8", "static_int8")
GROUPS = {
    "convolutions": ("Conv", "FusedConv", "ConvInteger", "QLinearConv"),
    "linear layers": ("Gemm", "FusedGemm", "MatMul", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
                      "QGemm", "QLinearMatMul"),
    "finding ranges and quantizing": ("DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64, help="images per call (default 64)")
    parser.add_argument("--calls", type=int, default=30, help="profiled calls (default 30)")
    arguments = parser.parse_args()
    sys.path.append(str(PROJECT / "workflow" / "scripts"))
    import numpy as np
    import onnxruntime
    import torch

    from espalier.datasets import prepare as data
    from espalier.pytorch import models, quantize
    from espalier.pytorch.latency import predictor
    from espalier.training import timing as latency

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pixels = {"size": 32, "channels": 3, "validation": 0.1, "mean": 0.45, "std": 0.225}
        data.prepare(folder / "data", data.Preparation(name="digits", **pixels))
        torch.manual_seed(0)
        models.save(models.build_model("vgg16_bn", 10, width=0.25), folder / "net.safetensors")
        nets, spent = {}, {}
        for scheme in SCHEMES:
            nets[scheme] = folder / f"{scheme}.onnx"
            quantize.quantize_model(
                nets[scheme], parent=folder / "net.safetensors", data=folder / "data", scheme=scheme
            )
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
            options.enable_profiling, options.profile_file_prefix = True, str(folder / scheme)
            session = onnxruntime.InferenceSession(nets[scheme], options)
            images = np.zeros((arguments.batch, 3, 32, 32), np.float32)
            for _ in range(arguments.calls):
                session.run(None, {"images": images})
            spent[scheme] = collections.Counter()
            for event in json.loads(Path(session.end_profiling()).read_text()):
                kind = event.get("args", {}).get("op_name")
                if event.get("cat") == "Node" and kind and event["name"].endswith("_kernel_time"):
                    spent[scheme][kind] += event["dur"] / 1000 / arguments.calls
        how = {"batch_sizes": [arguments.batch], "threads": 1, "warmup": 5, "repeats": arguments.calls}
        rows = latency.measure(nets, predictor, folder / "data", dict.fromkeys(nets, "float32"), **how)
    print(f"| ms per call of {arguments.batch} images, one thread | {' | '.join(SCHEMES)} |")
    print("| --- |" + " ---: |" * len(SCHEMES))
    _line("whole net, not profiled, in turns", [row["median_ms"] for row in rows])
    for group, kinds in GROUPS.items():
        _line(group, [sum(spent[scheme][kind] for kind in kinds) for scheme in SCHEMES])
    known = {kind for kinds in GROUPS.values() for kind in kinds}
    _line("all else", [sum(ms for kind, ms in spent[s].items() if kind not in known) for s in SCHEMES])


def _line(name: str, milliseconds: list[float]) -> None:
    print(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in milliseconds)} |")


if __name__ == "__main__":
    main()
