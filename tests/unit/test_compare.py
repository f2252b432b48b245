"""`python -m espalier compare`: rows joined by chain, only what differs, differences by the rules of evidence."""

import json
import re
import shlex
from pathlib import Path

import pytest
from a_page import parse

from espalier.__main__ import main
from espalier.analysis import two_runs
from espalier.report.choose.data import FORMAT

PROJECT = Path(__file__).resolve().parents[2]
COSTS = {"size_bytes": 2**20, "params": 1000, "macs": 4000}


def net(variant, *tops, zipped=2**19, ms=2.0, threads=1):
    """A net of as many seeds as it has values of top-1."""
    costs = {**COSTS, "zipped_bytes": zipped, "ms_per_image": ms}
    return {
        "variant": variant, "name": f"the net {variant}", "threads": threads,
        "top1": {"value": sum(tops) / len(tops), "seeds": {str(seed): top for seed, top in enumerate(tops)}},
        **{axis: {"value": value} for axis, value in costs.items()},
    }  # fmt: skip


def a_run(*nets, processor="a processor", title="The study", **software):
    study = {"name": "s", "title": title, "yaml": "train:\n  epochs: 6\n", "nets": list(nets)}
    software = {"python": ["3.11.7"], **software}
    return {
        "format": FORMAT, "command": "snakemake TARGET", "software": software, "processors": [processor],
        "studies": [study],
    }  # fmt: skip


@pytest.fixture
def compared(tmp_path, monkeypatch, capsys):
    """compared(run, ...): what the command prints of runs, and its exit status; they lie in results, other/results."""
    monkeypatch.chdir(tmp_path)

    def command(*runs, html=False):
        folders = ["results", *(f"other{i or ''}/results" for i in range(len(runs) - 1))]
        for folder, run in zip(folders, runs, strict=True):
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(folder, "results.json").write_text(json.dumps(run))
        status = main(["compare", *folders, *(["--html", "compared.html"] if html else [])])
        return capsys.readouterr().out, status

    return command


def rows(text):
    """The rows of all tables, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        line
        for at, line in enumerate(cells)
        if not set(line[0]) <= {"-"} and not (at + 1 < len(cells) and set(cells[at + 1][0]) <= {"-"})
    ]


def test_only_what_differs_with_its_standard_error(compared):
    same, apart = net("train", 90.0, 91.0, 92.0), net("train/finetune", 90.0, 91.0, 92.0)
    text, status = compared(a_run(same, apart), a_run(same, net("train/finetune", 91.0, 92.2, 93.1)))
    # differences 1.0, 1.2, 1.1: mean 1.1, standard error 0.1 / sqrt(3) = 0.058; t = 19: higher
    assert rows(text) == [["the net train/finetune", "91.00", "92.10", "+1.10 ± 0.06", "higher"]]
    assert status == 0 and "in both runs: 2; differing: 1" in text and "Zipped" not in text


def test_verdicts_are_corrected_for_all_nets_of_the_study():
    # differences 0.9, 1.0, 1.2 of one of eight nets: t = 11.7, p = 0.0072; times eight 0.058
    first = [net(f"n{i}", 90.0, 91.0, 92.0) for i in range(8)]
    second = [net("n0", 90.9, 92.0, 93.2), *(net(f"n{i}", 90.0 + i % 2, 91.0, 92.0) for i in range(1, 8))]
    alone = next(two_runs.studies(a_run(first[0]), a_run(second[0]))).pairs[0]
    together = next(two_runs.studies(a_run(*first), a_run(*second))).pairs[0]
    assert (alone.comparison.verdict, together.comparison.verdict) == ("won", "undecided")
    assert alone.comparison.p == pytest.approx(0.0072, abs=2e-4)


def test_one_seed_gives_no_verdict(compared):
    text, _ = compared(a_run(net("train", 90.0)), a_run(net("train", 95.0)))
    assert rows(text) == [["the net train", "90.00", "95.00", "+5.00", "one seed: no verdict"]]


def test_times_are_refused_on_another_processor_or_with_other_threads(compared):
    first = a_run(net("train", 90.0, ms=2.0))
    text, _ = compared(first, a_run(net("train", 90.0, ms=1.0)))
    assert rows(text) == [["the net train", "0.500"]] and "Times are not compared" not in text
    text, _ = compared(first, a_run(net("train", 90.0, ms=1.0), processor="another"))
    assert rows(text) == [] and "Times are not compared: the processors differ (a processor and another)" in text
    text, _ = compared(first, a_run(net("train", 90.0, ms=1.0, threads=2)))
    assert "Times are not compared: the numbers of threads differ" in text


def test_nets_and_versions_of_one_run_alone_are_named(compared):
    text, _ = compared(
        a_run(net("train", 90.0), net("mine", 80.0)), a_run(net("train", 90.0), net("theirs", 70.0), numpy=["2"])
    )
    assert rows(text) == [["numpy", "–", "2"]]
    assert "Only in results: the net mine." in text and "Only in other/results: the net theirs." in text


def test_each_of_several_runs_is_compared_with_the_first(compared):
    text, _ = compared(a_run(net("t", 90.0)), a_run(net("t", 91.0)), a_run(net("t", 93.0)))
    assert [row[3] for row in rows(text)] == ["+1.00", "+3.00"]


def test_the_page_says_the_same_and_no_text_breaks_out(compared):
    wild = "</title><script>alert(1)</script>"
    text, _ = compared(a_run(net("t", 90.0, 91.0), title=wild), a_run(net("t", 91.0, 93.0), title=wild), html=True)
    page = parse(Path("compared.html").read_text().replace("<!doctype html>", ""))
    assert not page.all("script") and wild in page.all("h2")[1].text
    assert page.one("table").cells() == rows(text)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format": "espalier results 0"}'])
def test_what_is_no_run_is_refused_in_a_line(tmp_path, capsys, content):
    (tmp_path / "results").mkdir()
    if content is not None:
        (tmp_path / "results" / "results.json").write_text(content)
    assert main(["compare", str(tmp_path / "results"), str(tmp_path / "results")]) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and "results.json" in told.err


def test_the_commands_of_the_docs_run(compared):
    compared(a_run(net("t", 90.0)), a_run(net("t", 91.0)))
    commands = re.findall(r"python -m espalier (compare .*)", (PROJECT / "docs" / "compare_two_runs.md").read_text())
    assert len(commands) == 2 and all(main(shlex.split(command)) == 0 for command in commands)


def test_without_a_command_it_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    told = capsys.readouterr().out
    assert end.value.code == 0 and all(f"\n    {name} " in told for name in ("check", "compare", "verify"))
