"""How the program treats the machine it runs on: OpenMP threads and memory; set once, before torch is imported."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # names of glibc's malloc.h


def prepare() -> None:
    """Settings of the process. A library that is imported into somebody else's program sets none of them."""
    # Spinning OpenMP threads cost a factor of ten on a busy machine: on two busy cores an encoding of 0.2 s took 3 s.
    # Waiting threads that sleep cost a few percent on an idle one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _keep_memory()


def _keep_memory() -> None:
    """Lets glibc's malloc keep what it has been given instead of mapping every large tensor anew.

    Each new map is page faults: a training step of the bundled model took 16.3 ms a sample with and 13.2 without
    them, on one thread. It costs resident memory. The user's own GLIBC_TUNABLES win.
    """
    if not sys.platform.startswith("linux") or "GLIBC_TUNABLES" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another libc
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_TOP_PAD, 64 << 20)
