# Espalier: results on neural-network compression, reproducible.
#
#   snakemake --cores all                          run config.yaml
#   snakemake --cores all --configfile FILE        run another config instead
#   snakemake --report results/report.html         put the results into one page
#   snakemake pages --cores all                    the results as Markdown pages with their figures, in results/pages
#   snakemake everything --cores all               run config.yaml, and make again what was deleted of it


include: "workflow/Snakefile"


if not MODULE:
    workflow.default_target = "all"  # which Snakemake forgets of a file that is included
