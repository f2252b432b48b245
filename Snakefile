# Espalier: results on neural-network compression, reproducible.
#
#   snakemake --cores all                          run config.yaml
#   snakemake --cores all --configfile FILE        run another config instead
#   snakemake --report results/report.html         put the results into one page
#   snakemake pages --cores all                    the results as Markdown pages with their figures, in results/pages
#   snakemake everything --cores all               run config.yaml, and make again what was deleted of it

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

if not workflow.overwrite_configfiles:  # a config given on the command line replaces the default, it does not add to it

    configfile: "config.yaml" if Path("config.yaml").exists() else Path(workflow.current_basedir) / "config.yaml"


report: "report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/nodes.smk"
include: "workflow/rules/steps.smk"
include: "workflow/rules/timing.smk"
include: "workflow/rules/latency.smk"


if not workflow.remote_exec:  # the report is made where Snakemake was started: a submitted job need not know of it

    include: "workflow/rules/items.smk"
    include: "workflow/rules/report.smk"

    rule all:
        default_target: True
        input:
            report_items(),

    rule pages:
        input:
            rules.write_pages.output,

    rule models:
        input:
            [model_of(node) for node in GRID.jobs],

    # What was deleted although everything that is made of it is there, `all` does not miss; this does.
    rule everything:
        input:
            report_items(),
            rules.collect_run.output,
            expand(rules.collect_records.output, study=STUDIES),
            rules.models.input,
            expand(rules.measure.output, node=GRID.jobs),
            [origin_of(model_of(node)) for node in GRID.jobs],
            expand(rules.prepare_dataset.output, dataset=GRID.datasets()),
            [file for study in STUDIES for file in latency_files(study)],
