"""A run as Markdown pages."""

import json

import a_run
import yaml

from espalier.report.pages import write_pages


def test_pages_hold_what_ran_the_figures_and_the_exact_tables(tmp_path):
    run = a_run.Run(tmp_path / "run")
    for seed, top1 in enumerate((91.0, 93.0)):
        run.chain(
            a_run.penalised("filter_wise"), a_run.by_ratio("filter_wise", "mean_abs", "0.40"),
            seed=seed, top1=top1, before=50.0, after=top1 - 1, pruned={"actual_ratio": 0.4},
        )  # fmt: skip
        run.add("train", seed=seed, top1=top1)
    records = run.collect()
    study = a_run.config(seeds=[0, 1], published="cifar100_vgg16_bn")
    manifest = tmp_path / "digits_32x32x3" / "manifest.json"
    manifest.parent.mkdir()
    splits = {"train": [0, 1293], "validation": [1293, 1437], "test": [1437, 1797]}
    files = [{"file": "a.gz", "official": False}, {"file": "b.gz", "official": True}, {"file": "c"}]
    source = {"form": "IDX files", "files": files, "note": "copies"}
    manifest.write_text(json.dumps({"splits": splits, "classes": ["0", "1"], "sha256": "f00d", "source": source}))
    figure, table = tmp_path / "s" / "training_curves.svg", tmp_path / "s" / "results.csv"
    figure.parent.mkdir()
    figure.write_text("<svg/>")
    table.write_text("a,b\n")
    out = tmp_path / "pages"
    out.mkdir()
    config = {"studies": {"s": study}, "seeds": study["seeds"], "data_root": "/somewhere"}
    command = "snakemake pages --cores all"
    write_pages(
        records, {"s": study}, out, items=[figure, table], manifests=[manifest],
        config=config, command=command, revision="1234567",
    )  # fmt: skip

    page = (out / "README.md").read_text()
    assert f"\n\n    {command}\n\n" in page and "code at 1234567" in page
    # three nets of two seeds, ten seconds each; dense 91 and 93: mean 92, sample standard deviation sqrt(2)
    assert "| [The study s](s/README.md) | digits 32x32x3 | vgg16_bn | 0, 1 | 8 | 92.00 ± 1.41 |" in page
    origin = "IDX files; copies; not the publisher's file: a.gz"
    assert f"| digits_32x32x3 | train 1,293, validation 144, test 360 | 2 | {origin} | `f00d` |" in page
    assert "| pytorch | torch | 2.14.1 | 8 |" in page
    nameless = {key: value for key, value in study.items() if key != "name"}  # which is no key of a config
    expected = config | {"data_root": None, "studies": {"s": nameless}}  # not where data lay here
    assert yaml.safe_load((out / "config.yaml").read_text()) == expected
    assert (out / "results.csv").read_bytes() == (records / "results.csv").read_bytes()

    page = (out / "s" / "README.md").read_text()
    assert page.startswith("# The study s\n\ndigits at 32x32x3; vgg16_bn;")
    assert "## Published and reproduced\n\n| Published row | Comparable |" in page
    assert "**Does fine-tuning recover what pruning cost?**" in page
    assert "![Training curves](training_curves.svg)" in page and "* [All results](results.csv)" in page
    assert (out / "s" / "training_curves.svg").read_text() == "<svg/>" and (out / "s" / "results.csv").exists()
