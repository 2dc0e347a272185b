"""Single images and folders of images, read as a video."""

import re
from collections.abc import Generator
from pathlib import Path

import numpy as np
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.types import Frame, Pixels, VideoInfo
from chronopose.video.limits import check_size

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
IMAGE_FPS = 25.0
"""Images carry no time: image number i is taken to be shown at i / 25 s."""

EXIF_ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a stored image upright, by its EXIF orientation."""


class ImageFolder:
    """Images of one size, in natural order (2 before 10), turned upright by their EXIF orientation.

    All headers are read at opening, the pixels of the first image too; the others are decoded one at a time.

    Args:
        paths: the image files, in order.
        name: of the source, for messages.

    Raises:
        InputError: an image cannot be read, is too large, or is not of the size of the first one.
    """

    def __init__(self, paths: list[Path], name: str) -> None:
        self._paths = paths
        width, height = _displayed_size(paths[0])
        _pixels(paths[0])
        for path in paths[1:]:
            found = _displayed_size(path)
            if found != (width, height):
                raise InputError(
                    f"{path}: the image is {found[0]} x {found[1]} pixels; "
                    f"wanted {width} x {height} like {paths[0].name}, one size for the whole folder"
                )
        self.info = VideoInfo(
            source=name,
            width=width,
            height=height,
            fps=IMAGE_FPS,
            frames=len(paths),
            duration_s=len(paths) / IMAGE_FPS,
        )

    def frames(self, start: int) -> Generator[Frame, None, str | None]:
        """Yield the frames from number `start` on; return None at a good end, else why an image broke off."""
        for index, path in enumerate(self._paths[start:], start):
            try:
                pixels = _pixels(path)
            except InputError as error:
                return str(error)
            if pixels.shape[:2] != (self.info.height, self.info.width):
                return f"{path} changed its size while it was read"
            yield Frame(index, index / IMAGE_FPS, pixels)
        return None

    def close(self) -> None:
        """Nothing stays open between two images."""


def images_in(folder: Path) -> list[Path]:
    """The image files directly in a folder, natural order, hidden ones left out.

    Raises:
        InputError: the folder cannot be listed, or holds no image.
    """
    try:
        paths = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}); wanted a readable folder of images") from None
    if not paths:
        raise InputError(f"{folder}: the folder holds no image; wanted files ending in {', '.join(IMAGE_SUFFIXES)}")
    return sorted(paths, key=_natural)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key: runs of digits by their value, the rest by letters whatever their case, ties by the exact name."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(int(part), "") if part[0] in "0123456789" else (-1, part.lower()) for part in parts], path.name


def _displayed_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright image, from its header."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = _orientation(image) in (5, 6, 7, 8)
    except Exception as error:  # damaged headers fail in Pillow in many ways
        raise _unreadable(path, error) from None
    check_size(str(path), width, height)
    return (height, width) if turned else (width, height)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 of an image that is not decoded yet."""
    # Pillow would decode a whole PNG to look for EXIF behind the pixels, where nobody writes it.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    found = image.getexif().get(EXIF_ORIENTATION)
    return found if isinstance(found, int) else 1


def _pixels(path: Path) -> Pixels:
    """(H, W, 3) RGB uint8 of the upright image; transparency is dropped, 16 bits become 8."""
    try:
        with Image.open(path) as image:
            check_size(str(path), *image.size)
            turn = TURNS.get(_orientation(image))
            upright = image if turn is None else image.transpose(turn)
            if upright.mode.startswith("I"):
                # Pillow would clip 16-bit greys at 255 where they want scaling.
                grey = (np.asarray(upright).clip(0, 65535) // 257).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            return np.array(upright.convert("RGB"), dtype=np.uint8)
    except InputError:
        raise
    except Exception as error:  # damaged data fails in Pillow in many ways
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    if isinstance(error, Image.DecompressionBombError):
        return InputError(f"{path}: the image is too large; wanted at most 67 megapixels")
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    else:
        # Pillow's "cannot identify" repeats the path.
        reason = "no known image data" if "identify" in str(error) else " ".join(str(error).split())
    return InputError(f"{path}: cannot be read as an image ({reason}); wanted a whole {path.suffix.lstrip('.')} file")
