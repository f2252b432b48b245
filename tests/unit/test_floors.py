"""Layers that pruning left at the fewest channels."""

from a_run import Run, by_ratio

from espalier.analysis import floors


def layers(*widths: int) -> list[dict]:
    return [{"layer": f"conv{place}", "width": width} for place, width in enumerate(widths)]


def test_layers_that_were_narrowed_to_the_floor_are_counted(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", layers=layers(64, 128, 8, 10))  # one is as narrow as that by itself
    pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.60"), layers=layers(8, 16, 8, 10))
    run.add("finetune", pruned, layers=layers(8, 16, 8, 10))
    view = run.view()
    remarks = {net["variant"]: floors.remark(view, net) for _, net in view.nets.iterrows()}
    assert remarks == {
        "train": "",
        "train/prune~filter_wise~sum~0.60/finetune": "1 of 3 layers at the floor of 8 channels",
    }
