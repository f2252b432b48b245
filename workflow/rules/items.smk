# The items of the report, its figures and tables: which there are, and what each is made of.

import functools
import json

from espalier.report import figures
from espalier.analysis import published
from espalier.report import tables
from espalier.run.fingerprint import fingerprint
from espalier.analysis.labels import setup_line

# What the report is told of each study: not how its jobs are run, so that another number of threads redraws nothing.
RUN_BY = ("threads", "device", "memory_mb", "resources")
REPORTED = {n: sorted_keys({k: v for k, v in study.items() if k not in RUN_BY}) for n, study in STUDIES.items()}


def predictions_of_study(wildcards):
    return [predictions_of(job.node) for job in GRID.of(wildcards.study)]


def manifest_of_study(wildcards):
    return [f"{dataset_of(wildcards.study)}/manifest.json"]


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
    """What the pages are covered by: they show every figure and table of a study by its title, and these two tables."""
    kinds = {".svg": "figure", ".csv": "table"}
    shown = {(kinds[Path(path).suffix], Path(path).stem, registry.ANY) for path in files_of_pages()}
    tables = {("table", name, registry.ANY) for name in ("published", "environment")}
    return code_of_job(SCRIPTS / "write_pages.py", uses=shown | tables, described=methods_of(*STUDIES))


def published_of_study(wildcards):
    """A digest of the published figures that a study is shown beside: part of what its tables and figures are made of."""
    return fingerprint(files=published.files(STUDIES[wildcards.study]["published"]))


def published_of_all():
    return fingerprint(files=[file for study in STUDIES.values() for file in published.files(study["published"])])


@functools.cache
def items_of(study):
    """The figures and tables that a study gets, as they tell themselves."""
    rows, config = GRID.frame(study), STUDIES[study]
    return {"figures": figures.names(rows, config), "tables": tables.names(rows, config)}


def report_items():
    """Every figure and table of the report."""
    paths = []  # a list: of a generator Snakemake loses the first element
    for study in STUDIES:
        paths += [f"<results>/figures/{study}/{item}.svg" for item in items_of(study)["figures"]]
        paths += [f"<results>/tables/{study}/{item}.html" for item in items_of(study)["tables"]]
    return paths + [f"<results>/tables/{item}.html" for item in ("overview", *tables.run_names())]


def benchmarks_of(kind):
    """The benchmark files of the figures or tables of all studies."""
    return [f"<results>/benchmarks/{kind}/{study}/{item}.tsv" for study in STUDIES for item in items_of(study)[kind]]


def timed_rules():
    """Rules that write no record -> the files with the time and memory of their jobs. These are `ancient`, since a redrawn
    figure is not a reason to make the table anew."""
    of_run = [name for name in tables.run_names() if name != "runtime"]
    files = {
        "prepare_dataset": [f"<results>/data/{name}/timing.json" for name in GRID.datasets()],
        "collect_records": [f"<results>/benchmarks/records/{study}.tsv" for study in STUDIES],
        "collect_run": ["<results>/benchmarks/records.tsv"],
        "draw_figure": benchmarks_of("figures"),
        "make_table": benchmarks_of("tables"),
        "make_run_table": [f"<results>/benchmarks/tables/{name}.tsv" for name in of_run],
        "write_overview": ["<results>/benchmarks/tables/overview.tsv"],
    }
    return {name: [ancient(path) for path in paths] for name, paths in files.items()}


def files_of_pages():
    """What the pages of a run show and link: every figure, and every table of a study as CSV."""
    items = [Path(path) for path in report_items()]
    return [
        str(path if path.suffix == ".svg" else path.with_suffix(".csv"))
        for path in items
        if path.parent.name in STUDIES
    ]


def command_of_run():
    """The command that computes this run: the config by its path from here, or by its name if it is elsewhere, and the
    keys that were given beside it."""
    given = [Path(file) for file in workflow.overwrite_configfiles]
    files = [file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file.name for file in given]
    keys = [
        f"'{key}={json.dumps(typed(value) if isinstance(value, list) else value)}'"
        for key, value in workflow.config_settings.config.items()
        if key != "data_root"
    ]
    parts = ["snakemake pages --cores all", *(f"--configfile {file}" for file in files)]
    return " ".join([*parts, *(["--config", *keys] if keys else [])])
