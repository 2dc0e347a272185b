"""What a model is shown: the one place where time is defined, and clips of frames before and after they are cut.

Dimensions, for the whole package: B batch, T frames shown, F frames answered, K joints, H W crop, h w heatmap,
C channels, N tokens, D width, P people.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSpec:
    """What a model is shown: the one place where time is defined.

    Args:
        offsets: the frames shown, relative to the key frame, ascending, e.g. (-2, -1, 0, 1, 2).
        predicts: the frames answered, a subset of `offsets` that holds the key frame; (0,) for that one alone.
        height: of the crop, in pixels.
        width: of the crop, in pixels.
        margin: how much the person's box is enlarged.
        recurrent: the model carries a state from frame to frame and never looks ahead: `offsets` is what it learns and
            is judged on, a stream shows it each frame once.
    """

    offsets: tuple[int, ...]
    predicts: tuple[int, ...] = (0,)
    height: int
    width: int
    margin: float = 1.25
    recurrent: bool = False

    def __post_init__(self) -> None:
        if not self.offsets or list(self.offsets) != sorted(set(self.offsets)):
            raise InputError(f"offsets must be ascending and without repeats, got {self.offsets}")
        if not self.predicts or not set(self.predicts) <= set(self.offsets):
            raise InputError(f"predicts must be among the offsets {self.offsets}, got {self.predicts}")
        if 0 not in self.predicts:
            raise InputError(f"predicts must hold the key frame 0, got {self.predicts}")
        if self.height < 8 or self.width < 8:
            raise InputError(f"the crop must be at least 8 x 8 pixels, got {self.height} x {self.width}")
        if not 1 <= self.margin <= 4:
            raise InputError(f"margin must lie in 1 to 4, got {self.margin}")

    @property
    def look_ahead(self) -> int:
        """Frames after the key frame that must be seen before it is answered."""
        return 0 if self.recurrent else max(self.offsets[-1], 0)

    @property
    def look_back(self) -> int:
        """Frames before the key frame that are shown with it."""
        return 0 if self.recurrent else max(-self.offsets[0], 0)

    @property
    def key(self) -> int:
        """Where the key frame stands in `offsets`."""
        return self.offsets.index(0)

    @property
    def answer(self) -> int:
        """Where the key frame stands in `predicts`."""
        return self.predicts.index(0)

    def window(self, key: int, first: int, last: int) -> tuple[int, ...]:
        """The frames shown for key frame `key` of a video with frames `first` to `last`: clamped at both ends."""
        return tuple(min(max(key + offset, first), last) for offset in self.offsets)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelledClip:
    """One labelled person over a window of whole frames: what a data set gives and `clips.crop` cuts.

    Attributes:
        name: of the sample in its data set, for reports and error messages.
        frames: T whole frames (H, W, 3) RGB uint8, in the order of the offsets asked for.
        skeleton: of the labels.
        xy_image: (T, K, 2) float32 image pixels, NaN where not labelled.
        visible: (T, K) bool, False where hidden or not labelled.
        box: (4,) float32 x1, y1, x2, y2 of the person in the key frame, not enlarged.
    """

    name: str
    frames: tuple[Pixels, ...]
    skeleton: Skeleton
    xy_image: Floats
    visible: NDArray[np.bool_]
    box: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Clip:
    """One person's window, cut out.

    Attributes:
        pixels: (T, H, W, 3) RGB uint8.
        crop_to_image: (T, 2, 3) float64, from crop pixels to the pixels of each frame.
    """

    pixels: Pixels
    crop_to_image: NDArray[np.float64]
