"""Warm workers, as a job sees them: a process that has imported a framework, and forks a child for each job.

PyTorch or TensorFlow takes two to three seconds to import, longer than many jobs take to do their work. So the first
job of a run that wants a framework starts a worker: a process that imports the framework and then waits. This job and
those after it send the worker their script; the worker forks a child, which runs the script with the job's environment,
folder, output and error streams. To Snakemake the job is still the process that it started: this process waits for the
child, passes signals on to it, and ends as it ends.

A worker serves the jobs of one Snakemake process, one interpreter and one number of threads, on the CPU. It computes
nothing itself, and of this library it keeps only what is on disk as it was imported, so a job sees what it would see in
a process of its own. It ends soon after its Snakemake; where it cannot be started, a job imports the framework itself.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from espalier.run import locks
from espalier.run.threads import VARIABLES, use

OWNER = "ESPALIER_WORKERS_OF"  # environment variable: the process id of the Snakemake whose jobs share workers
SHARED = "ESPALIER_SHARED_MIB"  # environment variable: the memory of its worker that a job uses and does not count
LIBRARY = Path(__file__).resolve().parents[2]  # the folder that this library is imported from
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT)


def allow() -> None:
    """Let the jobs of this Snakemake process share workers, on Linux: elsewhere a process that has imported a framework
    cannot safely be forked."""
    if sys.platform == "linux":
        os.environ[OWNER] = str(os.getpid())
        atexit.register(shutil.rmtree, _place(), ignore_errors=True)


def forbid() -> None:
    """Let each job import its framework itself, here and in the processes that this one starts."""
    os.environ.pop(OWNER, None)


def run_in_worker(kind: str, threads: int, cores: int | None = None) -> None:
    """Have a warm worker run this process's script, and end as it ends.

    kind: whose `espalier.<kind>.preload` the worker imports. threads, cores: of the job (`threads.use`). Returns, for
    the script to go on by itself, where workers are not allowed (in a worker's child too), or none could be started.
    """
    if not os.environ.get(OWNER):
        return
    use(threads, cores)
    try:
        connection = _connected(kind)
        answers = connection.makefile()
        child = _child(connection, answers)
    except OSError as error:
        print(f"no worker for {kind} ({error}): this job imports what it needs itself", file=sys.stderr, flush=True)
        return
    _end_like(child, answers)


def _child(connection: socket.socket, answers: TextIO) -> int:
    """The process id of the child that runs this process's script. Raises OSError if the worker forks none."""
    request = {"script": sys.argv[0], "path": sys.path, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    request["library"] = str(LIBRARY)
    text = f"{json.dumps(request)}\n".encode()
    sent = socket.send_fds(connection, [text], [0, 1, 2])
    connection.sendall(text[sent:])
    answer = answers.readline()  # the worker has imported the framework now
    if not answer:
        raise ConnectionError("it could not start the job")
    return int(answer)


def _end_like(child: int, answers: TextIO) -> NoReturn:
    """Wait for the child, passing signals on to it, and end as it ends. Without its worker it is killed: nobody would
    learn how it ended, and it must not write when the job is tried again."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    def stop(number: int, frame: FrameType | None) -> None:
        pass_on(signal.SIGSTOP, frame)  # SIGTSTP does nothing to processes that no terminal controls
        os.kill(os.getpid(), signal.SIGSTOP)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.signal(signal.SIGTSTP, stop)
    status = answers.readline()
    if not status:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        print("error: the worker that ran this job was killed", file=sys.stderr, flush=True)
        os._exit(1)
    code = int(status)
    if code < 0:  # as a process that was killed by a signal
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _connected(kind: str) -> socket.socket:
    """A connection to the worker of this kind, which is started if there is none."""
    folder = _folder()
    address = folder / f"{_key(kind)}.socket"
    connection = socket.socket(socket.AF_UNIX)
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of jobs that begin together one starts the worker
            try:
                connection.connect(str(address))
            except (FileNotFoundError, ConnectionRefusedError):
                _start(kind, address)
                connection.connect(str(address))
    except BaseException:
        connection.close()
        raise
    return connection


def _folder() -> Path:
    """The folder of the workers' sockets, which no other user can open."""
    folder = _place()
    folder.mkdir(mode=0o700, exist_ok=True)
    of_folder = folder.stat(follow_symlinks=False)
    if of_folder.st_uid != os.getuid() or of_folder.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _place() -> Path:
    return Path(tempfile.gettempdir()) / f"espalier-{os.getuid()}-{os.environ[OWNER]}"


def _key(kind: str) -> str:
    """What a worker's jobs have in common: framework, interpreter and number of threads."""
    python = Path(sys.executable).stat()
    common = [kind, sys.executable, python.st_dev, python.st_ino, *(os.environ.get(name) for name in VARIABLES)]
    return f"{kind}-{hashlib.sha256(repr(common).encode()).hexdigest()[:12]}"


def _start(kind: str, address: Path) -> None:
    """Start the worker and wait until its socket is there; it imports afterwards.

    Raises OSError if one has failed, here or earlier, with the last line that it wrote.
    """
    log = address.with_suffix(".log")
    if log.exists() and not address.exists():
        raise OSError(_last_line(log))
    address.unlink(missing_ok=True)
    code = f"import sys; sys.path.append({str(LIBRARY)!r}); from espalier.run.worker import serve; serve({kind!r})"
    # Of this process, but for the sign by which a killed run's lock is known to have jobs: a worker is none.
    environment = {name: value for name, value in os.environ.items() if name != locks.MARK}
    with log.open("w") as output:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(address)],  # -P: not with the modules of the folder it is started in
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,  # Control-C in the terminal is for the jobs
        )
    while not address.exists():
        if worker.poll() is not None:
            raise OSError(_last_line(log))
        time.sleep(0.005)


def _last_line(log: Path) -> str:
    """Why a worker has failed: the last line of its log."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it ended at once")
