# When something failed: what, why, and how to report the rest.

import shlex
import time

from espalier.run import failures

BEGAN = time.time()  # when Snakemake read this


onerror:
    tell_failures()


def tell_failures():
    """List the jobs of this run that failed, with reason and log, and say how to report what is finished."""
    failed = failures.since(Path(RESULTS) / "logs", BEGAN)
    for words in failures.in_words(failed):
        logger.error(words)
    if failed:
        logger.error("The same command again does what is missing. A training goes on after its last epoch.")
    new = FULL is GRID or any({"figures", "tables"} & {*Path(failure.log).parts} for failure in failed)
    if failed and new and any(map(finished_node, FULL.jobs)):
        again = ("-F", "--forceall", "-f", "--force")  # what is finished is not computed again
        given = [word for word in sys.argv[1:] if word not in again and not word.startswith("only_finished=")]
        place = next((i + 1 for i, word in enumerate(given) if word in ("--config", "-C")), None)
        keys = ["only_finished=true"] if place else ["--config", "only_finished=true"]
        command = shlex.join(["snakemake", *given[:place], *keys, *given[place or len(given) :]])
        logger.error(f"What is finished is kept. To report it as it is, and what is missing:\n        {command}")


def finished_node(node):
    return Path(workflow.pathvars.apply(record_of(node))).exists()
