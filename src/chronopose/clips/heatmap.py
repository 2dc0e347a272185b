"""Coordinates to heatmaps and back, under the house's pixel convention."""

import torch
from jaxtyping import Float
from torch import Tensor


def gaussian_maps(
    xy_crop: Float[Tensor, "*b K 2"], crop: tuple[int, int], grid: tuple[int, int], deviation: float
) -> Float[Tensor, "*b K h w"]:
    """Gaussians of height 1 at joints given in crop pixels, on a grid that covers the crop's area.

    Args:
        xy_crop: joints in crop pixels.
        crop: height and width of the crop in pixels.
        grid: height and width of the maps in cells.
        deviation: in cells.
    """
    (height, width), (rows, columns) = crop, grid
    x = (xy_crop[..., 0] + 0.5) * columns / width - 0.5
    y = (xy_crop[..., 1] + 0.5) * rows / height - 0.5
    across = torch.arange(columns, device=xy_crop.device) - x[..., None]  # (*b, K, w)
    down = torch.arange(rows, device=xy_crop.device) - y[..., None]  # (*b, K, h)
    scale = -0.5 / deviation**2
    return torch.exp(scale * down**2)[..., :, None] * torch.exp(scale * across**2)[..., None, :]


def expected_xy(maps: Float[Tensor, "*b K h w"], crop: tuple[int, int]) -> Float[Tensor, "*b K 2"]:
    """Mean position in crop pixels of non-negative maps, each normalised by its sum."""
    (height, width), (rows, columns) = crop, maps.shape[-2:]
    total = maps.sum(dim=(-2, -1)).clamp_min(torch.finfo(maps.dtype).tiny)
    x = (maps.sum(-2) * torch.arange(columns, device=maps.device)).sum(-1) / total
    y = (maps.sum(-1) * torch.arange(rows, device=maps.device)).sum(-1) / total
    return torch.stack([(x + 0.5) * width / columns - 0.5, (y + 0.5) * height / rows - 0.5], dim=-1)
