"""Labelled videos: who is where in which frame, as every data set of videos gives it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelledPerson:
    """One person of a video, in the N frames in which he or she is labelled.

    Attributes:
        track_id: of the person in the video.
        frames: (N,) int64 places in the video's frames, from 0, ascending.
        xy_image: (N, K, 2) float32 0-based pixels, NaN where not labelled; joints may lie outside the image.
        visible: (N, K) bool, False where hidden or not labelled.
        box: (N, 4) float32 x1, y1, x2, y2 of the whole person, not enlarged.
        head_box: (N, 4) float32 of the head where the data set has it (PoseTrack), else None.
    """

    track_id: int
    frames: NDArray[np.int64]
    xy_image: Floats
    visible: NDArray[np.bool_]
    box: Floats
    head_box: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelledVideo:
    """One video and everybody labelled in it.

    Attributes:
        name: of the video in its data set.
        images: one picture for each frame, in order; or a video file.
        length: number of frames T.
        size: width and height in pixels, None where the labels do not say.
        labelled: (T,) bool, the frames that were given to the annotators. A labelled frame may show nobody.
        persons: everybody labelled.
    """

    name: str
    images: tuple[Path, ...] | Path
    length: int
    size: tuple[int, int] | None
    labelled: NDArray[np.bool_]
    persons: tuple[LabelledPerson, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something in a data set's folder that is not as its owners' documentation says.

    Attributes:
        file: in which it is.
        where: annotation, id and field; empty where the whole file is meant.
        what: is wrong, and what happens with it ("left out", "the previous box is taken", ...).
        known: whether the owners' release has it everywhere, as opposed to a damaged copy.
    """

    file: Path
    where: str
    what: str
    known: bool = False
