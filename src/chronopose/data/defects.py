"""What is wrong in a folder of videos: what its reader put right or stops at, and pictures that cannot be read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.data.videos import Defect, LabelledVideo
from chronopose.video.limits import check_size
from chronopose.video.reader import open_video

# How whole JPEG and PNG files end.
_ENDS = (b"\xff\xd9", b"IEND\xaeB`\x82")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A video as it was read, and the defects that its reader put right."""

    video: LabelledVideo
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A video that can be read.

    Args:
        file: of its labels.
        where: in that file; empty where the whole file is the video's.
        read: reads it; None where it turns out to be of another part of the data set. Raises `InputError` at defects
            that cannot be put right.
    """

    file: Path
    where: str = ""
    read: Callable[[], Found | None]


def standing_in(good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(T,) for each frame the last good one up to it, before the first good one that; at least one has to be good."""
    found: NDArray[np.int64] = np.maximum.accumulate(np.where(good, np.arange(len(good)), np.argmax(good)))
    return found


def videos_of(units: Iterable[Unit]) -> tuple[LabelledVideo, ...]:
    """All videos; raises `InputError` at the first defect that cannot be put right."""
    return tuple(found.video for unit in units if (found := unit.read()) is not None)


def defects_of(units: Iterable[Unit]) -> Iterator[Defect | None]:
    """The defects of all videos and their pictures, and None after each video."""
    for unit in units:
        try:
            found = unit.read()
        except InputError as error:
            yield stopping(error, unit.file, unit.where)
        else:
            if found is not None:
                yield from found.defects
                yield from _of_footage(found.video)
        yield None


def check_pictures(images: tuple[Path, ...], labels: Path) -> tuple[Defect, ...]:
    """Sees whether a video's pictures, all in one folder, are there; a surplus of them is a defect.

    Raises:
        InputError: one is missing.
    """
    folder, suffix = images[0].parent, images[0].suffix
    there = {picture.name for picture in folder.glob(f"*{suffix}")}
    missing = [image.name for image in images if image.name not in there]
    if missing:
        raise InputError(f"{folder}: no {missing[0]}; {labels.name} has labels for {len(images)} frames")
    if len(there) == len(images):
        return ()
    what = f"{len(there)} pictures, labels for {len(images)}; those without are left out"
    return (Defect(file=folder, where="", what=what),)


def stopping(error: InputError, file: Path, where: str = "") -> Defect:
    """The defect that a reader stopped at; its message begins with the file and the place in it."""
    message = str(error).removeprefix(str(file)).lstrip(":. ")
    if where and message.startswith(where):
        message = message.removeprefix(where).lstrip(":. ")
    return Defect(file=file, where=where, what=f"{message}; reading stops here")


def defect_of_picture(file: Path, size: tuple[int, int] | None) -> Defect | None:
    """What is wrong with a picture, as far as its header and its end tell; `size` is width and height, if known."""
    try:
        with Image.open(file) as picture:
            check_size(str(file), *picture.size)
            if size is not None and picture.size != size:
                found, wanted = (f"{width} x {height}" for width, height in (picture.size, size))
                return Defect(file=file, where="", what=f"{found} pixels, wanted {wanted}; reading stops here")
            # Decoding every picture takes long; one that ends as it should was copied to its end.
            if not _ends_well(file):
                picture.load()
    except InputError as error:
        return stopping(error, file)
    except Exception as error:  # damaged files fail in Pillow in many ways
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())[:120]
        return Defect(file=file, where="", what=f"cannot be read as a picture ({reason}); reading stops here")
    return None


def _ends_well(file: Path) -> bool:
    with file.open("rb") as stored:
        stored.seek(-min(16, file.stat().st_size), 2)
        return stored.read().endswith(_ENDS)


def _of_footage(video: LabelledVideo) -> Iterator[Defect]:
    """The defects of a video's pictures, or of its file."""
    if isinstance(video.images, Path):
        try:
            with open_video(video.images) as frames:
                size, length = (frames.info.width, frames.info.height), sum(1 for _ in frames)
        except InputError as error:
            yield stopping(error, video.images)
            return
        if length < video.length:
            what = f"{length} frames, the labels have {video.length}; reading stops here"
            yield Defect(file=video.images, where="", what=what)
        if video.size not in (None, size):
            what = f"frames of {size[0]} x {size[1]} pixels, the labels say otherwise; reading stops here"
            yield Defect(file=video.images, where="", what=what)
        return
    size_wanted = video.size
    for file in video.images:
        defect = defect_of_picture(file, size_wanted)
        if defect is not None:
            yield defect
        elif size_wanted is None:
            with Image.open(file) as picture:
                size_wanted = picture.size
