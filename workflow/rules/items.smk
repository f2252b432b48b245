# The items of the report, its figures and tables: which there are, and what each is made of.

import functools
import json

from espalier.report import figures
from espalier.analysis import published
from espalier.plan.config import typed
from espalier.report import tables
from espalier.run.fingerprint import fingerprint
from espalier.analysis.labels import setup_line

# What the report is told of each study: not how its jobs are run, so that another number of threads redraws nothing.
RUN_BY = ("threads", "device", "memory_mb", "resources")
REPORTED = {n: sorted_keys({k: v for k, v in study.items() if k not in RUN_BY}) for n, study in STUDIES.items()}
# With `only_finished`, what is missing is a part of what the tables are made of.
for name in REPORTED:
    if rows := [row for row in UNFINISHED if row["study"] == name]:
        REPORTED[name]["unfinished"] = rows


def title_of_study(wildcards):
    return STUDIES[wildcards.study]["title"]


def item_of(kind, wildcards):
    """The register's entry of a figure or table."""
    return registry.get(registry.KINDS[kind], wildcards.item)


def labels_of_figure(wildcards):
    """What the report sorts a figure by."""
    return {"figure": item_of("figure", wildcards).title}


def labels_of_table(wildcards):
    return {"table": item_of("table", wildcards).title}


def caption_of_figure(wildcards):
    return item_of("figure", wildcards).caption


def caption_of_table(wildcards):
    return item_of("table", wildcards).caption


def reported_study(wildcards):
    return REPORTED[wildcards.study]


def reported_study_by_name(wildcards):
    """What a table is told of the studies that it is about: here of one."""
    return {wildcards.study: reported_study(wildcards)}


def setup_of_study(wildcards):
    return setup_line(STUDIES[wildcards.study])


def code_of_item(script, kind):
    """A params function: what a job that draws a figure or makes a table is covered by."""

    @with_signature
    def code(wildcards):
        methods = methods_of(*([wildcards.study] if "study" in wildcards.keys() else STUDIES))
        return code_of_job(SCRIPTS / f"{script}.py", uses=[(kind, wildcards.item, registry.ANY)], described=methods)

    return code


def methods_of(*studies):
    """The register's entries of what nets of these studies are pruned, scored and quantized by. What tables and figures
    say of a net depends on their fields: whether a prune type masks, which scope is the usual one."""
    kinds = ("prune_type", "score", "scheme")
    return {use for study in studies for job in GRID.of(study) for use in job.uses if use[0] in kinds}


def code_of_pages():
    """What the pages are covered by: they show every figure and table of a study by its title, and these tables."""
    kinds = {".svg": "figure", ".csv": "table"}
    shown = {(kinds[Path(path).suffix], Path(path).stem, registry.ANY) for path in files_of_pages()}
    tables = {("table", name, registry.ANY) for name in ("published", "environment", "reproduced")}
    return code_of_job(SCRIPTS / "write_pages.py", uses=shown | tables, described=methods_of(*STUDIES))


def figures_of_study(wildcards):
    """The figures of a study, which its page shows."""
    return [f"<results>/figures/{wildcards.study}/{item}.svg" for item in items_of(wildcards.study)["figures"]]


def words_of_figures(wildcards):
    """The title and the caption of each figure of a study, which its page shows."""
    entries = registry.entries(registry.FigureItem)
    return {name: [entries[name].title, entries[name].caption] for name in items_of(wildcards.study)["figures"]}


def titles_of_tables(wildcards):
    """The titles of a study's tables, which its page links."""
    entries = registry.entries(registry.TableItem)
    return {name: entries[name].title for name in items_of(wildcards.study)["tables"]}


def code_of_study_page(wildcards):
    """What the page of a study is covered by."""
    return code_of_job(SCRIPTS / "write_study.py", described=methods_of(wildcards.study))


def published_of_study(wildcards):
    """A digest of the published figures that a study is shown beside: part of what its tables and figures are made of."""
    return fingerprint(files=published.files(STUDIES[wildcards.study]["published"]))


def published_of_all():
    return fingerprint(files=[file for study in STUDIES.values() for file in published.files(study["published"])])


@functools.cache
def studies_with_shapes():
    """Backend -> the published studies that the run is compared with and whose nets it can count without training."""
    names = dict.fromkeys(study["published"] for study in STUDIES.values() if study["published"])
    found = {}
    for name in names:
        if shapes := published.get(name).shapes:
            found.setdefault(shapes.backend, []).append(name)
    return found


def counted_studies(wildcards):
    return studies_with_shapes()[wildcards.backend]


def files_of_shapes(wildcards):
    """Digest of the published files that say what the shapes are."""
    return fingerprint(
        files=[published.FOLDER / published.get(name).shapes.file for name in counted_studies(wildcards)]
    )


def code_of_counts(wildcards):
    """What the job that counts published nets is covered by."""
    backend, shapes = wildcards.backend, [published.get(name).shapes for name in counted_studies(wildcards)]
    uses = [("model", each.model, backend) for each in shapes]
    uses += [("prune_type", kind, backend) for each in shapes for kind in each.prune_types]
    return code_of_job(SCRIPTS / "count_published.py", [f"espalier.{backend}.published_counts"], uses)


def environment_of_counting(wildcards):
    return f"../../envs/{wildcards.backend}.yaml"


def execution_of_counting(wildcards, resources):
    """How that job is run."""
    return {"threads": 1, "library": LIBRARY}


def counts_of_run():
    """The counts of published nets, if there are any."""
    return [f"<results>/records/published_counts_{backend}.json" for backend in studies_with_shapes()]


def counts_of_table(wildcards):
    """The same for the table that shows them."""
    return counts_of_run() if wildcards.item == "reproduced" else []


@functools.cache
def items_of(study):
    """The figures and tables that a study gets, as they tell themselves."""
    rows, config = GRID.frame(study), STUDIES[study]
    items = {"figures": figures.names(rows, config), "tables": tables.names(rows, config)}
    return {kind: without_failed(names, kind, study) for kind, names in items.items()}


def without_failed(names, *folders):
    """With `only_finished`, those items of the report whose jobs did not fail."""
    logs = Path(RESULTS, "logs", *folders)
    return [name for name in names if FULL is GRID or not finished.failed(logs / f"{name}.log")]


def items_of_run():
    """The tables of the whole run, the overview first."""
    studies = [(GRID.frame(name), study) for name, study in STUDIES.items()]
    return without_failed(["overview", *tables.run_names(studies)], "tables")


def report_items():
    """Every figure and table of the report."""
    paths = []  # a list: of a generator Snakemake loses the first element
    for study in STUDIES:
        paths += [f"<results>/figures/{study}/{item}.svg" for item in items_of(study)["figures"]]
        paths += [f"<results>/tables/{study}/{item}.html" for item in items_of(study)["tables"]]
    paths += [f"<results>/studies/{study}.html" for study in without_failed(STUDIES, "studies")]
    return paths + [f"<results>/tables/{item}.html" for item in items_of_run()] + choose_items()


def choose_items():
    """The page that a net is chosen on; nothing, if it failed and `only_finished` is asked for."""
    return [f"<results>/{name}.html" for name in without_failed(["choose"])]


def benchmarks_of(kind):
    """The benchmark files of the figures or tables of all studies."""
    return [f"<results>/benchmarks/{kind}/{study}/{item}.tsv" for study in STUDIES for item in items_of(study)[kind]]


def timed_rules():
    """Rules that write no record -> the files with the time and memory of their jobs. These are `ancient`, since a redrawn
    figure is not a reason to make the table anew."""
    of_run = [name for name in items_of_run() if name not in ("overview", "runtime")]
    files = {
        "prepare_dataset": [f"<results>/data/{name}/timing.json" for name in GRID.datasets()],
        "collect_records": [f"<results>/benchmarks/records/{study}.tsv" for study in STUDIES],
        "collect_run": ["<results>/benchmarks/records.tsv"],
        "draw_figure": benchmarks_of("figures"),
        "make_table": benchmarks_of("tables"),
        "make_run_table": [f"<results>/benchmarks/tables/{name}.tsv" for name in of_run],
        "write_overview": [
            f"<results>/benchmarks/tables/overview.tsv" for name in items_of_run() if name == "overview"
        ],
    }
    return {name: [ancient(path) for path in paths] for name, paths in files.items()}


def files_of_pages():
    """What the pages of a run show and link: every figure, and every table of a study as CSV."""
    items = [Path(path) for path in report_items()]
    return [
        str(path if path.suffix == ".svg" else path.with_suffix(".csv"))
        for path in items
        if path.parent.name in STUDIES and path.parent.parent.name in ("figures", "tables")
    ]


def chains_of_run():
    """The chain of each node of a study's first seed, as a config lists it; of each seed, if nodes of the first may be
    missing."""
    first = {name: study["seeds"][0] for name, study in STUDIES.items()}
    jobs = [job for job in GRID.jobs.values() if UNFINISHED or job.seed == first[job.study]]
    return {job.node: sorted_keys(GRID.chain(job.node)) for job in jobs}


def folder_of_results(wildcards):
    """Where the results are, as a user names them: elsewhere than the files of a job, if these are in remote storage."""
    return RESULTS


def config_beside_studies():
    """What the config of a net needs beside its study."""
    return {"plugins": FULL.config["plugins"]} if FULL.config.get("plugins") else {}


def studies_as_given():
    """The studies that a config names in other words than the checked one does: those of a net of the user's own."""
    given = {name: sorted_keys(door.as_given(study)) for name, study in REPORTED.items()}
    return {name: study for name, study in given.items() if study != REPORTED[name]}


def config_as_given():
    """The checked config, to be run again."""
    return FULL.config | {"studies": {name: door.as_given(study) for name, study in FULL.config["studies"].items()}}


def command_of_choice(wildcards, resources):
    """The command that computes a net. Another one, on another device for example, is no reason to write the page again: it
    is a param that Snakemake does not compare."""
    return command_of_run("TARGET")


def command_of_run(target):
    """The command that computes a target of this run: the config, and the keys that were given beside it. Of a module: by
    the config that the pages have."""
    if MODULE:
        return f"snakemake {target} --cores all --configfile config.yaml"
    keys = [
        f"'{key}={json.dumps(typed(value) if isinstance(value, list | dict) else value)}'"
        for key, value in workflow.config_settings.config.items()
        if key != "data_root"
    ]
    parts = [f"snakemake {target} --cores all", *(f"--configfile {file}" for file in configs_given())]
    return " ".join([*parts, *(["--config", *keys] if keys else [])])


def latency_of_study(wildcards):
    return latency_files(wildcards.study)


def records_of_study(wildcards):
    return [record_of(job.node) for job in GRID.of(wildcards.study)]


def predictions_of_study(wildcards):
    return [predictions_of(job.node) for job in GRID.of(wildcards.study)]


def manifest_of_study(wildcards):
    return [f"{dataset_of(wildcards.study)}/manifest.json"]


def number_of_records(wildcards):
    return len(GRID.of(wildcards.study))
