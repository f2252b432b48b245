"""A warm worker: the process that imports a framework and this library once, and forks a child for each job.

What it is for, and how a job starts it and waits for its child, is in `run.warm_workers`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from espalier.run.code import stamp
from espalier.run.warm_workers import LIBRARY, OWNER, SHARED, forbid

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
LARGEST = 2**20  # bytes of a request: a path, a folder, and an environment


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
            before = stamp()
            importlib.import_module(f"espalier.{kind}.preload")
            imported = before if stamp() == before else ""  # edited meanwhile: nobody knows what was imported
            gc.freeze()
            gc.enable()
            script = _Worker(listening, owner, imported).next_script()
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

    def __init__(self, request: dict[str, Any], streams: list[int], shared: float, imported: str) -> None:
        self.request, self.streams, self.shared, self.imported = request, streams, shared, imported

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
        if self.request["library"] != str(LIBRARY) or stamp() != self.imported:
            # Another copy of the library, or edited since: the job must see that, and imports it anew.
            for name in [name for name in sys.modules if name.partition(".")[0] == "espalier"]:
                del sys.modules[name]
        runpy.run_path(self.request["script"], run_name="__main__")
        sys.exit(0)


class _Worker:
    """The loop of a worker: connections come in, children end, Snakemake ends."""

    def __init__(self, listening: socket.socket, owner: int, imported: str) -> None:
        self.listening, self.owner, self.imported = listening, owner, imported
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
            return _Script(json.loads(text), streams, max(0.0, self.resident - resident_mib()), self.imported)
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
