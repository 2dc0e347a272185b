"""Residual log-likelihood loss: a learned density of the error, used in training alone.

Li et al., "Human Pose Regression with Residual Log-likelihood Estimation", ICCV 2021, arXiv:2107.11291; written anew.
With e = (pred - true)/sigma, per joint and axis, in units of the crop:

    [log sigma - log phi(e)]  +  q        q = log(sqrt(2) sigma) + sqrt(2) |e|     the Laplace density

The published code of RLE and DSTA differs in two places, both of which can be asked for:
- it counts a joint's log phi once per axis. Then nothing holds sigma down: a narrower phi and a larger sigma always
  gain. From scratch the bundled model's sigma grew to 0.63 of the crop with an error of 0.11 (docs/log.md).
- its q is log(sigma sqrt(2 pi)) + |e|/sqrt(2), a Laplace error under a Gaussian normaliser: at its optimum sigma is
  half a Laplace standard deviation. mmpose has log(2 sigma) + |e|.

The flow's prior is the standard normal (DSTA's code centres it at 0.5, which a residual cannot see), and unknown joints
get a zero residual before the flow, so that no infinity is ever multiplied by a weight of zero.
"""

import math
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.core.skeleton import Skeleton


class RLELoss(nn.Module):
    """The loss "rle", over joints and axes summed and divided by the batch size.

    Args:
        skeleton: of the model, for the joint weights.
        q_form: "laplace" makes sigma a standard deviation; "rle" and "mmpose" are the published forms.
        flow_per: count log phi once per "joint", as a likelihood does, or once per "axis", as the published code does.
        limb_weights: weigh elbows and knees 1.2, wrists and ankles 1.5, as the authors' code does.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        q_form: Literal["laplace", "rle", "mmpose"] = "laplace",
        flow_per: Literal["joint", "axis"] = "joint",
        limb_weights: bool = True,
    ) -> None:
        super().__init__()
        self.flow = RealNVP()
        self.q_form, self.flow_per = q_form, flow_per
        ends = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}
        weights = [ends.get(joint.split("_")[-1], 1.0) if limb_weights else 1.0 for joint in skeleton.joints]
        self.register_buffer("joint_weights", torch.tensor(weights), persistent=False)

    def forward(self, output: PoseOutput, batch: ClipBatch) -> dict[str, Tensor]:
        if output.sigma is None:
            raise ValueError("the residual log-likelihood loss needs a model that answers sigma")
        height, width = batch.pixels.shape[-2:]
        size = output.xy_crop.new_tensor([width, height], dtype=torch.float32)
        weight = batch.weight * cast(Tensor, self.joint_weights)  # (B, F, K)
        known = (batch.weight > 0)[..., None]
        error = torch.where(known, output.xy_crop.float() - batch.xy_crop, 0.0) / size
        sigma = torch.where(known, output.sigma.float(), 1.0) / size

        residual = error / sigma  # (B, F, K, 2)
        density = self.flow(residual.flatten(0, -2)).unflatten(0, residual.shape[:-1])  # (B, F, K)
        flow = sigma.log() - density[..., None] * (0.5 if self.flow_per == "joint" else 1.0)
        if self.q_form == "laplace":
            base = (math.sqrt(2) * sigma).log() + math.sqrt(2) * error.abs() / sigma
        elif self.q_form == "rle":
            base = sigma.log() + math.log(math.sqrt(2 * math.pi)) + error.abs() / (math.sqrt(2) * sigma + 1e-9)
        else:
            base = (2 * sigma).log() + error.abs() / (sigma + 1e-9)
        return {"rle": ((flow + base) * weight[..., None]).sum() / len(weight)}


class RealNVP(nn.Module):
    """The density phi of a standardised residual: six affine couplings over a standard normal (53,784 parameters)."""

    masks: Tensor

    def __init__(self, couplings: int = 6, hidden: int = 64) -> None:
        super().__init__()
        self.register_buffer("masks", torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(couplings // 2, 1))
        self.scales = nn.ModuleList(_perceptron(hidden, nn.Tanh()) for _ in range(couplings))
        self.shifts = nn.ModuleList(_perceptron(hidden, nn.Identity()) for _ in range(couplings))

    def forward(self, residual: Float[Tensor, "N 2"]) -> Float[Tensor, " N"]:
        """Log-density of residuals, in float32."""
        z, log_volume = residual, residual.new_zeros(len(residual))
        for mask, scale, shift in reversed(list(zip(self.masks, self.scales, self.shifts, strict=True))):
            fixed = mask * z
            s, t = scale(fixed) * (1 - mask), shift(fixed) * (1 - mask)
            z = fixed + (1 - mask) * (z - t) * torch.exp(-s)
            log_volume = log_volume - s.sum(-1)
        return log_volume - 0.5 * (z**2).sum(-1) - math.log(2 * math.pi)


def _perceptron(hidden: int, last: nn.Module) -> nn.Sequential:
    layers = [
        nn.Linear(2, hidden),
        nn.LeakyReLU(),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(),
        nn.Linear(hidden, 2),
        last,
    ]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
    return nn.Sequential(*layers)
