"""LSP-extended photographs (Johnson and Everingham, CVPR 2011): 14 joints of one person each, as motionless clips.

A folder is laid out in one of two ways:

- The owners': `images/im00001.jpg` and on, and `joints.mat` with `joints` (14 x 3 x photographs: x, y counted from 1,
  and 1 where the joint is labelled).
- Photographs cropped to the person: `images/00001.jpg`, and `joints.npz` with image (N,), xy (N, 14, 2) 0-based pixels
  with NaN for unlabelled joints, size (N, 2) and names (14,).

All are to learn from; those whose number is divisible by 10 are held out here.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_around
from chronopose.core.skeleton import LSP_14
from chronopose.core.types import Floats, Pixels
from chronopose.data import lsp
from chronopose.data.videos import Defect, LabelledVideo
from chronopose.formats import matlab

NAME, SKELETON = "lspet", LSP_14
SPLITS = ("train", "heldout")


class LSPExtended:
    """Photographs with one person each. The person's box is that of the joints with room around.

    Args:
        folder: as in the module's first lines.
        split: "train" or "heldout".
        at_least: photographs with fewer labelled joints are left out.

    Attributes:
        numbers: (N,) of the photographs.
        xy: (N, 14, 2) float32 0-based pixels, NaN where not labelled.
    """

    name = NAME
    skeleton = SKELETON

    def __init__(self, folder: Path, split: str, at_least: int = 6) -> None:
        labels = _labels(Path(folder), split)
        wanted = (~np.isnan(labels.xy[..., 0])).sum(1) >= at_least
        self.numbers, self.xy = labels.numbers[wanted], labels.xy[wanted]
        self._files = [file for file, taken in zip(labels.files, wanted, strict=True) if taken]
        self._jpeg: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The photograph once for every offset."""
        xy, pixels = self.xy[index], self._pixels(index)
        return LabelledClip(
            name=f"{self.name}/{int(self.numbers[index]):05d}",
            frames=(pixels,) * len(offsets),
            skeleton=self.skeleton,
            xy_image=np.repeat(xy[None], len(offsets), axis=0),
            visible=np.repeat(~np.isnan(xy[None, :, 0]), len(offsets), axis=0),
            box=box_around(xy),
        )

    def _pixels(self, index: int) -> Pixels:
        # The compressed files are kept (70 MB in all); reading them again from disk costs more than decoding.
        file, number = self._files[index], int(self.numbers[index])
        try:
            data = self._jpeg.setdefault(number, b"") or file.read_bytes()
            self._jpeg[number] = data
            return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{file}: {error}") from None


def videos(folder: Path, split: str) -> tuple[LabelledVideo, ...]:
    """The photographs of a part, as videos of one frame, without boxes.

    Raises:
        InputError: the folder is not laid out as in the module's first lines.
    """
    labels = _labels(Path(folder), split)
    visible = np.ones(len(SKELETON), dtype=bool)
    return tuple(lsp.one(file, xy, visible) for file, xy in zip(labels.files, labels.xy, strict=True))


def defects(folder: Path, split: str) -> Iterator[Defect | None]:
    """What is wrong with the photographs of a part, and None after each."""
    return lsp.defects_of_photographs(videos(folder, split), _labels_file(Path(folder)))


class _Labels(NamedTuple):
    """Numbers (N,), files and joints (N, 14, 2) of the photographs."""

    numbers: NDArray[np.integer]
    files: list[Path]
    xy: Floats


def _labels_file(folder: Path) -> Path:
    for name in ("joints.npz", "joints.mat"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder}: no joints.npz there, nor joints.mat; wanted the folder of LSP-extended")


def _labels(folder: Path, split: str) -> _Labels:
    """All photographs of a part."""
    file = _labels_file(folder)
    numbers: NDArray[np.integer]
    if split not in SPLITS:
        raise InputError(f"split must be train or heldout, got {split!r}")
    if file.suffix == ".mat":
        joints = matlab.read(file, {"joints": (len(SKELETON), 3, None)})["joints"].transpose(2, 0, 1)
        numbers = np.arange(1, len(joints) + 1)
        xy = matlab.zero_based(np.where(joints[..., 2:] == 1, joints[..., :2], np.nan))
        pattern = "im{:05d}.jpg"
    else:
        numbers, xy, names = _arrays(file)
        if names != SKELETON.joints:
            raise InputError(f"{file}: names must be {', '.join(SKELETON.joints)}, got {', '.join(names)}")
        if xy.shape != (len(numbers), len(SKELETON), 2):
            raise InputError(f"{file}: xy must be ({len(numbers)}, {len(SKELETON)}, 2), got {xy.shape}")
        pattern = "{:05d}.jpg"
    wanted = (numbers % 10 == 0) == (split == "heldout")
    files = [folder / "images" / pattern.format(number) for number in numbers[wanted].tolist()]
    return _Labels(numbers[wanted], files, xy[wanted])


def _arrays(file: Path) -> tuple[NDArray[np.integer], Floats, tuple[str, ...]]:
    """Numbers of the images (N,), joints (N, 14, 2) and joint names of `joints.npz`."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            missing = [name for name in ("image", "xy") if name not in arrays]
            if missing:
                raise InputError(f"{file}: no array {', '.join(missing)}; wanted image, xy")
            # LSP calls the point between the shoulders "neck"; the skeleton's name for it is head_bottom.
            given = arrays.get("names", LSP_14.joints)
            names = tuple("head_bottom" if name == "neck" else str(name) for name in given)
            return arrays["image"].astype(np.int64), arrays["xy"].astype(np.float32), names
    except InputError:
        raise
    except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: not a readable .npz of plain arrays ({error})") from None
