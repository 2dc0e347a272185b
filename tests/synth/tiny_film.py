"""Clips for the tests of making data sets: cheap, and each a pure function of its number."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np

from chronopose.formats.shards import ClipRecord
from chronopose.synth.produce import MakeClip

JOINTS = ("nose", "left_hip")


def clip(number: int) -> ClipRecord:
    """Two grey frames of one person; the clip's number is its brightness and the place of its joints."""
    return ClipRecord(
        number=number,
        frames=np.full((2, 16, 16, 3), number * 5 % 256, dtype=np.uint8),
        fps=25.0,
        key=1,
        joints=JOINTS,
        xy=np.full((2, 1, 2, 2), number, dtype=np.float32),
        visible=np.full((2, 1, 2), 2, dtype=np.uint8),
        boxes=np.tile(np.array([0, 0, 15, 15], dtype=np.float32), (2, 1, 1)),
        seen=np.ones((2, 1), dtype=np.float32),
        blur=np.zeros((2, 1, 2), dtype=np.float32),
        motions=("stand",),
    )


def make() -> MakeClip:
    """What `produce` calls in each process."""
    return clip


def make_and_note(folder: Path) -> MakeClip:
    """Notes each clip in a folder, as a file that names the process; so a test sees what was made, and by whom."""

    def noted(number: int) -> ClipRecord:
        (folder / str(number)).write_text(str(os.getpid()))
        return clip(number)

    return noted


def make_slowly(folder: Path) -> MakeClip:
    """Like `make_and_note`, a hundredth of a second a clip."""
    noted = make_and_note(folder)

    def slow(number: int) -> ClipRecord:
        time.sleep(0.01)
        return noted(number)

    return slow


def make_until(number: int, error: type[Exception]) -> MakeClip:
    """Raises an error at a clip."""

    def until(wanted: int) -> ClipRecord:
        if wanted == number:
            raise error(f"clip {wanted} cannot be made")
        return clip(wanted)

    return until


def make_nothing() -> MakeClip:
    """Cannot even begin."""
    raise ValueError("no assets there")


def make_and_die() -> MakeClip:
    """A process that is killed at its first clip, as for lack of memory."""

    def die(number: int) -> ClipRecord:
        os.kill(os.getpid(), signal.SIGKILL)
        return clip(number)

    return die


def threads() -> MakeClip:
    """Clips whose number of frames per second is the number of threads that libraries are told to use."""

    def told(number: int) -> ClipRecord:
        return dataclasses.replace(clip(number), fps=float(os.environ.get("OPENBLAS_NUM_THREADS", "99")))

    return told
