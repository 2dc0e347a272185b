"""LSP-extended photographs (Johnson and Everingham, CVPR 2011): 14 joints of one person each, as motionless clips."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.contract import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_of_points, box_size
from chronopose.core.skeleton import LSP_14
from chronopose.core.types import Floats, Pixels


class LSPExtended:
    """Photographs cropped to the person, from a folder with `joints.npz` and `images/NNNNN.jpg`.

    `joints.npz` holds image (N,), xy (N, 14, 2) 0-based pixels with NaN for unlabelled joints, size (N, 2) and names
    (14,). Images whose number is divisible by 10 are the held-out part. The person's box is the tight box of the joints
    enlarged by `around`, at least 1/4 as wide as high and as high as wide: joints end inside the body's outline.

    Args:
        folder: as above.
        split: "train" or "heldout".
        at_least: photographs with fewer labelled joints are left out.
    """

    name = "lspet"
    skeleton = LSP_14

    def __init__(self, folder: Path, split: Literal["train", "heldout"], at_least: int = 6) -> None:
        self.folder = Path(folder)
        file = self.folder / "joints.npz"
        if not file.is_file():
            raise InputError(f"{self.folder}: no joints.npz there; wanted the folder of LSP-extended")
        if split not in ("train", "heldout"):
            raise InputError(f"split must be train or heldout, got {split!r}")
        numbers, xy, names = _arrays(file)
        if names != self.skeleton.joints:
            raise InputError(f"{file}: names must be {', '.join(self.skeleton.joints)}, got {', '.join(names)}")
        if xy.shape != (len(numbers), len(self.skeleton), 2):
            raise InputError(f"{file}: xy must be ({len(numbers)}, {len(self.skeleton)}, 2), got {xy.shape}")
        wanted = (numbers % 10 == 0) == (split == "heldout")
        wanted &= (~np.isnan(xy[..., 0])).sum(1) >= at_least
        self.numbers, self.xy = numbers[wanted], xy[wanted]
        self._jpeg: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The photograph once for every offset."""
        number, xy = int(self.numbers[index]), self.xy[index]
        pixels = self._pixels(number)
        return LabelledClip(
            name=f"{self.name}/{number:05d}",
            frames=(pixels,) * len(offsets),
            skeleton=self.skeleton,
            xy_image=np.repeat(xy[None], len(offsets), axis=0),
            visible=np.repeat(~np.isnan(xy[None, :, 0]), len(offsets), axis=0),
            box=box_around(xy),
        )

    def _pixels(self, number: int) -> Pixels:
        # The compressed files are kept (70 MB in all); reading them again from disk costs more than decoding.
        file = self.folder / "images" / f"{number:05d}.jpg"
        try:
            data = self._jpeg.setdefault(number, b"") or file.read_bytes()
            self._jpeg[number] = data
            return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{file}: {error}") from None


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


def box_around(xy: Floats, around: float = 1.15) -> Floats:
    """A person's box (4,) float32 from joints (K, 2), NaN for unknown: joints end inside the body's outline."""
    tight = box_of_points(xy)
    size = box_size(tight) * around
    size = np.maximum(size, size.max() / 4)
    middle = (tight[:2] + tight[2:]) / 2
    return np.concatenate([middle - size / 2, middle + size / 2]).astype(np.float32)
