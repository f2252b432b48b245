"""Pin, with their dependencies, the packages of envs/requirements.txt and of the conda files: `make lock`.

Writes envs/requirements.lock, with the hashes of all files of each package and a marker where only some platforms need
it, and the second part of the pip packages in each conda file. What is pinned already keeps its version, if it can.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ENVS = Path(__file__).parent
LOCK = ENVS / "requirements.lock"
COMPILE = ("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header", "--no-annotate")
OF_GPUS = ("cuda-", "nvidia-", "torch==", "triton==")  # from the index; where conda brings PyTorch, they stay away
BROUGHT = "      # what these bring along\n"  # the conda files' own packages stand above this line


def lock() -> None:
    """Write requirements.lock."""
    options = ("--generate-hashes", "--output-file", LOCK.name)
    subprocess.run([*COMPILE, *options, "requirements.txt"], cwd=ENVS, check=True)


def pin(environment: Path) -> None:
    """Write into a conda file what its packages bring along, in the versions of the lock."""
    own = environment.read_text(encoding="utf-8").partition(BROUGHT)[0]
    packages = re.findall(r"^ {6}- (.*)$", own, flags=re.M)
    pins = "\n".join(re.findall(r"^([^ #]+==[^\\\n]*)", LOCK.read_text(encoding="utf-8"), flags=re.M))
    constraints = ENVS / "constraints.tmp"
    constraints.write_text(pins, encoding="utf-8")
    try:
        command = [*COMPILE, "--constraints", constraints.name, "-"]
        done = subprocess.run(command, cwd=ENVS, input="\n".join(packages), capture_output=True, text=True, check=True)
    finally:
        constraints.unlink()
    direct = {re.sub(r"[_.-]+", "-", package.partition("==")[0]).lower() for package in packages}
    without = OF_GPUS if environment.stem.endswith("-cpu") else ()
    lines = [line for line in done.stdout.splitlines() if not line.startswith(without)]
    brought = [line for line in lines if line.partition("==")[0] not in direct]
    environment.write_text(own + BROUGHT + "".join(f"      - {line}\n" for line in brought), encoding="utf-8")


if __name__ == "__main__":
    lock()
    for path in sorted(ENVS.glob("*.yaml")):
        pin(path)
