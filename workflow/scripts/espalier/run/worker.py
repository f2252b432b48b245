"""Warm workers: a process that has imported a framework, and forks a child for each job.

PyTorch or TensorFlow takes two to three seconds to import, longer than many jobs take to do their work. So the first
job of a run that wants a framework starts a worker: a process that imports the framework and then waits. This job and
those after it send the worker their script; the worker forks a child, which runs the script with the job's environment,
folder, output and error streams. To Snakemake the job is still the process that it started: this process waits for the
child, passes signals on to it, and ends as it ends.

A worker serves the jobs of one Snakemake process, one interpreter and one number of threads, on the CPU. It computes
nothing itself and forgets this library before a job runs, so a job sees what it would see in a process of its own. It
ends soon after its Snakemake; where it cannot be started, a job imports the framework itself.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import hashlib
import importlib
import json
import os
import resource
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from espalier.run import locks
from espalier.run.threads import VARIABLES, use

OWNER = "ESPALIER_WORKERS_OF"  # environment variable: the process id of the Snakemake whose jobs share workers
SHARED = "ESPALIER_SHARED_MIB"  # environment variable: the memory of its worker that a job uses and does not count
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
LARGEST = 2**20  # bytes of a request: a path, a folder, and an environment


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
    library = Path(__file__).parents[2]
    code = f"import sys; sys.path.append({str(library)!r}); from espalier.run.worker import serve; serve({kind!r})"
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


def serve(kind: str) -> None:
    """Be a worker: import the framework, then fork a child for each job that connects, until Snakemake has ended."""
    address, owner = Path(sys.argv[1]), int(os.environ[OWNER])

    def ended(number: int, frame: FrameType | None) -> NoReturn:
        address.with_suffix(".log").unlink(missing_ok=True)
        sys.exit(1)

    signal.signal(signal.SIGTERM, ended)  # so that it removes what it leaves
    script = None
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            unfinished = address.with_suffix(".new")
            listening.bind(str(unfinished))
            listening.listen(1024)
            unfinished.rename(address)  # it is there when it can be connected to
            gc.disable()
            importlib.import_module(f"espalier.{kind}.preload")
            gc.freeze()
            gc.enable()
            script = _Worker(listening, owner).next_script()
        if not script:
            address.with_suffix(".log").unlink()  # one that stays says why no other worker is to be started
    finally:
        if not script:
            _remove(address)
    if script:
        script.run()


def _remove(address: Path) -> None:
    """Remove what a worker leaves; the last one removes the folder."""
    address.unlink(missing_ok=True)
    with suppress(OSError):
        if not list(address.parent.glob("*.socket")):
            (address.parent / "lock").unlink(missing_ok=True)
            address.parent.rmdir()


class _Script:
    """The script of a job, in the child that is to run it."""

    def __init__(self, request: dict[str, Any], streams: list[int], shared: float) -> None:
        self.request, self.streams, self.shared = request, streams, shared

    def run(self) -> NoReturn:
        """Run the script as a process of its own would, and end this process."""
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(self.request["environment"])
        forbid()  # this process is what a worker gives
        os.environ[SHARED] = str(self.shared)
        os.chdir(self.request["folder"])
        sys.argv, sys.path[:] = [self.request["script"]], self.request["path"]
        for name in [name for name in sys.modules if name.partition(".")[0] == "espalier"]:
            del sys.modules[name]  # imported anew: it may have been edited since, which the job must see
        runpy.run_path(self.request["script"], run_name="__main__")
        sys.exit(0)


class _Worker:
    """The loop of a worker: connections come in, children end, Snakemake ends."""

    def __init__(self, listening: socket.socket, owner: int) -> None:
        self.listening, self.owner = listening, owner
        self.resident = resident_mib()
        self.children: dict[int, socket.socket] = {}  # process id -> the connection of its job
        self.selector = selectors.DefaultSelector()

    def next_script(self) -> _Script | None:
        """Fork children until Snakemake and all children have ended; in a child, its script."""
        self.selector.register(self.listening, selectors.EVENT_READ)
        with self._woken_by_children(), suppress(ProcessLookupError):
            owner = os.pidfd_open(self.owner)  # readable when the process has ended
            self.selector.register(owner, selectors.EVENT_READ)
            ended = False
            while self.children or not ended:
                for key, _ in self.selector.select():
                    if key.fileobj is self.listening:
                        script = self._forked()
                        if script:
                            os.close(owner)
                            return script
                    elif key.fd == owner:
                        ended = True
                        self.selector.unregister(owner)
                    elif isinstance(key.fileobj, socket.socket):
                        self._hung_up(key.data, key.fileobj)
                    else:
                        os.read(key.fd, 4096)
                self._report_ended()
        return None

    @contextmanager
    def _woken_by_children(self) -> Iterator[None]:
        """Inside the block, a child that ends wakes the selector."""
        awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.selector.register(awake, selectors.EVENT_READ)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.close(awake)
            os.close(wake)

    def _forked(self) -> _Script | None:
        """Fork a child for a job that connects; in the child, its script."""
        connection, streams = None, []
        try:
            connection, _ = self.listening.accept()
            connection.settimeout(10)  # for a job that is stopped before it has said what to run
            text, streams, _, _ = socket.recv_fds(connection, LARGEST, 3)
            while not text.endswith(b"\n"):
                more = connection.recv(LARGEST)
                if not more:
                    raise ConnectionError("the job ended before it said what to run")
                text += more
            connection.settimeout(None)
            child = os.fork()
        except OSError:  # the job goes on by itself
            for stream in streams:
                os.close(stream)
            if connection:
                connection.close()
            return None
        if child == 0:
            ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
            self.selector.close()
            for other in (connection, *self.children.values()):
                other.close()
            return _Script(json.loads(text), streams, max(0.0, self.resident - resident_mib()))
        for stream in streams:
            os.close(stream)
        self.children[child] = connection
        self.selector.register(connection, selectors.EVENT_READ, data=child)
        self._say(connection, child)
        return None

    def _hung_up(self, child: int, connection: socket.socket) -> None:
        """The job's process is gone, and nobody waits for the child any more."""
        self.selector.unregister(connection)
        if child in self.children:
            os.kill(child, signal.SIGKILL)

    def _report_ended(self) -> None:
        """Tell the jobs of the children that have ended how they ended."""
        for child in list(self.children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                connection = self.children.pop(child)
                with suppress(KeyError):
                    self.selector.unregister(connection)
                self._say(connection, os.waitstatus_to_exitcode(status))
                connection.close()

    @staticmethod
    def _say(connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            connection.sendall(f"{number}\n".encode())


def resident_mib() -> float:
    """The memory that this process has now, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
