"""What the terminal says: Snakemake's records go in, lines come out."""

import io
import logging

import pytest
from a_clock import Clock

from espalier.run import terminal
from espalier.run.expected import Planned, Progress, Times

JOBS = {1: Planned("train", "a", "t"), 2: Planned("measure", "a", "t"), 3: Planned("prune", "a", "p")}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(clock):
    """run(dry=False): the logger and what it has written; the training takes 100 s, the pruning 10 s."""

    def make(dry: bool = False) -> tuple[logging.Logger, io.StringIO]:
        logger, written = logging.Logger("snakemake"), io.StringIO()
        before = logging.StreamHandler(written)
        before.name = "DefaultStreamHandler"
        logger.addHandler(before)

        def progress() -> Progress:
            return Progress(JOBS, {}, Times(nodes={"t": 100.0, "p": 10.0}), clock=clock)

        terminal.install(logger, terminal.Run(lambda: dry, progress, lambda: "Choose a net: choose.html"))
        logger.info("Job stats", extra={"event": "run_info", "stats": {}})
        return logger, written

    return make


def say(logger, written, event, number=None, message="words", level=logging.INFO):
    """What is written of a record."""
    before = len(written.getvalue())
    extra = {"event": event, "jobid": number, "job_id": number, "rule_msg": message, "rule_name": "train", "log": []}
    logger.log(level, message, extra=extra)
    return written.getvalue()[before:]


def test_a_job_has_a_line_with_the_share_and_the_time_that_is_left(run, clock):
    logger, written = run()
    line = say(logger, written, "job_info", 1, "training mlp, seed 0")
    assert line.count("\n") == 1 and "training mlp, seed 0" in line and "  0 %" in line and "1.8 min left" in line
    clock.now = 100.0
    assert "training mlp, seed 0" in say(logger, written, "job_finished", 1)  # it was a long one
    assert "90 %" in say(logger, written, "job_info", 3, "pruning")
    clock.now = 110.0
    assert say(logger, written, "job_finished", 3) == ""


def test_what_takes_no_time_and_what_snakemake_says_of_itself_has_no_line(run):
    logger, written = run()
    assert say(logger, written, "job_info", 2) == ""
    for event in ("job_started", "progress", "resources_info", "workflow_started"):
        assert say(logger, written, event) == ""
    assert say(logger, written, None, message="Select jobs to execute...") == ""
    assert say(logger, written, None, message="a notice of the workflow") == "a notice of the workflow\n"


def test_warnings_and_errors_are_said_whatever_they_are(run):
    logger, written = run()
    assert "Adding to it" in say(logger, written, None, message="Adding to it", level=logging.WARNING)
    say(logger, written, "job_info", 1, "training mlp")
    failed = say(logger, written, "job_error", 1, level=logging.ERROR)
    assert "training mlp" in failed and failed.count("\n") == 1
    assert "broken" in say(logger, written, "error", message="broken", level=logging.ERROR)
    script = 'RuleException:\nCalledProcessError in file "steps.smk", line 4:\nCommand ... returned 1.'
    assert say(logger, written, "error", message=script, level=logging.ERROR) == ""  # which it has said itself


def test_when_there_is_nothing_to_do_the_results_are_named(run):
    logger, written = run()
    assert "choose.html" in say(logger, written, None, message="Nothing to be done (all is there).")


def test_a_dry_run_has_snakemakes_words_and_how_long_it_would_take(run):
    logger, written = run(dry=True)
    assert written.getvalue().startswith("Job stats\n") and "1.8 min" in written.getvalue()
    assert say(logger, written, "job_info", 1, "as ever") == "as ever\n"


def test_the_handler_of_a_plugin_stays():
    logger = logging.Logger("snakemake")
    theirs = logging.NullHandler()
    logger.addHandler(theirs)
    assert terminal.install(logger, terminal.Run(lambda: False, Progress, str)) is None and logger.handlers == [theirs]
