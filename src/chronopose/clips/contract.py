"""The contract between both sides of the house: what a model is shown, what it answers, and when.

Dimensions, for the whole package: B batch, T frames shown, F frames answered, K joints, H W crop, h w heatmap,
C channels, N tokens, D width, P people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from chronopose.clips.moving import Moving
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


class ClipBatch(NamedTuple):
    """What the loss sees: crops, and the truth of the answered frames in crop pixels.

    An unknown joint has xy_crop 0 and weight 0: NaN stops at the border between numpy and tensors.
    """

    pixels: UInt8[Tensor, "B T 3 H W"]
    xy_crop: Float[Tensor, "B F K 2"]
    weight: Float[Tensor, "B F K"]


class PoseOutput(NamedTuple):
    """A model's answer, in crop pixels.

    `sigma` is one standard deviation in crop pixels. `heatmaps` are whatever maps the head draws on its way, for the
    loss that knows their kind; None where a model draws none.
    """

    xy_crop: Float[Tensor, "B F K 2"]
    score: Float[Tensor, "B F K"]
    sigma: Float[Tensor, "B F K 2"] | None = None
    heatmaps: Float[Tensor, "B F K h w"] | None = None


class Carried(NamedTuple):
    """What a recurrent model remembers of B persons after a frame; `valid` is False for those it has not seen yet."""

    tokens: Float[Tensor, "B ..."]
    valid: Bool[Tensor, " B"]


@runtime_checkable
class PoseModel(Protocol):
    """Every pose model: an `nn.Module` with a spec, a skeleton, and an answer in two steps.

    `encode` looks at single frames (its result is what a stream caches), `fuse` looks across time. `state` is None for
    window models; where `spec.recurrent` it is a `Carried`, None meaning persons never seen before, and `fuse` over a
    clip equals a loop of `fuse` over its frames. Pixels are uint8 or float in 0..255; normalisation is the model's own.
    """

    spec: ClipSpec
    skeleton: Skeleton

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) pixels of single frames -> (N, ...) features."""
        ...

    def fuse(self, features: Tensor, state: Any = None) -> tuple[PoseOutput, Any]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call."""
        ...

    def __call__(self, pixels: Tensor) -> PoseOutput:
        """(B, T, 3, H, W) pixels of windows -> the answer: fuse(encode(every frame))."""
        ...


@runtime_checkable
class MovablePoseModel(PoseModel, Protocol):
    """A pose model whose features may be told for another crop than the one that they were encoded in."""

    def moving(self) -> Moving | None:
        """How they change as the crop moves; None where this one's configuration does not know it."""
        ...


@runtime_checkable
class RecurrentPoseModel(PoseModel, Protocol):
    """A pose model that carries a state."""

    def fresh(self, batch: int) -> Carried:
        """The state of persons never seen before, on the model's device."""
        ...


def moving_of(model: PoseModel) -> Moving | None:
    """How a model's features change as their crop moves, where it knows."""
    return model.moving() if isinstance(model, MovablePoseModel) else None


Loss = Callable[[PoseOutput, ClipBatch], dict[str, Tensor]]
"""A loss gives its parts by name; the trainer sums and logs them. It may be a module with parameters of its own."""
