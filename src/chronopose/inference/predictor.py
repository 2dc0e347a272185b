"""Clips to poses: the model's two steps on packed batches, numpy on both sides."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chronopose.clips.contract import PoseModel, PoseOutput, moving_of
from chronopose.clips.moving import moves
from chronopose.core.errors import InputError
from chronopose.core.geometry import apply, apply_to_sigma
from chronopose.core.types import Floats, Pixels
from chronopose.runtimes.contract import Runtime
from chronopose.runtimes.in_torch import TorchRuntime


class Joints(NamedTuple):
    """Joints of N persons in image pixels: xy (N, K, 2), score (N, K), sigma (N, K, 2) or None; float32."""

    xy: Floats
    score: Floats
    sigma: Floats | None


class Predictor:
    """A model in its runtime, for crops of any number of persons and frames at once.

    Args:
        model: a pose model, which torch runs as it is, in eval mode on the device; or a runtime, ready for use.
        device: as torch writes it; "auto" is a GPU where there is one. A runtime has its own.
        batch: crops encoded in one pass; more need memory and gain little.
    """

    def __init__(self, model: PoseModel, device: str = "auto", batch: int = 32) -> None:
        self.model = model
        self.runtime: Runtime = (
            model
            if isinstance(model, Runtime)
            else TorchRuntime(model, torch.device(pick_device(device)), moving=moving_of(model))
        )
        self.device = self.runtime.device
        self.batch = batch

    @torch.inference_mode()
    def encode(self, crops: Pixels) -> Tensor:
        """Features (N, ...) on the device of single-frame crops (N, H, W, 3) uint8."""
        parts = []
        for start in range(0, len(crops), self.batch):
            pixels = torch.from_numpy(crops[start : start + self.batch]).to(self.device, non_blocking=True)
            # A permuted view is channels-last memory: no copy.
            parts.append(self.runtime.encode(pixels.permute(0, 3, 1, 2)))
        return torch.cat(parts)

    @torch.inference_mode()
    def fuse(self, features: Tensor, state: Any = None) -> tuple[PoseOutput, Any]:
        """The answer for windows of features (B, T, ...), less the maps that only losses read, and the next state."""
        output, after = self.runtime.fuse(features, state)
        return output._replace(heatmaps=None), after

    @torch.inference_mode()
    def moved(self, features: Tensor, before: NDArray[np.float64], after: NDArray[np.float64]) -> Tensor:
        """Features (N, ...) of crops under transforms (N, 2, 3), as crops under others would have them.

        The runtime must know how they move, see `Runtime.moving`.
        """
        assert self.runtime.moving is not None
        return self.runtime.moving(features, moves(before, after, self.model.spec.height, self.model.spec.width))

    def joints(self, features: Tensor, crop_to_image: NDArray[np.float64]) -> Joints:
        """The key frame's joints of B windows of features (B, T, ...), in image pixels under transforms (B, 2, 3)."""
        output, _ = self.fuse(features)
        return in_image(output, self.model.spec.answer, crop_to_image)

    def clips(self, pixels: Pixels, crop_to_image: NDArray[np.float64]) -> Joints:
        """The key frame's joints of B clips (B, T, H, W, 3) under the key frames' transforms (B, 2, 3)."""
        batch, frames = pixels.shape[:2]
        features = self.encode(pixels.reshape(-1, *pixels.shape[2:]))
        return self.joints(features.reshape(batch, frames, *features.shape[1:]), crop_to_image)


def in_image(output: PoseOutput, answer: int, crop_to_image: NDArray[np.float64]) -> Joints:
    """A model's answer for answered frame number `answer`, moved to image pixels."""
    xy, score = output.xy_crop[:, answer].float().cpu().numpy(), output.score[:, answer].float().cpu().numpy()
    sigma = None
    if output.sigma is not None:
        sigma = apply_to_sigma(crop_to_image, output.sigma[:, answer].float().cpu().numpy()).astype(np.float32)
    return Joints(apply(crop_to_image, xy).astype(np.float32), score, sigma)


def joined(outputs: Sequence[PoseOutput]) -> PoseOutput:
    """The answers of several calls as if they came from one, without maps."""
    sigmas = [output.sigma for output in outputs if output.sigma is not None]
    return PoseOutput(
        xy_crop=torch.cat([output.xy_crop for output in outputs]),
        score=torch.cat([output.score for output in outputs]),
        sigma=torch.cat(sigmas) if sigmas else None,
    )


def pick_device(device: str) -> str:
    """`device` itself, or for "auto" the GPU where there is one and the CPU elsewhere.

    Raises:
        InputError: torch knows no such device, or it is not in this machine.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        # Asked for a value, since some devices only fail when they are used.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0][:120]
        raise InputError(f"device: {device!r} cannot be used here ({reason}); wanted auto, cpu or cuda") from None
    return device
