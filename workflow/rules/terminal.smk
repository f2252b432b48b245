# What the terminal says while Snakemake runs, and in the end: the answer, and the page that it is on.

import csv

from espalier.run import expected, terminal


onsuccess:
    if answer := answer_of_run():
        logger.info(answer)


def planned_job(job):
    """A job of Snakemake's, by what tells how long it takes."""
    wildcards = job.wildcards_dict
    node = wildcards.get("node", "")
    study = GRID.jobs[node].study if node in GRID.jobs else wildcards.get("study", "")
    return expected.Planned(job.rule.name, study, node)


def progress_of_run():
    """The jobs that Snakemake has laid out, and how long they take."""
    dag = workflow.dag
    jobs = [job for job in dag.needrun_jobs(exclude_finished=False) if not job.is_norun]
    children = {dag.jobid(job): [dag.jobid(child) for child in dag.depending[job]] for job in jobs}
    if workflow.non_local_exec:
        lanes = workflow.resource_settings.nodes or 1
    else:
        lanes = (workflow.resource_settings.cores or 1) / max(study["threads"] for study in STUDIES.values())
    return expected.Progress(
        {dag.jobid(job): planned_job(job) for job in jobs},
        children,
        expected.known(GRID, Path(RESULTS)),
        lanes=max(min(lanes, len(jobs)), 1),
        learns=not workflow.non_local_exec,
    )


def answer_of_run():
    """The smallest and the fastest net of each study, and where to look further; "" if the run did not make that page."""
    if MODULE:
        return ""
    made = {file for job in workflow.dag.jobs for file in job.output}
    page, table = (workflow.pathvars.apply(f"<results>/{name}") for name in ("choose.html", "tables/studies.csv"))
    if page not in made or not Path(page).exists():
        return ""
    studies = []
    if table in made and Path(table).exists():
        with open(table, newline="", encoding="utf-8") as file:
            studies = list(csv.DictReader(file))
    return terminal.answer(studies, page)


def is_dry_run():
    """Whether Snakemake runs nothing. Not known while rules are read."""
    return workflow.dryrun


if workflow.is_main_process and not MODULE and not workflow.output_settings.verbose:
    terminal.install(logger, terminal.Run(is_dry_run, progress_of_run, answer_of_run))
