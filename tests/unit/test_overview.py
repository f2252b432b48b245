"""The report's first page, read back as a browser reads it."""

import pytest
from a_page import parse
from a_run import Run, by_ratio, config, penalised

from espalier.report.overview import write_overview

WILD = "</script></style></td><b>&amp; | `x` \"'"
DASH = "\N{EN DASH}"


def overview(tmp_path, studies, *runs):
    write_overview(runs[0].collect(*runs[1:]), studies, tmp_path / "overview.html")
    page = parse((tmp_path / "overview.html").read_text())
    return page, page.one("table", class_="studies").cells(), page.one("table", class_="budgets").cells()


def vgg(tmp_path) -> Run:
    """Dense 90, and with half the MACs and 1 / 1.7 of the zipped file 89.5."""
    run = Run(tmp_path)
    (dense,) = run.chain(top1=90.0)
    run.add("finetune", dense, top1=90.0)
    small = {"actual_ratio": 0.4, "macs": 2000, "zipped_bytes": round(2**19 / 1.7)}
    run.chain(
        penalised("filter_wise"), by_ratio("filter_wise", "mean_abs", "0.40"), before=50.0, after=89.5, pruned=small
    )
    return run


def test_what_ran_and_what_came_out(tmp_path):
    mlp = Run(tmp_path, "mnist", backend="keras", model="mlp")
    mlp.chain({"init": "glorot"}, by_ratio("weight", "magnitude", "0.50"), before=85.0)
    studies = {"s": config(published="cifar100_vgg16_bn", title="Nets & pruning"), "mnist": config("mnist")}
    page, rows, budgets = overview(tmp_path, studies, vgg(tmp_path), mlp)
    assert [row[0] for row in rows] == ["Nets & pruning", "The study mnist"]
    assert [row[-2:] for row in rows] == [["5", "90.00"], ["2", "90.00"]]  # results, top-1 of the dense net
    assert [heading.text for heading in page.all("h2")] == ["Nets & pruning", "The study mnist"]
    # of the first study: within half a point, one and two points; nothing was timed, the net has half the MACs
    net = "filter_wise mean_abs 0.40, l2_groups training"
    assert budgets[0][0].startswith("Nets & pruning\n") and len(budgets[0]) == 1
    for within, smallest, fastest in budgets[1:4]:
        assert within.split()[0] in ("0.5", "1", "2")
        assert smallest.startswith(net) and "1.7" in smallest and fastest.startswith(net) and "2.0" in fastest
    assert len(budgets) == 8 and budgets[4][0].startswith("The study mnist\n")
    assert [row[1:] for row in budgets[5:]] == [[DASH, DASH]] * 3  # 85 against 90


def test_how_many_published_rows_were_run(tmp_path):
    page, *_ = overview(tmp_path, {"s": config(published="cifar100_vgg16_bn")}, vgg(tmp_path))
    # dense, the filter_wise training and one pruned net of 4 + 15 published rows
    assert "3 of 19" in page.one("dl").all("dd")[-1].text


def test_a_limit_of_less_than_a_test_image_is_said_to_be_one(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", test_images=72)  # an image is 1.39 points
    run.quantize(dense, "static_int8", zipped_bytes=2**18)
    page, *_ = overview(tmp_path, {"s": config()}, run)
    limits = page.one("table", class_="budgets").all("th", scope="row")
    assert [bool(limit.all("small")) for limit in limits] == [True, True, False]  # 0.5, 1 and 2 points


@pytest.mark.parametrize("images, told", [(360, True), (10_000, False)])
def test_few_test_images_make_a_smoke_test(tmp_path, images, told):
    run = Run(tmp_path)
    run.add("train", test_images=images)
    page, *_ = overview(tmp_path, {"s": config()}, run)
    (setup,) = [p.text for p in page.all("p", class_="setup") if "seed 0" in p.text]
    first = page.all("p")[1].text
    assert ("smoke test" in setup and "360" in setup and "360" in first) == told


def test_it_needs_nothing_from_elsewhere_and_nothing_breaks_out_of_it(tmp_path):
    study = config(title=WILD, dataset={"name": "digits", "size": 8, "channels": 1, "classes": [WILD, "b"]})
    page, rows, budgets = overview(tmp_path, {"s": study}, vgg(tmp_path))
    assert page.one("h2").text == rows[0][0] == WILD and budgets[0][0].startswith(WILD)
    assert WILD in page.all("p", class_="setup")[0].text
    assert not page.all("b") and not page.all("script") and "http" not in page.text
