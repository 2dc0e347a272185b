"""Penn Action (Zhang, Zhu and Derpanis, ICCV 2013): 13 joints of one person in every frame of videos of 15 actions.

The folder is as its owners give it: `frames/0001/000001.jpg` and on, and `labels/0001.mat` with `x`, `y` and
`visibility` (frames x 13), `bbox` (frames x 4: x1, y1, x2, y2), `nframes` and `train` (1, or -1 for the test part).
Joints are the person's own left before right. Numbers count from 1, as MATLAB does, and are moved by one.

- A joint whose visibility is 0 is unknown: the files do not tell a guess at a hidden joint from a filler for one
  outside the picture, and published results count visible joints alone.
- The size of the frames is that of the pictures: the labels' `dimensions` are not always right.
- The last frame's box is missing in 1154 and 1865; a missing box is that of a neighbouring frame.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import PENN_13
from chronopose.core.types import Floats
from chronopose.data.defects import Found, Unit, check_pictures, defects_of, standing_in, videos_of
from chronopose.data.videos import Defect, LabelledVideo, of_one_person
from chronopose.formats import matlab

NAME, SKELETON = "penn", PENN_13
SPLITS = ("train", "test")

_PARTS = {1: "train", -1: "test"}
_WITHOUT_LAST_BOX = ("1154", "1865")
_SHAPES: dict[str, matlab.Shape] = {
    "x": (None, 13),
    "y": (None, 13),
    "visibility": (None, 13),
    "bbox": (None, 4),
    "nframes": (1, 1),
    "train": (1, 1),
}


def videos(folder: Path, split: str) -> tuple[LabelledVideo, ...]:
    """The videos of the owners' train or test part.

    Raises:
        InputError: the folder is not laid out as in the module's first lines; the first defect is named.
    """
    return videos_of(_units(Path(folder), split))


def defects(folder: Path, split: str) -> Iterator[Defect | None]:
    """What is wrong with the videos of a part, and None after each video of either part."""
    return defects_of(_units(Path(folder), split))


def _units(folder: Path, split: str) -> list[Unit]:
    if split not in SPLITS:
        raise InputError(f"split must be train or test, got {split!r}")
    found = [*(folder / "labels").glob("*.mat"), *(folder / "frames").glob("*/")]
    names = sorted({path.stem for path in found if path.stem.isdecimal()})
    if not (folder / "labels").is_dir() or not names:
        raise InputError(f"{folder}: no labels/0001.mat there; wanted the folder of Penn Action with labels and frames")
    return [Unit(file=folder / "labels" / f"{name}.mat", read=partial(_read, folder, name, split)) for name in names]


def _read(folder: Path, name: str, split: str) -> Found | None:
    file, pictures = folder / "labels" / f"{name}.mat", folder / "frames" / name
    arrays = matlab.read(file, _SHAPES)
    part = _PARTS.get(arrays["train"].item())
    if part is None:
        raise InputError(f"{file}: train: expected 1 or -1, got {arrays['train'].item():g}")
    if part != split:
        return None
    length = len(arrays["x"])
    counts = {"y": len(arrays["y"]), "visibility": len(arrays["visibility"]), "nframes": arrays["nframes"].item()}
    for field, count in counts.items():
        if count != length or not length:
            raise InputError(f"{file}: {field}: expected {max(length, 1)} frames, got {count:g}")
    xy = matlab.zero_based(np.stack([arrays["x"], arrays["y"]], axis=-1))
    visible, finite = arrays["visibility"] == 1, ~np.isnan(xy[..., 0])
    box, defects = _boxes(arrays["bbox"].astype(np.float64) - 1, length, file)
    lost = int((visible & ~finite).sum())
    if lost:
        defects += (Defect(file=file, where="x, y", what=f"{lost} visible joints have no numbers; left out"),)
    known = visible & finite
    images = tuple(pictures / f"{number:06d}.jpg" for number in range(1, length + 1))
    defects += check_pictures(images, file)
    xy_image = np.where(known[..., None], xy, np.float32(np.nan))
    return Found(video=of_one_person(name, images, None, xy_image, known, box), defects=defects)


def _boxes(given: NDArray[np.float64], length: int, file: Path) -> tuple[Floats, tuple[Defect, ...]]:
    """(T, 4) the boxes, and what was put right: a missing one is that of the frame before, or of the first with one."""
    if not length - 1 <= len(given) <= length:
        raise InputError(f"{file}: bbox: expected {length} boxes, got {len(given)}")
    boxes = np.full((length, 4), np.nan)
    boxes[: len(given)] = given
    # A box of NaN fails every comparison.
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if not good.any():
        raise InputError(f"{file}: bbox: expected {length} boxes, got none with an area")
    source = standing_in(good)
    defects = tuple(
        Defect(
            file=file,
            where=f"bbox of frame {frame + 1}",
            what=f"no box; that of frame {source[frame] + 1} is taken",
            known=file.stem in _WITHOUT_LAST_BOX and frame == length - 1,
        )
        for frame in np.flatnonzero(~good).tolist()
    )
    return boxes[source].astype(np.float32), defects
