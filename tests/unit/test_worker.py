"""Warm workers: jobs run in a child of a process that has imported what they need, as they would by themselves.

Each test starts real processes: an owner, in the place of Snakemake, and scripts, in the place of jobs. The worker is
that of the report, whose framework, pandas, is the quickest to import.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from project import heed_interrupts

import espalier
from espalier.run.warm_workers import OWNER

LIBRARY = Path(espalier.__file__).parents[1]
HEAD = f"import sys; sys.path.append({str(LIBRARY)!r})\nfrom espalier.run.warm_workers import run_in_worker\n"
IN_WORKER = HEAD + "run_in_worker('report', 1)\nimport os, sys\n"


def ends(condition, seconds=20):
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
    return True


def state(process):
    """The state of a process, as ps says it: S sleeps, T is stopped, Z has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def is_alive(process):
    return state(process) != "Z"


class Run:
    """A run of Snakemake: its process, and the jobs that it starts."""

    def __init__(self, tmp_path):
        self.folder = tmp_path
        self.owner = subprocess.Popen(["sleep", "300"])
        self.sockets = Path(tempfile.gettempdir()) / f"espalier-{os.getuid()}-{self.owner.pid}"

    def start(self, script, **options):
        """A job that runs this script."""
        path = self.folder / f"{len(list(self.folder.iterdir()))}.py"
        path.write_text(script)
        environment = os.environ | {OWNER: str(self.owner.pid)} | options.pop("environment", {})
        return subprocess.Popen(
            [sys.executable, path],
            preexec_fn=heed_interrupts,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def result(self, script, **options):
        """What a job writes, and how it ends."""
        job = self.start(script, **options)
        out, err = job.communicate(timeout=60)
        return out, err, job.returncode

    def end(self):
        self.owner.kill()
        self.owner.wait()


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    run.end()
    ends(lambda: not run.sockets.exists())  # workers end with their Snakemake, and leave nothing


PARENT_AND_LOADED = IN_WORKER + "print(os.getppid(), 'pandas' in sys.modules, os.getpid())"


def test_jobs_are_children_of_one_worker_that_has_imported_what_they_need(run):
    jobs = [run.start(PARENT_AND_LOADED) for _ in range(3)]
    said = [job.communicate(timeout=60)[0].split() for job in jobs]
    parents = {parent for parent, _, _ in said}
    assert len(parents) == 1 and not parents & {str(job.pid) for job in jobs} and int(parents.pop()) != os.getpid()
    assert all(loaded == "True" for _, loaded, _ in said)
    assert len({process for _, _, process in said}) == 3
    assert all(job.returncode == 0 for job in jobs)


def test_a_job_has_the_environment_folder_and_streams_of_its_process_and_ends_like_its_script(run, tmp_path):
    script = IN_WORKER + (
        "print(os.environ['COLOUR'], os.getcwd(), sys.argv, __name__)\nprint('to stderr', file=sys.stderr)\nsys.exit(3)"
    )
    (tmp_path / "here").mkdir()
    for colour in ("red", "blue"):
        out, err, code = run.result(script, cwd=tmp_path / "here", environment={"COLOUR": colour})
        assert out.startswith(f"{colour} {tmp_path / 'here'} ['{tmp_path}") and out.endswith("__main__\n")
        assert (err, code) == ("to stderr\n", 3)
    out, err, code = run.result(IN_WORKER + "raise ValueError('broken')")
    assert code == 1 and err.endswith("ValueError: broken\n")


def test_what_a_job_imports_and_sets_no_other_job_sees(run):
    assert run.result(IN_WORKER + "os.environ['LEFT'] = 'x'; import colorsys; os.chdir('/')")[2] == 0
    out, _, _ = run.result(IN_WORKER + "print('LEFT' in os.environ, 'colorsys' in sys.modules, os.getcwd() == '/')")
    assert out == "False False False\n"


def test_an_edit_of_the_library_after_the_worker_has_started_is_seen(run, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", LIBRARY, copy], check=True)
    script = IN_WORKER.replace(str(LIBRARY), str(copy)) + "from espalier.run.files import NEW; print(NEW)"
    assert run.result(script)[2] == 1
    files = copy / "espalier" / "run" / "files.py"
    files.write_text(files.read_text() + "\nNEW = 'edited'\n")
    assert run.result(script)[0] == "edited\n"


SLEEPS = IN_WORKER + "print(os.getpid(), os.getppid(), flush=True)\nimport time; time.sleep(100)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_process_reaches_the_child_and_both_end(run, number):
    job = run.start(SLEEPS)
    child, _ = map(int, job.stdout.readline().split())
    job.send_signal(number)
    job.communicate(timeout=20)
    assert job.returncode == -number and not is_alive(child)


def test_a_child_can_tidy_up_on_a_signal(run):
    script = IN_WORKER + (
        "import time\ntry:\n  print('begun', flush=True)\n  time.sleep(100)\nexcept KeyboardInterrupt:\n  print('tidy')"
    )
    job = run.start(script)
    job.stdout.readline()
    job.send_signal(signal.SIGINT)
    assert job.communicate(timeout=20)[0] == "tidy\n" and job.returncode == 0


def test_a_killed_process_leaves_no_child(run):
    job = run.start(SLEEPS)
    child, _ = map(int, job.stdout.readline().split())
    job.kill()
    job.wait()
    assert ends(lambda: not is_alive(child))


def test_a_killed_worker_fails_its_jobs_and_leaves_no_child_and_the_next_job_starts_another(run):
    job = run.start(SLEEPS)
    child, worker = map(int, job.stdout.readline().split())
    os.kill(worker, signal.SIGKILL)
    job.communicate(timeout=20)
    assert job.returncode == 1 and ends(lambda: not is_alive(child))
    out, _, code = run.result(PARENT_AND_LOADED)
    assert code == 0 and out.split()[0] != str(worker) and out.split()[1] == "True"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_a_signal_ends_ends_its_process_likewise_and_is_not_run_again(run, tmp_path, number):
    script = f"print('ran', file=open({str(tmp_path / 'ran')!r}, 'a'), flush=True); os.kill(os.getpid(), {int(number)})"
    assert run.result(IN_WORKER + script) == ("", "", -number)
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_a_module_in_the_folder_that_snakemake_was_started_in_hides_no_other(run, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "numbers.py").write_text("raise SystemExit('not this one')")
    out, _, code = run.result(IN_WORKER + "import numbers; print(numbers.Number.__name__)", cwd=tmp_path / "here")
    assert (out, code) == ("Number\n", 0)


def test_a_process_that_is_stopped_stops_its_child(run):
    job = run.start(SLEEPS)
    child, _ = map(int, job.stdout.readline().split())
    job.send_signal(signal.SIGTSTP)
    ends(lambda: state(child) == "T" and state(job.pid) == "T")
    job.send_signal(signal.SIGCONT)
    ends(lambda: state(child) == "S" and state(job.pid) == "S")
    job.kill()


def test_the_memory_of_a_job_counts_what_it_has_in_common_with_its_worker(run):
    said = IN_WORKER + (
        "import pandas, matplotlib.figure, matplotlib.backends.backend_svg, scipy.special, re\n"
        "peak = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024\n"
        "print(peak, os.environ.get('ESPALIER_SHARED_MIB', 0))"
    )
    own, shared = map(float, run.result(said)[0].split())
    alone, none = map(float, run.result(said, environment={OWNER: ""})[0].split())
    assert none == 0 and own < 0.85 * alone
    assert own + shared == pytest.approx(alone, rel=0.15)


def test_a_worker_outlives_its_snakemake_only_until_its_jobs_have_ended(run):
    job = run.start(IN_WORKER + "print(os.getppid(), flush=True)\nsys.stdin.read()", stdin=subprocess.PIPE)
    worker = int(job.stdout.readline())
    run.end()
    time.sleep(1.5)
    assert is_alive(worker) and job.poll() is None
    job.communicate("", timeout=20)
    assert job.returncode == 0 and ends(lambda: not is_alive(worker))


@pytest.mark.parametrize("reason", ["nobody allows workers", "the folder is open to others", "the framework is broken"])
def test_without_a_worker_a_job_runs_by_itself(run, reason):
    script = IN_WORKER + "print(os.getpid())"
    environment = {}
    if reason == "nobody allows workers":
        environment = {OWNER: ""}
    elif reason == "the folder is open to others":
        run.sockets.mkdir(mode=0o755)
    else:
        script = script.replace("'report'", "'no_such_backend'")
    job = run.start(script, environment=environment)
    out, err = job.communicate(timeout=60)
    assert (out, job.returncode) == (f"{job.pid}\n", 0)
    assert bool(err) == (reason != "nobody allows workers")
    if reason == "the framework is broken":
        assert "no_such_backend" in err
        assert "no_such_backend" in run.result(script)[1]  # told again, and not tried again
    shutil.rmtree(run.sockets, ignore_errors=True)
