"""LSP (Johnson and Everingham, BMVC 2010): photographs of athletes, 14 joints of one person each.

The folder is as its owners give it: `images/im0001.jpg` and on, and `joints.mat` with `joints` (3 x 14 x photographs:
x, y counted from 1, and 1 where the joint is hidden; its place is a guess then). The first half is to learn from, the
second to be judged on.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import LSP_14
from chronopose.core.types import Floats
from chronopose.data.defects import Found, Unit, defects_of
from chronopose.data.photographs import photograph
from chronopose.data.videos import Defect, LabelledVideo
from chronopose.formats import matlab

NAME, SKELETON = "lsp", LSP_14
SPLITS = ("train", "test")

_ONE = np.zeros(1, dtype=np.int64)
_BOXLESS = np.full((1, 4), np.nan, dtype=np.float32)


def videos(folder: Path, split: str) -> tuple[LabelledVideo, ...]:
    """The photographs of a part, as videos of one frame, without boxes.

    Raises:
        InputError: the folder is not laid out as in the module's first lines.
    """
    if split not in SPLITS:
        raise InputError(f"split must be train or test, got {split!r}")
    file = Path(folder) / "joints.mat"
    if not file.is_file():
        raise InputError(f"{folder}: no joints.mat there; wanted the folder of LSP with joints.mat and images")
    joints = matlab.read(file, {"joints": (3, len(SKELETON), None)})["joints"].transpose(2, 1, 0)
    xy, visible, half = matlab.zero_based(joints[..., :2]), joints[..., 2] == 0, len(joints) // 2
    return tuple(
        one(Path(folder) / "images" / f"im{place + 1:04d}.jpg", xy[place], visible[place])
        for place in (range(half) if split == "train" else range(half, len(joints)))
    )


def defects(folder: Path, split: str) -> Iterator[Defect | None]:
    """What is wrong with the photographs of a part, and None after each."""
    return defects_of_photographs(videos(folder, split), Path(folder) / "joints.mat")


def one(file: Path, xy: Floats, visible: NDArray[np.bool_]) -> LabelledVideo:
    """The photograph in a file, of a person with joints (14, 2), NaN where unknown, and visible (14,)."""
    seen = visible & ~np.isnan(xy[:, 0])
    return photograph(file.stem, file, None, _ONE, xy[None], seen[None], _BOXLESS)


def defects_of_photographs(photographs: tuple[LabelledVideo, ...], labels: Path) -> Iterator[Defect | None]:
    """What is wrong with pictures whose labels have been read from `labels`, and None after each."""
    return defects_of(Unit(file=labels, read=partial(Found, video=video)) for video in photographs)
