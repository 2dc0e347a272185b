"""Losses on the maps that a head draws, by the kind of map."""

import torch
from torch import Tensor, nn

from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.clips.heatmap import TARGET_DEVIATION, MapKind, gaussian_maps


def heatmap_loss(kind: MapKind, weight: float = 1.0) -> nn.Module:
    """The loss for maps of a kind."""
    return HeatmapMSE(weight) if kind == "gaussian" else HeatmapCrossEntropy(weight)


class HeatmapCrossEntropy(nn.Module):
    """Cross-entropy of log-probability maps with a Gaussian at the true joint, in units of `weight`.

    For heads whose `heatmaps` are logarithms of maps that sum to one (DSTA with `integral_fc`, others with maps of kind
    "log"). Summed over joints, averaged over answered frames and divided by the batch size, like the loss it stands
    beside.

    Args:
        weight: factor of the loss.
        deviation: of the Gaussian, in cells of the map.
    """

    def __init__(self, weight: float = 1.0, deviation: float = TARGET_DEVIATION["log"]) -> None:
        super().__init__()
        self.weight, self.deviation = weight, deviation

    def forward(self, output: PoseOutput, batch: ClipBatch) -> dict[str, Tensor]:
        maps, target = _maps_and_target(output, batch, self.deviation)
        target = target / target.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-6)
        per_joint = -(target * maps).sum(dim=(-2, -1))  # (B, F, K)
        known = torch.where(batch.weight > 0, per_joint, 0.0)
        return {"heatmap": self.weight * known.sum() / (known.shape[0] * known.shape[1])}


class HeatmapMSE(nn.Module):
    """Half the mean squared error of maps with a Gaussian of height 1 at the true joint, in units of `weight`.

    SimpleBaseline's loss, which TokenPose, ViTPose and FTP-Pose share: the mean over cells, joints, frames and batch,
    where a joint's maps are both multiplied by its weight.

    Args:
        weight: factor of the loss.
        deviation: of the Gaussian, in cells of the map.
    """

    def __init__(self, weight: float = 1.0, deviation: float = TARGET_DEVIATION["gaussian"]) -> None:
        super().__init__()
        self.weight, self.deviation = weight, deviation

    def forward(self, output: PoseOutput, batch: ClipBatch) -> dict[str, Tensor]:
        maps, target = _maps_and_target(output, batch, self.deviation)
        error = (maps - target) * batch.weight[..., None, None]
        return {"heatmap": self.weight * 0.5 * error.square().mean()}


def _maps_and_target(output: PoseOutput, batch: ClipBatch, deviation: float) -> tuple[Tensor, Tensor]:
    if output.heatmaps is None:
        raise ValueError("the heatmap loss needs a model that draws heatmaps")
    crop, grid = batch.pixels.shape[-2:], output.heatmaps.shape[-2:]
    target = gaussian_maps(batch.xy_crop, (crop[0], crop[1]), (grid[0], grid[1]), deviation)
    return output.heatmaps.float(), target
