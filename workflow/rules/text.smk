# The config as text, before Snakemake reads it: what it cannot read, or reads in silence, is told with its place. What
# --configfile names Snakemake has read by now: of these only keys that are there twice are left to find.

from snakemake.exceptions import WorkflowError

from espalier.plan import text

DEFAULT = "config.yaml" if Path("config.yaml").exists() else REPOSITORY / "config.yaml"
ITS_OWN = [] if MODULE else workflow.overwrite_configfiles or [DEFAULT]

for file in ITS_OWN if workflow.is_main_process else []:
    try:
        text.check(file)
    except text.UnreadableConfig as error:
        raise WorkflowError(f"the config cannot be used: {error}") from None
