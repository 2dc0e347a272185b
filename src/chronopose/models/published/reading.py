"""Reads the weights in files of other projects: pickles, of which nothing is run, safetensors, the Hugging Face hub."""

import hashlib
import logging
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from chronopose.core.errors import InputError

LARGEST_FILE = 4 << 30
"""Bytes that a file may have, packed and unpacked; the largest known, ViTPose+ of size H, has 3.6 GB."""

PICKLES = (".pth", ".pt", ".pth.tar", ".bin")
CONTAINERS = ("state_dict", "model", "module")
"""Where training programs keep the weights in what they save, in the order asked for; they may be nested."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Weights as they were found.

    Args:
        name: of the file, or of the hub's repository.
        sha256: of the file, in hexadecimal.
        tensors: by name, on the CPU.
        ignored: what the file holds besides, by name: the optimiser's state, the epoch.
    """

    name: str
    sha256: str
    tensors: dict[str, Tensor]
    ignored: tuple[str, ...] = ()


class _Ignored:
    """Takes the place of what training programs pickle beside the weights; it keeps nothing and runs nothing."""

    def __new__(cls, *_: object) -> "_Ignored":
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


# Without these, weights_only refuses files whose notes hold arrays, as all of mmpose 1.x do. Nothing of numpy is
# called: each name stands for the class above.
_NOTES = [
    (_Ignored, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in (f"{module}._reconstruct", f"{module}.scalar")
] + [
    (_Ignored, name)
    for name in ("numpy.ndarray", "numpy.dtype", "mmengine.logging.history_buffer.HistoryBuffer", "getattr",
                 "builtins.getattr")
]  # fmt: skip


def is_repository(name: str) -> bool:
    """Whether a name is that of a repository of the Hugging Face hub, OWNER/NAME, and of no file here."""
    is_file = Path(name).exists() or name.endswith((*PICKLES, ".safetensors"))
    return not is_file and re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name) is not None


def download(repository: str) -> Path:
    """The `model.safetensors` of the hub's repository of that name, from the hub's cache if it is there.

    Raises:
        InputError: there is none, or the hub cannot be reached.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging as hub

    told = hub.get_verbosity()
    hub.set_verbosity(logging.ERROR)  # it announces each attempt
    try:
        return Path(hf_hub_download(repository, "model.safetensors"))
    except Exception as error:  # huggingface_hub and its network stack have a dozen kinds, and all mean the same here
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{repository}: neither a file nor to be had from the Hugging Face hub ({type(error).__name__}: {reason}); "
            "connect to the network once, or download its model.safetensors elsewhere and give that file"
        ) from None
    finally:
        hub.set_verbosity(told)


def read(path: Path, name: str | None = None) -> Source:
    """The weights in a file, without the prefix that parallel training puts before their names.

    Args:
        path: a pickle of PyTorch or a safetensors file.
        name: what to call it; its own name if None.

    Raises:
        InputError: it is no such file, too large, broken, holds code, or no weights.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes, at most {LARGEST_FILE:,} are read")
    if path.name.endswith(".safetensors"):
        content: Any = _safetensors(path)
    elif path.name.endswith(PICKLES):
        content = _pickle(path)
    else:
        raise InputError(f"{path}: wanted a file ending in {', '.join(PICKLES)} or .safetensors")
    tensors, ignored = _weights(content, path)
    for key, tensor in tensors.items():
        _check(tensor, f"{path}: {key}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(name=name or path.name, sha256=digest, tensors=_bare(tensors), ignored=ignored)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from None


def _pickle(path: Path) -> Any:
    zipped = zipfile.is_zipfile(path)
    try:
        if zipped:  # a zip file can promise far more than it has
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > LARGEST_FILE:
                raise InputError(f"{path}: unpacks to {unpacked:,} bytes, at most {LARGEST_FILE:,} are read")
        with torch.serialization.safe_globals(_NOTES):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except InputError:
        raise
    except Exception as error:  # a broken pickle may raise anything
        # What PyTorch says besides is advice to load the file without this protection.
        told = str(error).rpartition("WeightsUnpickler error: ")[2].strip().partition("\n")[0][:200]
        found = re.search(r"GLOBAL (\S+) (?:was not an allowed|whose module)", str(error))
        reason = f"it holds {found[1]}, which is no weight" if found else told
        raise InputError(
            f"{path}: not readable as weights alone ({type(error).__name__}: {reason}); nothing else is ever loaded"
        ) from None


def _weights(content: Any, path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors by name in what a training program saved, and the names of the rest."""
    ignored: list[str] = []
    for _ in range(len(CONTAINERS) + 1):
        if not isinstance(content, Mapping):
            break
        inside = next((key for key in CONTAINERS if isinstance(content.get(key), Mapping)), None)
        if inside is None:
            tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
            ignored += [str(key) for key in content if str(key) not in tensors]
            if tensors:
                return tensors, tuple(ignored)
            break
        ignored += [str(key) for key in content if key != inside]
        content = content[inside]
    held = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
    raise InputError(f"{path}: no weights by name in it; it holds {held[:200] or 'nothing'}")


def _check(tensor: Tensor, what: str) -> None:
    """Refuses what is no plain array on the CPU, and views that claim more numbers than the file has."""
    plain = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_complex()
    if not plain or tensor.device.type != "cpu":
        raise InputError(f"{what} is no plain tensor ({tensor.dtype}, {tensor.layout}, {tensor.device})")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(f"{what} claims {tuple(tensor.shape)}, more numbers than the file has for it")


def _bare(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    while all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return {name: tensor.detach() for name, tensor in tensors.items()}
