"""A run as Markdown pages."""

import re
from pathlib import Path

import pytest
import yaml
from a_run import Run, by_ratio, config, penalised

from espalier.report.pages import Origin, write_pages
from espalier.run.integrity import write_sealed

COMMAND = "snakemake pages --cores all"
WILD = "</script> <b> | `x` [y](z) *w* \\"


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, its own headings first."""
    lines = re.search(rf"^## {heading}\n\n((?:\|.*\n)+)", page, re.M).group(1).splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in [lines[0], *lines[2:]]]


@pytest.fixture
def manifest(tmp_path) -> Path:
    path = tmp_path / "digits_32x32x3" / "manifest.json"
    path.parent.mkdir()
    splits = {"train": [0, 1293], "validation": [1293, 1437], "test": [1437, 1797]}
    files = [{"file": "a.gz", "official": False}, {"file": "b.gz", "official": True}, {"file": "c"}]
    source = {"form": "IDX files", "files": files, "note": "copies"}
    write_sealed(
        path, {"splits": splits, "classes": ["0", "1"], "sha256": "f00d", "source": source, "repeated": {"test": 3}}
    )
    return path


@pytest.fixture
def items(tmp_path) -> list[Path]:
    """A figure and a table of the study s."""
    figure, table = tmp_path / "s" / "training_curves.svg", tmp_path / "s" / "results.csv"
    figure.parent.mkdir()
    figure.write_text("<svg/>")
    table.write_text("a,b\n")
    return [figure, table]


def two_seeds(folder) -> Run:
    run = Run(folder)
    for seed, top1 in enumerate((91.0, 93.0)):
        run.chain(
            penalised("filter_wise"), by_ratio("filter_wise", "mean_abs", "0.40"),
            seed=seed, top1=top1, before=50.0, after=top1 - 1, pruned={"actual_ratio": 0.4},
        )  # fmt: skip
        run.add("train", seed=seed, top1=top1)
    return run


def test_pages_hold_what_ran_the_figures_and_the_exact_tables(tmp_path, manifest, items):
    records, out = two_seeds(tmp_path / "run").collect(), tmp_path / "pages"
    out.mkdir()
    study = config(seeds=[0, 1], published="cifar100_vgg16_bn")
    whole = {"studies": {"s": study}, "seeds": study["seeds"], "data_root": "/somewhere"}
    origin = Origin(config=whole, command=COMMAND, manifests=[str(manifest)], revision="1234567")
    write_pages(records, {"s": study}, out, items, origin)

    page = (out / "README.md").read_text()
    assert f"\n\n    {COMMAND}\n\n" in page and "1234567" in page
    heads, row = rows(page, "Studies")
    assert row[0] == "[The study s](s/README.md)"
    assert {"digits", "32x32x3", "vgg16_bn", "0, 1"} < set(row)
    # four nets of two seeds; dense 91 and 93: mean 92, sample standard deviation sqrt(2)
    assert row[heads.index("Results")] == "8" and "92.00 ± 1.41" in row
    origin_of_data = "IDX files; copies; not the publisher's file: a.gz"
    expected = ["digits_32x32x3", "train 1,293, validation 144, test 360", "2", "test 3", origin_of_data, "`f00d`"]
    assert rows(page, "Data")[1:] == [expected]
    assert ["pytorch", "torch", "2.14.1", "8"] in rows(page, "Software")
    nameless = {key: value for key, value in study.items() if key != "name"}  # which is no key of a config
    to_be_run = whole | {"data_root": None, "studies": {"s": nameless}}  # not where data lay here
    assert yaml.safe_load((out / "config.yaml").read_text()) == to_be_run
    assert (out / "results.csv").read_bytes() == (records / "results.csv").read_bytes()

    page = (out / "s" / "README.md").read_text()
    assert page.startswith("# The study s\n\ndigits at 32x32x3; vgg16_bn;")
    assert len(rows(page, "Published and reproduced")) == 1 + 19  # 4 trainings, 15 pruned nets
    assert "![Training curves](training_curves.svg)" in page and "* [All results](results.csv)" in page
    assert (out / "s" / "training_curves.svg").read_text() == "<svg/>" and (out / "s" / "results.csv").exists()


def test_names_of_the_config_are_no_markup(tmp_path, manifest, items):
    data = {"name": "digits", "size": 8, "channels": 1, "classes": [WILD, "b"]}
    study, out = config(title=WILD, dataset=data), tmp_path / "pages"
    origin = Origin(config={"studies": {"s": study}}, command=COMMAND, manifests=[str(manifest)])
    write_pages(two_seeds(tmp_path / "run").collect(), {"s": study}, out, items, origin)
    escaped = r"\</script> \<b> \| \`x\` \[y\](z) \*w\* \\"
    heads, row = rows((out / "README.md").read_text(), "Studies")
    assert row[0] == f"[{escaped}](s/README.md)" and len(row) == len(heads) and escaped in row[1]
    title, _, setup, *_ = (out / "s" / "README.md").read_text().splitlines()
    assert title == f"# {escaped}" and escaped in setup
