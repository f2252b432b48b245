"""What every rule's script begins with: its output in the log, its time in the record, its errors in one line."""

import gc
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Params, ResourceList

from espalier.run import failures
from espalier.run.shim import RunningJob, uncollected

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"

PROGRAM = """
import json, os, sys, time
from types import SimpleNamespace
from espalier.run.shim import job

nothing = dict.fromkeys(["input", "output", "wildcards"])
code = {"uses": [["model", "mlp", "keras"]]}
snakemake = SimpleNamespace(params={"code": code}, resources={}, threads=3, log=sys.argv[1], **nothing)
with job(snakemake) as this:
    print("to the log", os.environ["OMP_NUM_THREADS"])
    os.system("echo from another process")
    with this.timed("work"):
        time.sleep(0.1)
    print(json.dumps(this.timing()))
    {body}
"""


@pytest.fixture
def run(tmp_path):
    """run(body): the finished process of a script with that body, and its log."""

    def finished(body="pass"):
        log = tmp_path / "logs" / "job.log"
        command = [sys.executable, "-c", PROGRAM.replace("{body}", body), str(log)]
        return subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True), log

    return finished


def test_output_goes_into_the_log_that_of_other_processes_too(run):
    done, log = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text().splitlines()[:2] == ["to the log 3", "from another process"]


def test_the_log_of_a_training_that_goes_on_keeps_what_was_before(run):
    killed = "this.checkpoint.mkdir(parents=True); print('epoch 1', flush=True); os.kill(os.getpid(), 9)"
    assert run(killed)[0].returncode == -9
    _, log = run("print('epoch 2'); this.forget_checkpoint()")
    assert [line for line in log.read_text().splitlines() if "epoch" in line] == ["epoch 1", "epoch 2"]
    _, log = run("print('epoch 1')")  # a training that starts from its beginning
    assert [line for line in log.read_text().splitlines() if "epoch" in line] == ["epoch 1"]


def test_a_note_next_to_the_log_says_why_a_job_failed_until_it_succeeds(run):
    _, log = run("raise ValueError('no such file')")
    assert failures.read(log).reason == "no such file" and not failures.read(log).killed
    run("os.kill(os.getpid(), 9)")
    assert failures.read(log).killed
    run()
    assert failures.read(log) is None


@pytest.mark.parametrize(
    ("params", "threads"),
    [
        ({}, 1),
        ({"execution": {"threads": 4}}, 4),
        ({"threads": 2}, 2),
        ({"execution": {"threads": 4}, "threads": 2}, 2),
    ],
)
def test_a_job_computes_with_the_threads_that_were_asked_for_however_few_cores_it_was_given(tmp_path, params, threads):
    job = job_of(tmp_path, "1f", **params)
    assert (job.threads, job.cores, job.timing()["threads"]) == (threads, 1, threads)


def test_time_is_counted_by_part_and_memory_at_its_peak(run):
    timing = json.loads(run()[1].read_text().splitlines()[2])
    assert timing["seconds"] >= timing["work_seconds"] >= 0.1
    assert timing["import_seconds"] == timing["evaluate_seconds"] == 0
    assert 5 < timing["peak_memory_mib"] < 5000


def test_garbage_is_collected_again_after_a_framework_that_fails_to_load():
    before = gc.get_freeze_count()
    with pytest.raises(ImportError), uncollected():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() and gc.get_freeze_count() > before
    gc.unfreeze()


@pytest.mark.parametrize(
    ("backend", "framework", "package"),
    [("pytorch", "torch", "onnxruntime"), ("keras", "tensorflow", "ai_edge_litert")],
)
def test_a_module_of_a_backend_starts_no_framework_and_says_what_it_runs_with(run, backend, framework, package):
    done, log = run(
        f"this.params = SimpleNamespace(backend={backend!r})\n"
        f"    this.module('latency')\n"
        f"    print(json.dumps([{framework!r} in sys.modules, this.software]))"
    )
    assert done.returncode == 0, log.read_text()
    loaded, said = json.loads(log.read_text().splitlines()[3])
    assert not loaded
    assert (said["device"], said[package]) == ("cpu", metadata.version(package))


def test_an_error_is_one_line_that_names_the_log_and_the_log_has_the_traceback(run):
    done, log = run("raise ValueError('the net is\\nnot there')")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[0] == "error: the net is"
    assert str(log) in done.stderr and "Traceback" not in done.stderr
    assert "Traceback" in log.read_text() and "not there" in log.read_text()


def test_a_job_reaches_the_registered_entries_that_its_code_declares_and_no_others(run):
    get = "from espalier import registry; registry.get(registry.Model, {!r}, {!r})"
    done, log = run(get.format("mlp", "keras"))
    assert done.returncode == 0, log.read_text()
    done, log = run(get.format("vgg16_bn", "pytorch"))
    assert done.returncode == 1 and "vgg16_bn" in done.stderr
    assert "NotDeclared" in log.read_text()


def job_of(tmp_path, code, **params):
    snakemake = SimpleNamespace(
        input=None, output=None, params=Params(fromdict={"code": {"digest": code}} | params), wildcards=None, threads=1,
        resources=ResourceList(), log=tmp_path / "prune~filter_wise~mean_abs~0.40.log",
    )  # fmt: skip
    return RunningJob(snakemake)


def test_the_backend_is_started_on_the_device_that_the_rule_names_else_on_the_cpu(tmp_path):
    assert job_of(tmp_path, "1f").device == "cpu"
    assert job_of(tmp_path, "1f", execution={"device": "auto"}).device == "auto"


def test_a_training_goes_on_only_under_the_code_that_began_it(tmp_path):
    assert job_of(tmp_path, "1f").checkpoint == job_of(tmp_path, "1f").checkpoint
    assert job_of(tmp_path, "1f").checkpoint != job_of(tmp_path, "2f").checkpoint


def test_a_training_goes_on_only_with_as_many_threads_and_on_the_device_that_it_began_with(tmp_path):
    one = job_of(tmp_path, "1f", execution={"threads": 1, "device": "cpu"}).checkpoint
    assert job_of(tmp_path, "1f", execution={"threads": 2, "device": "cpu"}).checkpoint != one
    assert job_of(tmp_path, "1f", execution={"threads": 1, "device": "cuda"}).checkpoint != one


def test_checkpoints_are_forgotten_when_the_training_is_done_those_of_older_code_too(tmp_path):
    old, new = job_of(tmp_path, "1f"), job_of(tmp_path, "2f")
    for one in (old, new):
        one.checkpoint.mkdir(parents=True)
    new.forget_checkpoint()
    assert not list(tmp_path.iterdir())
    new.forget_checkpoint()  # nothing to forget is no error
