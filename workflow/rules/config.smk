# The checked config and its grid, one row for each job.

import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from espalier import datasets, plugins, registry
from espalier.plan import door, doubts, grid
from espalier.run.code import stamp
from espalier.plan.config import ConfigError, with_numbers
from espalier.run import finished, locks, warm_workers

if not MODULE and workflow.is_main_process and locks.take_over(Path(".snakemake").absolute()):
    logger.info("removed the lock of a run that was killed on this machine")


BY_ITSELF = (100, 1)  # the most jobs in a number of seconds, which Snakemake sets if nobody does


def limit_of_jobs():
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    return (limit.max_jobs, limit.timespan) if limit else None


onstart:
    if workflow.non_local_exec:
        locks.jobs_run_elsewhere(Path(".snakemake").absolute())
    elif limit_of_jobs() == BY_ITSELF:
        # With this limit Snakemake 9 looks for work again after each second, once more for every job that has ended. Jobs on
        # this machine are limited by its cores.
        workflow.scheduler.job_rate_limiter = None


def only_submitted(config):
    """On a node of a cluster: the config with the studies of the submitted jobs alone. The others are checked and laid out
    where Snakemake was started."""
    targets = [re.match(r"\w+:(?:.*,)?(?:node|study)=(\w+)", word) for word in sys.argv]
    mine = {target[1] for target in targets if target} & set(config.get("studies", ()))
    if WHOLE or not mine:
        return config
    return config | {"run": "all", "studies": {name: config["studies"][name] for name in sorted(mine)}}


def place_of_config():
    """Where the config is from, for messages."""
    return f"of module {MODULE}" if MODULE else f"({', '.join(map(str, workflow.configfiles))})"


def configs_given():
    """The files given by --configfile: each by its path from here, or by its name if it is elsewhere."""
    files = [Path(file) for file in workflow.overwrite_configfiles]
    return [str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else file.name for file in files]


def hint_of_merging():
    """What to do about a config that was meant to change some keys of the default one."""
    if MODULE or "studies" in config or not workflow.overwrite_configfiles:
        return ""
    return (
        "\n  A config given by --configfile replaces config.yaml. To change some keys of config.yaml, name both, the "
        f"changes last: --configfile config.yaml {' '.join(configs_given())}"
    )


try:
    given = with_numbers(config, workflow.config_settings.config)
    places = [Path(file).absolute().parent for file in reversed(workflow.configfiles)]
    plugins.load(plugins.find(plugins.named_in(given), [*places, Path.cwd()]))  # before names are looked up
    FULL = grid.build(only_submitted(given), places)
except (ConfigError, plugins.PluginError) as error:
    raise WorkflowError(f"in the config {place_of_config()}: {error}{hint_of_merging()}") from None

if FULL.config.pop("warm_workers"):  # how jobs are run, and nothing that they or the report need to know
    warm_workers.allow()
else:
    warm_workers.forbid()

IMAGE = FULL.config.pop("container")  # likewise

if IMAGE:

    container: IMAGE


RESULTS = workflow.pathvars.apply("<results>")
GRID, UNFINISHED = finished.only(FULL, Path(RESULTS)) if FULL.config.pop("only_finished", False) else (FULL, [])
if not GRID.jobs:
    raise WorkflowError(f"only_finished: no result is finished in {RESULTS}; run without only_finished first")
for doubt in doubts.doubts(FULL) if workflow.is_main_process else ():
    logger.warning(doubt)

STUDIES = GRID.studies
LIBRARY = stamp()
try:
    DATA_ROOT = datasets.data_root(GRID.config["data_root"])
except ValueError as error:
    raise WorkflowError(f"data_root: {error}") from None
