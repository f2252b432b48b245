"""What holds for every finding: facts and words, and the table that a program loads."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from a_finding import TIMES, TWO_INITS, answers, mlp, retrained, slowly_pruned, timed, vgg
from a_run import config
from scipy import stats

from espalier import registry
from espalier.report import findings
from espalier.report.findings.finding import FACTS, Fact, Finding, frame

DOCS = Path(__file__).resolve().parents[2] / "docs"


def runs(tmp_path):
    """Runs that together answer most questions."""
    yield mlp(tmp_path / "mlp", TWO_INITS), config(published="mnist_mlp")
    yield timed(tmp_path / "timed", TIMES), config(latency={}, published="cats_dogs_vgg16")
    yield slowly_pruned(tmp_path / "slow", {"0.50": 95.0, "0.75": 80.0}), config(published="cats_dogs_mobilenetv2")
    yield retrained(tmp_path / "again"), config()
    nets = {("filter_wise", "sum", "0.20"): [(50.0, 89.8)], ("channel_wise", "sum", "0.20"): [(50.0, 88.0)]}
    yield vgg(tmp_path / "vgg", nets), config(published="cifar100_vgg16_bn")


def test_every_finding_has_facts_and_says_them_in_whole_words(tmp_path):
    seen = set()
    for run, study in runs(tmp_path):
        for name, finding in answers(run, study).items():
            seen.add(name)
            words = (finding.question, finding.answer, finding.evidence, finding.definition)
            assert finding.facts and all(words), name
            assert {fact.name for fact in finding.facts} <= FACTS.keys(), name
            assert finding.n == 1 and finding.question.endswith("?"), name
            for text in (*words, finding.published, finding.headline):
                assert "nan" not in text.lower().split() and "None," not in text and "  " not in text, (name, text)
    assert len(seen) >= 15


def test_the_docs_say_what_each_fact_means():
    text = (DOCS / "outputs.md").read_text()
    assert [name for name, meaning in FACTS.items() if f"| `{name}` | {meaning} |" not in text] == []


def test_a_program_loads_every_number(tmp_path):
    nets = {("filter_wise", "sum", "0.20"): [(50.0, 88.0), (50.0, 89.0), (50.0, 90.0)]}
    run = vgg(tmp_path, nets, seeds=(0, 1, 2))
    made = registry.get(registry.TableItem, "findings")(run.view(config(seeds=[0, 1, 2]), test_images=10_000))
    table = pd.read_csv(io.StringIO(made.csv()))
    assert list(table)[:11] == [
        "study", "finding", "verdict", "n", "fact", "value", "low", "high", "outcome", "family", "source"
    ]  # fmt: skip
    drop = table[(table["finding"] == "finetuning_recovers") & (table["fact"] == "drop")].iloc[0]
    assert (drop["study"], drop["verdict"], drop["n"], drop["value"]) == ("s", "undecided", 3, 1.0)
    assert (drop["outcome"], drop["family"]) == ("undecided", "finetuning_recovers")
    bounds = stats.ttest_1samp([2.0, 1.0, 0.0], 0).confidence_interval(0.90)
    assert (drop["low"], drop["high"]) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    verdicts = table.drop_duplicates("finding").set_index("finding")["verdict"]
    assert verdicts["finetuning_recovers"] == "undecided" and pd.isna(verdicts["budget"])
    assert set(table["verdict"].dropna()) <= {"won", "lost", "undecided"}
    assert [row["question"] for row in made.rows()] == [f.question for f in findings.of_study(run.view())]


def test_numbers_are_exact_and_what_is_absent_is_empty():
    finding = Finding(
        name="f", question="?", n=2, answer="a", evidence="e", definition="d",
        facts=(Fact("drop", 1 / 3, {"net": "x"}), Fact("most", None, {"limit": 1.0}, source="published")),
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(frame("s", [finding]).to_csv(index=False))))
    assert [row["value"] for row in rows] == ["0.3333333333333333", ""]
    assert [(row["net"], row["limit"], row["source"]) for row in rows] == [("x", "", "run"), ("", "1.0", "published")]


def test_a_fact_that_is_not_there_or_not_the_only_one_is_an_error():
    finding = Finding(
        question="?", n=1, answer="a", evidence="e", definition="d",
        facts=(Fact("drop", 1.0, {"net": "x"}), Fact("drop", 2.0, {"net": "y"})),
    )  # fmt: skip
    assert finding.fact("drop", net="y").value == 2.0
    for wrong in ({"name": "drop"}, {"name": "lead"}, {"name": "drop", "net": "z"}):
        with pytest.raises(LookupError):
            finding.fact(**wrong)


def test_of_higher_rank_come_later(tmp_path):
    run = timed(tmp_path, TIMES)
    order = [finding.name for finding in findings.of_study(run.view(config(latency={})))]
    ranks = [registry.get(registry.FindingItem, name).rank for name in order]
    assert ranks == sorted(ranks) and len(set(ranks)) == 4


def test_the_headline_is_the_first_one():
    finding = Finding(question="?", facts=(), n=1, answer="a", evidence="e", definition="d")
    assert findings.headline([finding]) == "\N{EN DASH}"
    assert findings.headline([finding, Finding(**{**vars(finding), "headline": "h"})]) == "h"
