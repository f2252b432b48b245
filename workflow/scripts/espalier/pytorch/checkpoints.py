"""Files of weights that were written elsewhere, read without running code from them, and fitted to a net by name.

What a file wraps its tensors in, and what it puts before their names, is taken off and said. Everything else has to be
as the net has it: a tensor that is missing, unexpected or of another shape is an error, and nothing is guessed.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

Tensors = dict[str, "Tensor"]

# Keys under which programs store a net's tensors, those of averaged weights last. Others are looked into, too.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params",
            "ema", "model_ema", "ema_state_dict", "state_dict_ema", "params_ema")  # fmt: skip
INSIDE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")  # in names, wherever they stand
UNUSED = ("n_averaged",)  # counts of torch.optim.swa_utils.AveragedModel, no part of the net
COUNTS = "num_batches_tracked"  # of batch norm: old files lack it, and nothing that a net computes depends on it
SHOWN = 6  # names that an error lists of each kind


class WeightsRefused(ValueError):
    """A file that is no weights of this net: what it holds, and what to do."""


def weights_for(net: nn.Module, path: str | Path) -> Tensors:
    """The tensors of a file under the names of the net's `state_dict`, in the net's types. What is taken off is
    printed.

    path: .safetensors, .npz, or .pt or .pth, of which tensors alone are read (`weights_only`). Raises WeightsRefused
    for a file that cannot be read or holds more than tensors, and for tensors that are not those of the net.
    """
    path = Path(path)
    expected = dict(net.state_dict())
    candidates = [(place, *_renamed(tensors, expected)) for place, tensors in _states(read(path), path)]
    place, tensors, taken_off = min(candidates, key=lambda found: _rank(found[1], expected))
    fitting = [other for other, other_tensors, _ in candidates if not _distance(other_tensors, expected)]
    for line in _said(place, taken_off, fitting):
        print(f"{path.name}: {line}", flush=True)
    _check_fits(tensors, expected, path.name)
    return {name: _as_in(tensors, name, like, path.name) for name, like in expected.items()}


def read(path: Path) -> Any:
    """What a file of weights holds: tensors by name, or for .pt and .pth whatever was saved of plain values and
    tensors."""
    if not path.is_file() or not path.stat().st_size:
        raise WeightsRefused(f"{path.name} is empty, or no file")
    readers = {".safetensors": _read_safetensors, ".npz": _read_npz}
    return readers.get(path.suffix.lower(), _read_pickle)(path)


def _read_safetensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsRefused(f"{path.name} is no safetensors file: {_first_line(error)}") from error


def _read_npz(path: Path) -> Tensors:
    import numpy as np
    import torch

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.array(arrays[name])) for name in arrays.files}
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise WeightsRefused(f"{path.name} is no .npz file of numbers: {_first_line(error)}") from error


def _read_pickle(path: Path) -> Any:
    """A file of torch.save: tensors and plain values. Anything else in it is refused, and not run."""
    import pickle

    import torch

    if _is_torchscript(path):
        raise WeightsRefused(
            f"{path.name} is a TorchScript program, which would run code. Save its weights alone: "
            f"torch.save(torch.jit.load('{path.name}').state_dict(), 'weights.pt')"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsRefused(
            f"{path.name} holds more than tensors ({_refused(error)}), which would run code, and is not read. Save the "
            "weights alone: torch.save(net.state_dict(), 'weights.pt')"
        ) from error
    except Exception as error:  # a damaged file raises anything, from EOFError to KeyError
        raise WeightsRefused(f"{path.name} cannot be read as weights: {_first_line(error)}") from error


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _refused(error: Exception) -> str:
    """What PyTorch did not want to unpickle, in a few words."""
    import re

    name = re.search(r"GLOBAL ([\w.]+)", str(error))
    return f"a pickled {name[1]}" if name else "pickled objects"


def _states(loaded: Any, path: Path, place: str = "") -> list[tuple[str, Tensors]]:
    """Every mapping of names to tensors in what was read, each with its place, the usual ones first."""
    import torch

    found = list(_states_in(loaded, place, torch.Tensor, depth=3))
    if not found:
        kind = f"a {type(loaded).__name__}" + (f" of {', '.join(map(str, loaded))}" if _small(loaded) else "")
        raise WeightsRefused(f"{path.name} holds no tensors by name, but {kind}: save net.state_dict()")
    return found


def _states_in(loaded: Any, place: str, tensor: type, depth: int) -> Iterator[tuple[str, Tensors]]:
    if not isinstance(loaded, Mapping) or depth < 0:
        return
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, tensor)}
    inner = [name for name, value in loaded.items() if isinstance(value, Mapping)]
    if tensors and not inner:
        yield place, tensors
    known = [name for name in WRAPPERS if name in inner]
    for name in (*known, *(name for name in inner if name not in known)):
        yield from _states_in(loaded[name], f"{place}.{name}".lstrip("."), tensor, depth - 1)
    if tensors and inner:
        yield place, tensors


def _small(loaded: Any) -> bool:
    return isinstance(loaded, Mapping) and len(loaded) <= SHOWN


def _renamed(tensors: Tensors, expected: Mapping[str, Any]) -> tuple[Tensors, list[str]]:
    """The tensors under the names that the net has for them, and what was taken off these names."""
    taken_off: list[str] = []
    for inside in INSIDE:
        if any(inside in name for name in tensors) and not any(inside in name for name in expected):
            tensors = {name.replace(inside, ""): tensor for name, tensor in tensors.items()}
            taken_off.append(inside)
    unused = [name for name in tensors if name in UNUSED and name not in expected]
    tensors = {name: tensor for name, tensor in tensors.items() if name not in unused}
    while prefix := _prefix(tensors, expected):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        taken_off.append(prefix)
    return tensors, [*taken_off, *unused]


def _prefix(tensors: Tensors, expected: Mapping[str, Any]) -> str | None:
    """What all names begin with, up to a dot, where the net's own do not; None if there is no such thing."""
    first = {name.partition(".")[0] for name in tensors if "." in name}
    if len(first) != 1 or not all("." in name for name in tensors):
        return None
    prefix = f"{next(iter(first))}."
    return None if all(name.startswith(prefix) for name in expected) else prefix


def _rank(tensors: Tensors, expected: Mapping[str, Tensor]) -> tuple[bool, int]:
    """Sets of tensors that fit come before others, and those with more of the net's names before those with fewer."""
    return _distance(tensors, expected) > 0, -len(tensors.keys() & expected.keys())


def _distance(tensors: Tensors, expected: Mapping[str, Tensor]) -> int:
    """How many tensors are missing, unexpected or of another shape."""
    return sum(map(len, _differences(tensors, expected)))


def _differences(tensors: Tensors, expected: Mapping[str, Tensor]) -> tuple[list[str], list[str], list[str]]:
    """The names that are missing, unexpected, and those of another shape with both shapes."""
    missing = [name for name in expected if name not in tensors and not name.endswith(COUNTS)]
    unexpected = [name for name in tensors if name not in expected]
    shapes = [
        f"{name} ({_shape(tensors[name])}, not {_shape(like)})"
        for name, like in expected.items()
        if name in tensors and tensors[name].shape != like.shape
    ]
    return missing, unexpected, shapes


def _check_fits(tensors: Tensors, expected: Mapping[str, Tensor], file: str) -> None:
    """Raise WeightsRefused with everything that does not fit, if anything does not."""
    words = ("missing", "unexpected", "of another shape")
    wrong = [
        f"{len(names)} {word}: {_listed(names)}"
        for word, names in zip(words, _differences(tensors, expected), strict=True)
        if names
    ]
    if wrong:
        raise WeightsRefused(f"{file} is not of this net. Of its tensors {'; '.join(wrong)}")


def _said(place: str, taken_off: list[str], fitting: list[str]) -> Iterator[str]:
    """What is to be known of how the tensors were found."""
    if place:
        yield f"the tensors under `{place}` are taken"
    if others := [f"`{other}`" for other in fitting if other != place]:
        yield f"{', '.join(others)} would fit as well"
    if taken_off:
        yield f"taken off the names: {', '.join(taken_off)}"


def _as_in(tensors: Tensors, name: str, like: Tensor, file: str) -> Tensor:
    """A tensor of the file in the type that the net has for it."""
    import torch

    if name not in tensors:
        print(f"{file}: {name} is not there, and begins at 0", flush=True)
        return torch.zeros_like(like, device="cpu")
    tensor = tensors[name]
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise WeightsRefused(f"{file}: {name} holds values that are no finite numbers: the training had diverged")
    if tensor.is_floating_point() != like.is_floating_point() or tensor.is_complex():
        raise WeightsRefused(f"{file}: {name} is of type {tensor.dtype}, and the net's of {like.dtype}")
    return tensor.detach().to(like.dtype).clone().contiguous()


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
