"""Loss on the maps that a head draws on its way to coordinates."""

import torch
from torch import Tensor, nn

from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.clips.heatmap import gaussian_maps


class HeatmapCrossEntropy(nn.Module):
    """Cross-entropy of log-probability maps with a Gaussian at the true joint, in units of `weight`.

    For heads whose `heatmaps` are logarithms of maps that sum to one (DSTA with `integral_fc`). Summed over joints and
    divided by the batch size, like the loss it stands beside.

    Args:
        weight: factor of the loss.
        deviation: of the Gaussian, in cells of the map.
    """

    def __init__(self, weight: float = 1.0, deviation: float = 1.0) -> None:
        super().__init__()
        self.weight, self.deviation = weight, deviation

    def forward(self, output: PoseOutput, batch: ClipBatch) -> dict[str, Tensor]:
        if output.heatmaps is None:
            raise ValueError("the heatmap loss needs a model that draws heatmaps")
        (height, width), (rows, columns) = batch.pixels.shape[-2:], output.heatmaps.shape[-2:]
        target = gaussian_maps(batch.xy_crop, (height, width), (rows, columns), self.deviation)
        target = target / target.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-6)
        per_joint = -(target * output.heatmaps.float()).sum(dim=(-2, -1))  # (B, F, K)
        known = torch.where(batch.weight > 0, per_joint, 0.0)
        return {"heatmap": self.weight * known.sum() / len(known)}
