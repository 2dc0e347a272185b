"""Clips to poses: crops through a runtime's two steps, and its answers in image pixels."""

from typing import TYPE_CHECKING, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.moving import moves
from chronopose.core.geometry import apply, apply_to_sigma
from chronopose.core.types import Floats, Pixels
from chronopose.runtimes.contract import Answer, Rows, Runtime, State, on_host
from chronopose.runtimes.devices import pick_device

if TYPE_CHECKING:
    from chronopose.clips.contract import PoseModel


class Joints(NamedTuple):
    """Joints of N persons in image pixels: xy (N, K, 2), score (N, K), sigma (N, K, 2) or None; float32."""

    xy: Floats
    score: Floats
    sigma: Floats | None


class Predictor:
    """A runtime, for crops of any number of persons and frames at once.

    Args:
        model: a runtime, ready for use; or a pose model, which torch runs as it is, in eval mode on the device.
        device: as torch writes it; "auto" is a GPU where there is one. A runtime has its own.
    """

    def __init__(self, model: Union[Runtime, "PoseModel"], device: str = "auto") -> None:
        self.runtime = model if isinstance(model, Runtime) else _in_torch(model, pick_device(device))
        self.spec, self.skeleton, self.device = self.runtime.spec, self.runtime.skeleton, self.runtime.device

    def encode(self, crops: Pixels) -> Rows:
        """Features (N, ...) of single-frame crops (N, H, W, 3) uint8."""
        return self.runtime.encode(crops)

    def fuse(self, features: Rows, state: State | None = None) -> tuple[Answer, State | None]:
        """The answer for windows of features (B, T, ...), and the next state."""
        return self.runtime.fuse(features, state)

    def moved(self, features: Rows, before: NDArray[np.float64], after: NDArray[np.float64]) -> Rows:
        """Features (N, ...) of crops under transforms (N, 2, 3), as crops under others would have them.

        The runtime must know how they move, see `Runtime.moving`.
        """
        return self.runtime.moved(features, moves(before, after, self.spec.height, self.spec.width))

    def joints(self, features: Rows, crop_to_image: NDArray[np.float64]) -> Joints:
        """The key frame's joints of B windows of features (B, T, ...), in image pixels under transforms (B, 2, 3)."""
        answer, _ = self.fuse(features)
        return in_image(on_host(self.runtime, [answer]), self.spec.answer, crop_to_image)

    def clips(self, pixels: Pixels, crop_to_image: NDArray[np.float64]) -> Joints:
        """The key frame's joints of B clips (B, T, H, W, 3) under the key frames' transforms (B, 2, 3)."""
        batch, frames = pixels.shape[:2]
        features = self.encode(pixels.reshape(-1, *pixels.shape[2:]))
        return self.joints(features.reshape(batch, frames, *features.shape[1:]), crop_to_image)


def _in_torch(model: "PoseModel", device: str) -> Runtime:
    from chronopose.clips.contract import moving_of
    from chronopose.runtimes.in_torch import TorchRuntime

    return TorchRuntime(model, device, moving=moving_of(model))


def in_image(answer: Answer, frame: int, crop_to_image: NDArray[np.float64]) -> Joints:
    """A runtime's answer on the host for answered frame number `frame`, moved to image pixels."""
    xy = apply(crop_to_image, answer.xy_crop[:, frame]).astype(np.float32)
    sigma = None
    if answer.sigma is not None:
        sigma = apply_to_sigma(crop_to_image, answer.sigma[:, frame]).astype(np.float32)
    return Joints(xy, answer.score[:, frame], sigma)
