"""The page that a net is chosen on, in a real browser: what is set is what is shown, by mouse and by keyboard."""

import csv
import io
import json

import a_browser
import pytest
import yaml
from a_browser import needs_a_browser

from espalier.analysis.study import view_of_run
from espalier.contract import made_up
from espalier.plan import grid
from espalier.report.choose import data, page

pytestmark = needs_a_browser

HELP = """
const all = selector => [...document.querySelectorAll(selector)], one = selector => document.querySelector(selector);
const put = (id, value, kind = "input") => {
  one("#" + id).value = value;
  one("#" + id).dispatchEvent(new Event(kind, {bubbles: true}));
};
const press = (element, key) =>
  element.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const drop = text => one("#other").dispatchEvent(Object.assign(new Event("drop", {bubbles: true, cancelable: true}),
  {dataTransfer: {files: [new File([text], "other.json")]}}));
const names = () => all("#rows tr").map(row => row.cells[0].textContent);
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of the made-up run, and its numbers."""
    planned, folder = made_up.run()
    chains = {node: planned.chain(node) for node in planned.jobs}
    out = tmp_path_factory.mktemp("page")
    origin = data.Origin(chains=chains, command="snakemake TARGET --cores all")
    page.write(folder, planned.studies, origin, html=out / "choose.html", numbers=out / "results.json")
    return out / "choose.html"


@pytest.fixture(scope="module")
def numbers(written):
    return json.loads(written.with_name("results.json").read_text())


@pytest.fixture
def run(written):
    return lambda script, address="": a_browser.run(written, HELP + script, address)


def fitting(study, drop=None, mib=None):
    """The names of the nets that fit a budget."""
    return {
        net["name"]
        for net in study["nets"]
        if (
            drop is None
            or net["variant"] == net["reference"]
            or (net["drop"]["value"] is not None and net["drop"]["value"] <= drop)
        )
        and (mib is None or net["zipped_bytes"]["value"] / 2**20 <= mib)
    }


def test_a_budget_leaves_what_fits_and_greys_out_the_rest(run, numbers):
    study = numbers["studies"][0]
    script = """
    put("drop", 4); put("size", 30);
    return {names: names(), said: one("#size_says").textContent, grey: all(".net.out").length, all: all(".net").length,
      count: one("#count").textContent, address: location.hash, value: one("#drop").getAttribute("aria-valuetext")};"""
    found = run(script)
    mib = float(found["said"].split()[2])
    expected = fitting(study, 3, mib)
    assert set(found["names"]) == expected and 0 < len(expected) < len(study["nets"])
    assert found["all"] == len(study["nets"]) and found["grey"] == len(study["nets"]) - len(expected)
    assert found["count"].startswith(f"{len(expected)} of {len(study['nets'])} nets fit")
    assert "drop=3" in found["address"] and "3 points" in found["value"]


def test_the_first_of_the_list_is_the_cheapest_that_fits(run, numbers):
    study = numbers["studies"][0]
    near = [net for net in study["nets"] if net["name"] in fitting(study, 1) and "macs" in net["standing"]]
    cheapest = min(near, key=lambda net: net["macs"]["value"])
    found = run('return {list: one("#list").textContent, count: one("#count").textContent};', "#x=macs&drop=1")
    assert found["list"].startswith(cheapest["name"]) and cheapest["name"] in found["count"]


def test_the_address_holds_what_is_set(run):
    script = """
    const parts = ["#x", "#by", "#q"].map(id => one(id).value);
    const same = () => JSON.stringify([names(), one("#panel h2").textContent, ...parts]);
    return [same(), location.hash];"""
    changed = run(f"""
    put("x", "params", "change"); put("by", "method", "change"); put("q", "random"); one("#rows button").click();
    {script}""")
    assert run(script, changed[1])[0] == changed[0]


def test_the_legend_hides_what_is_pressed(run, numbers):
    dense = sum(net["kind"] == "dense" for net in numbers["studies"][0]["nets"])
    found = run("""
    const before = all(".net").length, button = all("#legend button")[0]; button.click();
    return [before - all(".net").length, all("#legend button")[0].getAttribute("aria-pressed")];""")
    assert found == [dense, "false"]


def test_the_chart_is_one_stop_and_arrow_keys_walk_it(run):
    found = run("""
    const stops = () => all(".net").filter(mark => mark.tabIndex === 0).length;
    all(".net")[0].focus(); press(document.activeElement, "ArrowRight");
    const name = document.activeElement.getAttribute("aria-label"), tip = one("#tip").textContent;
    press(document.activeElement, "Enter");
    const kept = document.activeElement.getAttribute("aria-label") === name;
    return [stops(), name, tip, one("#panel h2").textContent, kept];""")
    stops, name, tip, heading, kept = found
    assert stops == 1 and name.startswith(heading) and heading in tip and kept


def test_the_panel_tells_why_and_its_yaml_makes_the_net(run, numbers):
    found = run("""
    const made = []; for (const button of all("#rows button")) { button.click();
      made.push(["h2", "dl", "pre", "pre + pre"].map(part => one("#panel " + part).textContent)); }
    return made;""", "#drop=&study=quantized")  # fmt: skip
    nets = {net["name"]: net for net in numbers["studies"][4]["nets"]}
    assert len(found) == len(nets)
    for name, told, text, command in found:
        assert nets[name]["faster"]["why"] in told
        assert nets[name]["node"] in grid.build(yaml.safe_load(text)).jobs
        assert command == f"snakemake 'results/models/{nets[name]['node']}/record.json' --cores all"


def test_two_pinned_nets_are_compared(run, numbers):
    study = numbers["studies"][0]
    one, other = study["nets"][0], study["nets"][4]
    found = run("""
    all("#rows button")[0].click(); all("#panel button")[0].click();
    all("#rows button")[4].click(); all("#panel button")[1].click();
    const apart = all("#pins tbody tr").map(row => row.cells[3].textContent);
    return [one("#pins").hidden, one("#pins").textContent, apart];""", "#drop=")  # fmt: skip
    hidden, text, apart = found
    assert not hidden and one["name"] in text and other["name"] in text
    assert apart[0] == f"A − B = {one['top1']['value'] - other['top1']['value']:.2f}".replace("-", "−")


def test_the_table_is_sorted_and_saved_as_it_is_shown(run, numbers):
    study = numbers["studies"][0]
    found = run("""
    let text; URL.createObjectURL = blob => { text = blob.text(); return "data:,"; };
    const head = all("#head button").find(button => button.textContent.startsWith("Zipped")); head.click();
    one("#csv").click();
    return [names(), await text, one("th[aria-sort=ascending]").textContent];""", "#drop=")  # fmt: skip
    names, text, heading = found
    rows = list(csv.DictReader(io.StringIO(text)))
    assert names == [row["Net"] for row in rows] and heading == "Zipped (MiB)"
    by_variant = {net["variant"]: net for net in study["nets"]}
    exact = [by_variant[row["variant"]]["zipped_bytes"]["value"] / 2**20 for row in rows]
    assert [float(row["Zipped (MiB)"]) for row in rows] == exact == sorted(exact) and len(rows) == len(study["nets"])
    assert [float(row["Top-1 (%)"]) for row in rows] == [by_variant[row["variant"]]["top1"]["value"] for row in rows]


def test_columns_are_hidden_and_every_control_has_a_label(run):
    found = run("""
    one("#columns input").click();
    const bare = all("input, select").filter(each => !each.labels.length).map(each => each.id);
    const silent = all("button").filter(each => !each.textContent.trim()).length;
    return [all("#head th").map(head => head.textContent), bare, silent];""")
    assert "Training" not in found[0] and found[1:] == [[], 0]


def test_another_run_is_compared_as_the_command_does(run, written, numbers, tmp_path):
    from espalier.analysis import two_runs

    there = json.loads(json.dumps(numbers))
    net = there["studies"][0]["nets"][3]
    net["top1"]["seeds"] = {seed: value + 1 + int(seed) for seed, value in net["top1"]["seeds"].items()}
    script = f"""
    drop({json.dumps(json.dumps(there))});
    await wait(); await wait();
    const rows = all("#other_rows tbody tr").map(row => [...row.cells].map(cell => cell.textContent));
    return [rows, one("#other_rows p").textContent];"""
    rows, words = run(script)
    (pair,) = [pair for pair in next(two_runs.studies(numbers, there)).pairs if pair.differs]
    assert [row[0] for row in rows] == [net["name"]]
    # 1 and 2 points: 1.50, sd 0.71, two seeds: 0.50
    assert rows[0][3] == f"+{pair.comparison.difference:.2f} ± {pair.standard_error:.2f}" == "+1.50 ± 0.50"
    assert "Times are not compared" not in words
    _, words = run(script.replace("made up", "another"))
    assert "Times are not compared" in words


def test_a_file_that_is_no_run_is_refused(run):
    found = run("""
    drop('{"a": 1}');
    await wait(); await wait(); return one("#other_says").textContent;""")
    assert "cannot be read" in found


def test_a_thousand_nets_are_small_and_drawn_fast(numbers, tmp_path):
    """Fast: in a few times what the browser takes for a plain table of these rows."""
    many = json.loads(json.dumps(numbers))
    study = many["studies"][0]
    study["nets"] = [
        net | {"variant": f"{net['variant']}{i}", "name": f"{net['name']} {i}"}
        for i in range(40)
        for net in study["nets"]
    ]
    large = tmp_path / "choose.html"
    large.write_text(page.page(many), encoding="utf-8")
    assert len(study["nets"]) > 1000 and large.stat().st_size < 10 * 2**20
    script = """
    const began = performance.now(); put("drop", 5); document.body.offsetHeight;
    const drawn = performance.now(), rows = all("#rows tr"), plain = document.createElement("table");
    plain.innerHTML = rows.map(row => row.outerHTML).join(""); document.body.append(plain); plain.offsetHeight;
    return [rows.length, (drawn - began) / (performance.now() - drawn)];"""
    rows, times = a_browser.run(large, HELP + script)
    assert rows > 500 and times < 20  # three times, as measured


def test_the_made_up_run_is_what_these_tests_take_it_for(numbers):
    planned, folder = made_up.run()
    assert [len(view.nets) for view in view_of_run(folder, planned.studies).studies.values()] == [
        len(study["nets"]) for study in numbers["studies"]
    ]
