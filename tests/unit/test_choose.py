"""The numbers of the page that a net is chosen on: those of the records, and verdicts by the rules of evidence."""

import csv
import json
import re
from math import sqrt
from statistics import mean, stdev

import pytest
import yaml
from a_page import parse
from a_run import Run, by_ratio, config

from espalier.analysis import speed
from espalier.analysis.speed import Gain
from espalier.analysis.study import view_of_run
from espalier.contract import made_up
from espalier.plan import grid
from espalier.report import findings
from espalier.report.choose import data, page

WILD = "</script><script>alert(1)</script> & <b> \"'"
T2 = 4.302653  # Student's 97.5 % quantile of two degrees of freedom


def origin(chains=None, **keys):
    return data.Origin(chains=chains or {}, command="snakemake TARGET --cores all", **keys)


def of(run, *seeds, **keys):
    """The first study of a run, as the page has it."""
    study = config(seeds=list(seeds) or [0], **keys)
    found = data.results(view_of_run(run.collect(), {"s": study}), origin())
    json.dumps(found, allow_nan=False)  # is JSON
    return found["studies"][0]


def nets(study):
    return {net["variant"]: net for net in study["nets"]}


PRUNED = "train/prune~filter_wise~mean_abs~0.40/finetune"


@pytest.fixture
def three_seeds(tmp_path) -> Run:
    """Dense 90, 91, 92 (trained on: the same); pruned and fine-tuned 89.5, 90.6, 91.4, half the file, faster."""
    run = Run(tmp_path)
    for seed, (dense, small) in enumerate([(90.0, 89.5), (91.0, 90.6), (92.0, 91.4)]):
        half = {"actual_ratio": 0.4, "macs": 2000, "params": 400, "zipped_bytes": 2**18 + seed, "test_images": 1000}
        rows = run.chain(
            None,
            by_ratio("filter_wise", "mean_abs", "0.40"),
            seed=seed,
            top1=dense,
            before=50.0,
            after=small,
            pruned=half,
        )
        run.add("finetune", rows[0], top1=dense, test_images=1000)
        times = [
            {"node": rows[0]["node"], "baseline": rows[0]["node"], "batch_size": 1, "median_ms": 3.0, "p90_ms": 3.1}
        ]
        ends = {"ratio_low": 1.4, "ratio_high": 1.6, "noise": 1.05}
        times += [{**times[0], "node": rows[2]["node"], "median_ms": 2.0 + seed / 10, **ends}]
        run.time(times, seed)
    return run


def test_the_numbers_are_those_of_the_records(three_seeds):
    net = nets(of(three_seeds, 0, 1, 2))[PRUNED]
    records = [json.loads(path.read_text()) for path in three_seeds.records if path.parent.name == "finetune"]
    records = [record["measured"] for record in records if "prune" in record["node"]]
    tops = [record["top1"] for record in records]
    half = T2 * stdev(tops) / sqrt(3)
    assert net["n"] == 3 and net["top1"]["seeds"] == {"0": 89.5, "1": 90.6, "2": 91.4}
    assert [net["top1"][end] for end in ("value", "low", "high")] == pytest.approx(
        [mean(tops), mean(tops) - half, mean(tops) + half], rel=1e-6
    )
    # lost: 0.5, 0.4, 0.6, seed by seed
    half = T2 * 0.1 / sqrt(3)
    assert [net["drop"][end] for end in ("value", "low", "high")] == pytest.approx(
        [0.5, 0.5 - half, 0.5 + half], rel=1e-6
    )
    sizes = [record["zipped_bytes"] for record in records]
    assert (net["zipped_bytes"]["value"], net["zipped_bytes"]["low"], net["zipped_bytes"]["high"]) == (
        mean(sizes), min(sizes), max(sizes),
    )  # fmt: skip
    assert net["smaller"]["value"] == pytest.approx(mean(2**19 / size for size in sizes))
    assert net["macs"] == {"value": 2000} and net["fewer_macs"] == 2
    assert net["removed"] == pytest.approx(0.4)
    # the ratio to 3 ms is at most 1.6; two copies of a net differ by 1.05, each by its square root
    ends = {"low": pytest.approx(3 / 1.6), "high": pytest.approx(2.2 * sqrt(1.05))}
    assert net["ms_per_image"] == {"value": pytest.approx(2.1), **ends, "of": "rounds"}


def test_within_a_limit_is_shown_not_so_or_cannot_be_told(three_seeds):
    # lost 0.5, standard error 0.0577; one-sided t of 95 % and two degrees of freedom 2.92: bounds 0.33 and 0.67
    within = nets(of(three_seeds, 0, 1, 2))[PRUNED]["within"]
    assert (within["0.25"], within["0.5"], within["1"]) == ("not so", "cannot be told", "shown")


def test_one_seed_gives_no_verdict_and_the_interval_that_test_images_leave(tmp_path):
    run = Run(tmp_path)
    run.chain(None, by_ratio("filter_wise", "mean_abs", "0.40"), before=50.0, after=89.0, pruned={"test_images": 360})
    run.add("finetune", json.loads(run.records[0].read_text()), top1=90.0, test_images=360)
    study = of(run)
    net = nets(study)[PRUNED]
    assert set(net["within"].values()) == {"one seed: no verdict"} and "low" not in net["drop"]
    assert set(net["standing"].values()) == {"undecided"}
    # Wilson of 90 % and 360 images, worked out by hand: centre 90 - 40 z2/n / (1 + z2/n)
    top1 = nets(study)["train/finetune"]["top1"]
    assert (top1["of"], round(top1["low"], 2), round(top1["high"], 2)) == ("images", 86.47, 92.69)


def test_the_pareto_set_is_that_of_the_records(three_seeds):
    study = of(three_seeds, 0, 1, 2)
    net, dense = nets(study)[PRUNED], nets(study)["train/finetune"]
    assert net["standing"]["zipped_bytes"] == "frontier" and "zipped_bytes" in net["best"]  # the smallest
    assert dense["standing"]["zipped_bytes"] != "dominated"
    names, rows = study["leads"]["nets"], study["leads"]["rows"]
    # dense is higher by 0.5, 0.4, 0.6: t = 8.7, p = 0.013, times three pairs 0.04
    assert rows[names.index("train/finetune")][names.index(PRUNED)] == "H"
    assert rows[names.index(PRUNED)][names.index("train/finetune")] == "L"


def test_the_page_and_the_findings_have_the_same_standings(three_seeds):
    study = of(three_seeds, 0, 1, 2)
    view = view_of_run(three_seeds.collect(), {"s": config(seeds=[0, 1, 2])}).studies["s"]
    (pareto,) = [finding for finding in findings.of_study(view) if finding.name == "pareto"]
    for axis in ("zipped_bytes", "ms_per_image"):
        told = {fact.of["net"]: fact.of["standing"] for fact in pareto.facts if fact.name == axis}
        assert told == {net["name"]: net["standing"][axis] for net in study["nets"] if axis in net["standing"]}
        assert told
    words = data.results(view_of_run(three_seeds.collect(), {"s": config(seeds=[0, 1, 2])}), origin())["standings"]
    assert words == {"frontier": "on the frontier", "dominated": "dominated", "undecided": "cannot be told"}
    assert words[told["filter_wise mean_abs 0.40"]] in pareto.answer


@pytest.mark.parametrize(
    "gain, words",
    [
        (None, "not timed"),
        (Gain(1.2, 1.15, 1.25, same=True), "zeros are multiplied"),
        (Gain(2.0, 1.9, 2.1, noise=1.05), "Faster by more than the noise"),
        (Gain(1.02, 1.01, 1.03, noise=1.05), "within the noise"),
        (Gain(1.02, 0.8, 1.3, noise=1.05), "wider than"),
        (Gain(0.5, 0.45, 0.55, noise=1.05), "ConvInteger"),
    ],
)
def test_it_says_why_a_net_is_faster_or_is_not(tmp_path, gain, words):
    run = Run(tmp_path)
    run.quantize(run.add("train"), "dynamic_int8")
    view = run.view()
    net = view.nets[view.nets["scheme"] == "dynamic_int8"].iloc[0]
    assert words in speed.reason(net, gain)


def test_random_baselines_exports_and_published_figures_are_marked(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", top1=80.0)
    run.add("prune", dense, columns=by_ratio("filter_wise", "random", "0.40"), macs=3000)
    run.quantize(dense, "float32")
    found = nets(of(run, published="cifar100_vgg16_bn"))
    assert [net["random"] for net in found.values()].count(True) == 1
    exported = found["train/quantize~float32"]
    assert "export" in exported["note"] and not exported["standing"]
    published = list(
        csv.DictReader((page.Path(made_up.__file__).parents[4] / "report/published/cifar100_training.csv").open())
    )
    assert found["train"]["published"]["top1"] == float(published[0]["top1"])
    assert found["train"]["published"]["comparable"] == "no" and "data" in found["train"]["published"]["different"]


def test_the_yaml_of_each_net_makes_that_net():
    planned, folder = made_up.run()
    chains = {node: planned.chain(node) for node in planned.jobs}
    found = data.results(view_of_run(folder, planned.studies), origin(chains))
    for study in found["studies"]:
        for net in study["nets"]:
            given = yaml.safe_load(study["yaml"]) | {"chains": [yaml.safe_load(net["yaml"])]}
            again = grid.build({"studies": {study["name"]: given}}).jobs
            assert again[net["node"]].params == planned.jobs[net["node"]].params
            assert net["steps"] == chains[net["node"]] and len(again) <= 2 * len(net["steps"])


@pytest.fixture
def written(tmp_path, three_seeds):
    """The page of a run whose study has a title that would break out of a script, and of its numbers."""
    out = {"html": tmp_path / "choose.html", "numbers": tmp_path / "results.json"}
    page.write(three_seeds.collect(), {"s": config(title=WILD, seeds=[0, 1, 2])}, origin(), **out)
    return out


def test_the_page_holds_the_same_numbers_and_no_text_breaks_out(written):
    text = written["html"].read_text()
    inside = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.S)[1]
    assert json.loads(inside) == json.loads(written["numbers"].read_text())
    assert json.loads(inside)["studies"][0]["title"] == WILD
    assert text.count("<script") == 2 and "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_every_control_has_a_label_and_every_part_a_name(written):
    text = re.sub(r"<script.*?</script>", "", written["html"].read_text(), flags=re.S)
    tree = parse(text.replace("<!doctype html>", ""))
    labelled = {label["for"] for label in tree.all("label")}
    controls = [each for tag in ("input", "select", "textarea") for each in tree.all(tag)]
    assert len(controls) == 10 and {each["id"] for each in controls} <= labelled
    assert all(each.text.strip() for each in tree.all("button"))
    assert all(
        each.get("aria-label") or each.get("aria-labelledby") or each["id"] == "how" for each in tree.all("section")
    )
