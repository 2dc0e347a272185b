"""Everything a stopped run needs to go on, in one folder for each checkpoint that appears at once or not at all.

`checkpoints/step-00000100/` holds safetensors files and `state.json`, which names every file with its SHA-256. It is
written under another name and renamed when complete. Nothing is pickled.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from chronopose.core.errors import InputError

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
    target = folder / f"step-{step:08d}"
    partial = target.with_name(target.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, content in tensors.items():
        # A copy each: safetensors takes neither shared nor channels-last memory.
        plain = {
            key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in content.items()
        }
        save_file(plain, partial / f"{name}.safetensors")
    digests = {path.name: _digest(path) for path in sorted(partial.iterdir())}
    text = json.dumps({"step": step, "files": digests, "state": state}, indent=2)
    (partial / _STATE).write_text(text, encoding="utf-8")
    for path in partial.iterdir():
        _flush(path)
    if target.exists():  # only ever one that could not be read, or the last step of a finished run
        shutil.rmtree(target)
    partial.rename(target)
    _flush(folder)
    # Later ones can only be damaged ones that were passed over: they would hide this one from `newest` for ever.
    others = [path for path in _complete(folder) if path != target]
    later = [path for path in others if path.name > target.name]
    for path in [*later, *others[len(later) + keep - 1 :]]:
        shutil.rmtree(path)
    return target


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read, or None where none was ever completed.

    Damaged ones are reported and passed over; remains of unfinished ones are removed.

    Raises:
        InputError: there are checkpoints and every one is damaged.
    """
    for partial in folder.glob(f"step-*{_PARTIAL}"):
        shutil.rmtree(partial)
    found = _complete(folder)
    for path in found:
        try:
            return _read(path)
        except Exception as error:  # whatever is wrong with the files, an older checkpoint may be sound
            _log.warning("checkpoint %s is damaged and is passed over: %s", path, error)
    if found:
        raise InputError(f"every checkpoint in {folder} is damaged: start anew in another folder")
    return None


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
            field: torch.empty_like(parameter, device="cpu").copy_(value) if value.shape == parameter.shape else value
            for field, value in saved.get(name, {}).items()
        }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def rng_tensors() -> dict[str, Tensor]:
    """The states of torch's default generators: CPU and every CUDA device."""
    states = {"rng.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"rng.cuda.{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore_rng(tensors: Mapping[str, Tensor]) -> None:
    """Sets the generators `rng_tensors` saved, as far as this machine has them."""
    torch.set_rng_state(tensors["rng.cpu"])
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if f"rng.cuda.{index}" in tensors:
                torch.cuda.set_rng_state(tensors[f"rng.cuda.{index}"], index)


def _complete(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)), reverse=True)


def _read(path: Path) -> Checkpoint:
    content = json.loads((path / _STATE).read_text(encoding="utf-8"))
    tensors = {}
    for name, digest in content["files"].items():
        if _digest(path / name) != digest:
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
