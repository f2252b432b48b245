"""`espalier init`: a config for a net of the user's own: from its file, its weights and a folder of images."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.imports import ImportFailed
from espalier.plan.explain import ConfigError
from espalier.plan.preprocessing import MODES

if TYPE_CHECKING:
    from espalier.plan.first_config import Images, Wish

BACKENDS = ("pytorch", "keras")
BUDGET = "10min"
UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
HELP = """\
Write a commented config that prunes, fine-tunes and quantizes a net of your own on your images. What is not given is
asked for, if this runs in a terminal. Paths begin at the working directory. The exit status is 0 if the config is
written, 2 if something is wrong."""


@dataclass(frozen=True)
class Question:
    """An option that is asked for where it is not given. default: what an empty answer means; None: it is needed."""

    option: str
    text: str
    default: str | None = None


QUESTIONS = (
    Question("model", "Your net, as FILE:FUNCTION (my_nets.py:make_net), or a name such as torchvision/resnet18"),
    Question("weights", "The file of its trained weights (best.pt); empty to train it first", ""),
    Question("data", "Your images: a folder with train/CLASS/IMAGE and test/CLASS/IMAGE, or the name of a data set"),
    Question("budget", f"How long the run may take (90s, 10min, 2h); empty for {BUDGET}", BUDGET),
)


def add(parsers: Any) -> argparse.ArgumentParser:
    """Say what the command takes."""
    parser = parsers.add_parser("init", help="write a config for a net of your own", description=HELP)
    parser.add_argument(
        "--model", metavar="NET", help="FILE:FUNCTION, torchvision/NAME, timm/NAME or a registered name"
    )
    parser.add_argument("--weights", metavar="FILE", help="trained weights; without, the net is trained first")
    parser.add_argument("--data", metavar="FOLDER", help="images in folders of classes, or the name of a data set")
    parser.add_argument("--budget", metavar="TIME", help=f"how long the run may take on two cores ({BUDGET})")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the images that the net was trained with")
    parser.add_argument("--channels", type=int, choices=(1, 3), help="1 for grey (by the images)")
    parser.add_argument("--backend", choices=BACKENDS, help="the framework of the net (by its weights and its name)")
    parser.add_argument("--mean", type=numbers, metavar="M", help="what its training subtracted: 0.5, or 0.4,0.5,0.6")
    parser.add_argument("--std", type=numbers, metavar="S", help="what its training divided by")
    parser.add_argument("--preprocessing", choices=MODES, help="in place of both, Keras's name for them")
    parser.add_argument(
        "--out", type=Path, default=Path("config.yaml"), metavar="FILE", help="where to write (config.yaml)"
    )
    parser.add_argument("--force", action="store_true", help="replace a config that is there")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Write the config, and say what to do with it; give the exit status."""
    try:
        written = write(arguments, input if sys.stdin.isatty() else None)
    except (ValueError, OSError) as error:  # of a config and a plug-in, too
        print(f"init: {error}", file=sys.stderr)
        return 2
    except (EOFError, KeyboardInterrupt):
        print("\ninit: nothing was written", file=sys.stderr)
        return 2
    other = "" if arguments.out == Path("config.yaml") else f" --configfile {arguments.out}"
    print(f"{written}\nwrote {arguments.out}. Next:\n  snakemake --cores 2{other}")
    return 0


def write(arguments: argparse.Namespace, ask: Callable[[str], str] | None) -> str:
    """Write the config that the arguments ask for; says what it will cost.

    ask: asks the user a question; None, if nobody is there to answer. Raises ValueError for what cannot be used, and
    ConfigError, which is one, for what makes no right config.
    """
    from espalier.plan import first_config

    if arguments.out.exists() and not arguments.force:
        raise ValueError(f"{arguments.out} is there already: give another name by --out, or replace it by --force")
    given = answers(arguments, ask)
    folder = arguments.out.absolute().parent
    images = first_config.images(given["data"], arguments.size, arguments.channels)
    wish = _wish(arguments, given, images, folder)
    try:
        plan = first_config.planned(wish, folder)
    except (ImportFailed, ConfigError):
        if arguments.channels or images.channels != 1:
            raise
        wish = _wish(arguments, given, replace(images, channels=3), folder)  # grey images, and a net of coloured ones
        plan = first_config.planned(wish, folder)
    folder.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(first_config.text(wish, plan), encoding="utf-8")
    return plan.said


def _wish(arguments: argparse.Namespace, given: dict[str, str], images: Images, folder: Path) -> Wish:
    """What the user asks for, of images of so many channels."""
    from espalier.plan.first_config import Wish

    backend = arguments.backend or _backend(given["model"], given["weights"])
    normalised, told = _normalised(arguments, backend, images.channels)
    return Wish(
        backend=backend,
        model=_model(given["model"], folder),
        weights=_beside(given["weights"], folder) if given["weights"] else None,
        images=images,
        normalised=normalised,
        told=told,
        budget=seconds(given["budget"]),
    )


def _backend(model: str, weights: str) -> str:
    """The framework of a net: that of its file of weights, or the one that has an architecture of its name."""
    from espalier import registry
    from espalier.registry import Model

    if Path(weights).suffix in (".h5", ".keras"):
        return "keras"
    has = [backend for backend in BACKENDS if model in registry.entries(Model, backend)]
    return has[0] if has else "pytorch"


def _normalised(arguments: argparse.Namespace, backend: str, channels: int) -> tuple[dict[str, Any], bool]:
    """The keys of a data set that say how pixels are normalised, and whether the user said so.

    Where nobody says: ImageNet's numbers for PyTorch, from -1 to 1 for its grey images, and from 0 to 1 for Keras.
    Raises ValueError for a mode beside numbers.
    """
    numbers = {key: getattr(arguments, key) for key in ("mean", "std")}
    said = [key for key, value in numbers.items() if value is not None]
    if arguments.preprocessing:
        if said:
            raise ValueError(f"--preprocessing {arguments.preprocessing} says what --{said[0]} is, which is given too")
        return {"preprocessing": arguments.preprocessing}, True
    usual = {"mean": 0.0, "std": 1.0} if backend == "keras" else MODES["torch"] if channels == 3 else MODES["tf"]
    return {key: usual[key] if value is None else value for key, value in numbers.items()}, len(said) == len(numbers)


def answers(arguments: argparse.Namespace, ask: Callable[[str], str] | None) -> dict[str, str]:
    """What is given for each question, by an option or an answer. Raises ValueError if something needed is missing."""
    given = {question.option: getattr(arguments, question.option) for question in QUESTIONS}
    missing = [q for q in QUESTIONS if given[q.option] is None and q.default is None]
    if ask is None and missing:
        needed = ", ".join(f"--{question.option}" for question in missing)
        raise ValueError(f"{needed} must be given where no terminal is there to ask")
    for question in QUESTIONS:
        while given[question.option] is None:
            answer = ask(f"{question.text}: ").strip() if ask else ""
            given[question.option] = answer or question.default
    return {option: str(value) for option, value in given.items()}


def seconds(budget: str) -> int:
    """A time in seconds.

    >>> seconds("10min"), seconds("90s"), seconds("1.5h"), seconds("5")
    (600, 90, 5400, 300)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", budget.lower())
    unit = match and UNITS.get(match[2] or "min")
    if not match or not unit or not float(match[1]):
        raise ValueError(f"--budget {budget!r} is no time. Allowed: a number with s, min or h, such as 90s, 10min, 2h")
    return round(float(match[1]) * unit)


def numbers(text: str) -> float | list[float]:
    """A number, or several by commas.

    >>> numbers("0.5"), numbers("0.4,0.5,0.6")
    (0.5, [0.4, 0.5, 0.6])
    """
    values = [float(part) for part in text.split(",")]
    return values[0] if len(values) == 1 else values


def _model(given: str, folder: Path) -> dict[str, str]:
    """The net as `model` of a config names it."""
    if ":" not in given:
        return {"name": given}
    place, _, function = given.rpartition(":")
    return {"import": f"{_beside(place, folder) if place.endswith('.py') else place}:{function}"}


def _beside(given: str, folder: Path) -> str:
    """A path as a config in `folder` names it: relative, if the file lies in or below that folder."""
    file = Path(given).expanduser()
    if not file.is_file():
        raise ValueError(f"there is no file {given}. Looked for: {file.absolute()}")
    file = file.resolve()
    folder = folder.resolve()
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)
