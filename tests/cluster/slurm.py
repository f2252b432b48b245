"""A real Slurm cluster on this machine: a controller and two nodes, private to a folder, the system left as it is.

    with Cluster(folder) as cluster:
        subprocess.run(["sbatch", ...], env=cluster.env)

Needs the programs of Debian's packages slurm-wlm and munge, none of their services, and the rights of root. All that
the daemons write lies in the folder, they listen on this machine only, and they are ended by their own process ids.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CONF = """
ClusterName=espalier
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=2
MinJobAge=3600
TaskProlog={folder}/prolog
"""

# Nodes differ from the machine that submits: they have another home and folder for temporary files, no display, and no
# network (its proxy is a port that nothing listens to).
PROLOG = """#!/bin/sh
echo "export HOME={folder}/home"
echo "export TMPDIR={folder}/tmp"
echo "export http_proxy=http://127.0.0.1:9"
echo "export https_proxy=http://127.0.0.1:9"
echo "unset DISPLAY"
"""


def missing() -> str | None:
    """Why there can be no cluster here; None where there can be one."""
    programs = [name for name in ("slurmctld", "slurmd", "sbatch", "srun", "squeue") if not shutil.which(name)]
    if programs:
        return f"{', '.join(programs)} not installed: apt-get install --no-install-recommends slurm-wlm munge"
    return None if os.geteuid() == 0 else "slurmd has to be started by root"


@dataclass
class Cluster:
    """A cluster of `nodes` nodes that say they have `cpus` cores and `memory` MB each. Its partition is called main."""

    folder: Path  # short: the path of a socket has at most 108 characters
    nodes: int = 2
    cpus: int = 4
    memory: int = 8000
    daemons: list[subprocess.Popen] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment in which Slurm's commands talk to this cluster."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "SLURM_CONF": f"{self.folder}/slurm.conf"}

    def __enter__(self) -> Cluster:
        self._configure()
        try:
            self._start("slurmctld", "-D", "-c")
            for number in range(1, self.nodes + 1):
                self._start("slurmd", "-D", "-N", f"node{number}")
            idle = ["sinfo", "--noheader", "--Node", "--format", "%T"]
            _wait(lambda: self.answer(*idle).split() == ["idle"] * self.nodes, "the nodes to be idle", self._logs)
            self.answer("srun", "--quiet", f"--nodes={self.nodes}", "true")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def answer(self, *command: str) -> str:
        """What one of Slurm's commands prints; nothing while the controller is not there yet."""
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=30).stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs that the controller knows, also those that have ended: what they asked for and what came of them."""
        keys = {"id": "%i", "state": "%T", "cpus": "%C", "memory": "%m", "limit": "%l", "what": "%k"}
        lines = self.answer("squeue", "--noheader", "--states=all", "--sort=i", "--format", "|".join(keys.values()))
        return [dict(zip(keys, line.split("|", len(keys) - 1), strict=True)) for line in lines.splitlines()]

    def queue(self) -> list[str]:
        """The ids of the jobs that wait or run."""
        return self.answer("squeue", "--noheader", "--format", "%i").split()

    def stop(self) -> None:
        """Cancel what still runs and end the daemons."""
        if (self.folder / "slurmctld.pid").exists() and (queue := self.queue()):
            self.answer("scancel", *queue)
            _wait(lambda: not self.queue(), "the queue to be empty", self._logs)
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons.clear()

    def _configure(self) -> None:
        for part in ("state", "bin", "home", "tmp", *(f"spool.node{number}" for number in range(1, self.nodes + 1))):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        host = socket.gethostname().partition(".")[0]
        ports = _free_ports(1 + self.nodes)
        nodes = [
            f"NodeName=node{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
            f"CPUs={self.cpus} RealMemory={self.memory}"
            for number, port in enumerate(ports[1:], 1)
        ]
        partition = "PartitionName=main Nodes=ALL Default=YES MaxTime=600 DefMemPerCPU=100 OverSubscribe=NO"
        text = CONF.format(host=host, port=ports[0], folder=self.folder)
        (self.folder / "slurm.conf").write_text("\n".join([text, *nodes, partition, ""]))
        self._program("prolog", PROLOG.format(folder=self.folder))
        # Snakemake's executor takes variables called SLURM_... out of the environment of the srun within a job. On a
        # real cluster the file is at its usual place; here that srun has to be told again where it is.
        self._program(
            "bin/srun", f'#!/bin/sh\nSLURM_CONF="{self.folder}/slurm.conf" exec {shutil.which("srun")} "$@"\n'
        )

    def _program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def _start(self, *command: str) -> None:
        with (self.folder / f"{'.'.join(command)}.out").open("w") as out:
            options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, "start_new_session": True}
            self.daemons.append(subprocess.Popen(command, env=self.env, **options))

    def _logs(self) -> str:
        return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.log")))


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _wait(condition: Callable[[], bool], what: str, logs: Callable[[], str], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}\n{logs()}")
        time.sleep(0.1)


if __name__ == "__main__":  # to try things by hand
    with Cluster(Path(sys.argv[1]).resolve()) as running:
        print(f"export SLURM_CONF={running.folder}/slurm.conf PATH={running.folder}/bin:$PATH", flush=True)
        signal.sigwait([signal.SIGINT, signal.SIGTERM])
