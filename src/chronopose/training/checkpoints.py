"""Everything a stopped run needs to go on, in one folder for each checkpoint that appears at once or not at all.

`checkpoints/step-00000100/` holds safetensors files and `state.json`, which names every file with its SHA-256. It is
written under another name and renamed when complete; older ones go only then. Nothing is pickled.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.training import sharding

_log = logging.getLogger(__name__)
_PARTIAL = ".partial"
_STATE = "state.json"
_NAME = re.compile(r"step-\d{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint read back.

    Attributes:
        step: steps done.
        tensors: by file ("model", "ema", "loss", "optimizer", "loop"), then by name, on the CPU.
        state: what was JSON.
    """

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def write(
    folder: Path, *, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any], keep: int
) -> Path:
    """Writes one checkpoint into `folder` and, once it is complete, removes all but the newest `keep`.

    Returns:
        The new checkpoint's folder.
    """
    target = _place(folder, step)
    partial = target.with_name(target.name + _PARTIAL)
    with writing(target):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _fill(partial, step, tensors, state)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)  # on a full disk it would take room that others need
            raise
        if target.exists():  # only ever one that could not be read, and was passed over
            shutil.rmtree(target)
        partial.rename(target)
        _flush(folder)
        # Later ones can only be damaged ones that were passed over: they would hide this one from `newest` for ever.
        others = [path for path in _complete(folder) if path != target]
        later = [path for path in others if path.name > target.name]
        for path in [*later, *others[len(later) + keep - 1 :], *folder.glob(f"step-*{_PARTIAL}")]:
            shutil.rmtree(path)
    return target


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read, or None where none was ever completed.

    Damaged and unfinished ones are reported and passed over; the next that is written takes their place.

    Raises:
        InputError: there are checkpoints and every one is damaged.
    """
    for partial in sorted(folder.glob(f"step-*{_PARTIAL}")):
        _log.warning("checkpoint %s is unfinished and is passed over: the run was stopped while it wrote", partial)
    found = _complete(folder)
    for path in found:
        try:
            return _read(path)
        except Exception as error:  # whatever is wrong with the files, an older checkpoint may be sound
            _log.warning("checkpoint %s is damaged and is passed over: %s", path, _reason(error))
    if found:
        raise InputError(f"every checkpoint in {folder} is damaged: start anew in another folder")
    return None


def at(folder: Path, step: int) -> Checkpoint:
    """The checkpoint of one step, as another rank has read it.

    Raises:
        InputError: it cannot be read here.
    """
    path = _place(folder, step)
    try:
        return _read(path)
    except Exception as error:
        raise InputError(f"{path}: rank 0 can read it and this rank cannot ({_reason(error)})") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around the writing of a run's file: where the disk is full or the like, one line says so."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: cannot be written: {_reason(error)}; what was written before is untouched, make room and resume"
        ) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as tensors named "<parameter>|<field>"."""
    tensors = {}
    for group in optimizer.param_groups:
        for name, parameter in zip(group["param_names"], group["params"], strict=True):
            for field, value in optimizer.state[parameter].items():
                tensors[f"{name}|{field}"] = torch.as_tensor(value)
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Gives a fresh optimiser the state saved by `optimizer_tensors`; rates and groups stay as configured."""
    own = [
        (name, parameter)
        for group in optimizer.param_groups
        for name, parameter in zip(group["param_names"], group["params"], strict=True)
    ]
    saved: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, field = key.rsplit("|", 1)
        saved.setdefault(name, {})[field] = value
    unknown = sorted(saved.keys() - {name for name, _ in own})
    if unknown:
        raise InputError(f"the checkpoint's optimiser knows parameter {unknown[0]}, which is not trained here")
    state = {}
    for number, (name, parameter) in enumerate(own):
        # In the parameter's memory order, so that the update after a resume runs the same kernel as without one.
        state[number] = {
            field: sharding.like(value, parameter) if value.shape == parameter.shape else value
            for field, value in saved.get(name, {}).items()
        }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def rng_tensors(device: torch.device, rank: int) -> dict[str, Tensor]:
    """The states of a rank's default generators: of the CPU, and of its device where that is another."""
    prefix = _prefix(rank)
    states = {f"{prefix}rng.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states[f"{prefix}rng.cuda.0"] = torch.cuda.get_rng_state(device)
    return states


def restore_rng(tensors: Mapping[str, Tensor], device: torch.device, rank: int) -> bool:
    """Sets the generators that `rng_tensors` saved; False where there was no such rank."""
    prefix = _prefix(rank)
    if f"{prefix}rng.cpu" not in tensors:
        return False
    torch.set_rng_state(tensors[f"{prefix}rng.cpu"])
    if device.type == "cuda" and f"{prefix}rng.cuda.0" in tensors:
        torch.cuda.set_rng_state(tensors[f"{prefix}rng.cuda.0"], device)
    return True


def _prefix(rank: int) -> str:
    return f"rank{rank}." if rank else ""


def _place(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}"


def _fill(folder: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    for name, content in tensors.items():
        # A copy each: safetensors takes neither shared nor channels-last memory.
        plain = {
            key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in content.items()
        }
        save_file(plain, folder / f"{name}.safetensors")
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    text = json.dumps({"step": step, "files": digests, "state": state}, indent=2)
    (folder / _STATE).write_text(text, encoding="utf-8")
    for path in folder.iterdir():
        _flush(path)


def _complete(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)), reverse=True)


def _read(path: Path) -> Checkpoint:
    content = json.loads((path / _STATE).read_text(encoding="utf-8"))
    tensors = {}
    for name, digest in content["files"].items():
        if Path(name).name != name or _digest(path / name) != digest:
            raise ValueError(f"{name} is not what was written")
        tensors[Path(name).stem] = load_file(path / name)
    return Checkpoint(step=content["step"], tensors=tensors, state=content["state"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Waits until the file or folder is on the disk, so that a rename cannot overtake its content."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = Path(error.filename).name if isinstance(error.filename, str | Path) else ""
        return f"{name}: {error.strerror}" if name else error.strerror
    return f"{_STATE}: {error}" if isinstance(error, json.JSONDecodeError) else " ".join(str(error).split())
