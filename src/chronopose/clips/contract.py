"""The contract between both sides of the house: what a model is given and what it answers, as tensors.

Dimensions are those of `clips.spec`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from chronopose.clips.moving import Moving
from chronopose.clips.spec import ClipSpec
from chronopose.core.skeleton import Skeleton


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
