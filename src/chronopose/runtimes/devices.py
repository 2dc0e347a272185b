"""Which device runs a model: torch is asked where there may be a GPU, and not loaded where there is none."""

import ctypes
import sys
from pathlib import Path

from chronopose.core.errors import InputError


def pick_device(device: str) -> str:
    """`device` itself, or for "auto" the GPU where there is one and the CPU elsewhere.

    Raises:
        InputError: torch knows no such device, or it is not in this machine.
    """
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        # Asked for a value, since some devices only fail when they are used.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0][:120]
        raise InputError(f"device: {device!r} cannot be used here ({reason}); wanted auto, cpu or cuda") from None
    return device


def _may_have_gpu() -> bool:
    """Whether a driver is there through which torch would find what it calls "cuda", Nvidia's or AMD's."""
    if sys.platform == "darwin":
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True
