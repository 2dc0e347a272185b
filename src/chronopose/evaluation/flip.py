"""The flip test: a model's answer and its answer to the mirrored clip, averaged."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from chronopose.clips.contract import PoseModel, PoseOutput


class FlipTested(nn.Module):
    """A model that is asked about every clip twice, the second time mirrored.

    Coordinates are mirrored back and joints put back on their side; coordinates, scores and sigmas are averaged, maps
    left out. A feature is the pair of both crops' features. It is shown whole clips and carries nothing on.
    """

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.spec = replace(model.spec, recurrent=False)
        self.skeleton = model.skeleton
        self.model = model

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) pixels of single frames -> (N, 2, ...) features."""
        there, mirrored = self.model.encode(torch.cat([pixels, pixels.flip(-1)])).chunk(2)
        return torch.stack([there, mirrored], dim=1)

    def fuse(self, features: Tensor, state: Any = None) -> tuple[PoseOutput, None]:
        """(B, T, 2, ...) features of windows -> the averaged answer."""
        both, _ = self.model.fuse(features.transpose(1, 2).flatten(0, 1))
        order = torch.as_tensor(self.skeleton.flip_order, device=both.xy_crop.device)
        xy, mirrored = both.xy_crop[0::2], both.xy_crop[1::2, :, order]
        back = torch.stack([self.spec.width - 1 - mirrored[..., 0], mirrored[..., 1]], dim=-1)
        score, sigma = (
            None if part is None else (part[0::2] + part[1::2, :, order]) / 2 for part in (both.score, both.sigma)
        )
        assert score is not None
        return PoseOutput(xy_crop=(xy + back) / 2, score=score, sigma=sigma), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, T, 3, H, W) -> the answer."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]
