"""Coordinates to heatmaps and back, under the house's pixel convention."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

from chronopose.clips.contract import PoseOutput

MapKind = Literal["gaussian", "log"]
"""What a head's maps are: Gaussians of height 1 at the joint, as the papers regress them, or logarithms of
probabilities that sum to one over a map."""

TARGET_DEVIATION = {"gaussian": 2.0, "log": 1.0}
"""Deviation of a true joint's Gaussian in cells of the map, by the kind of map."""

REACH = 2
"""Cells around a map's peak that the place of a "log" joint is averaged over."""


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
    rows, columns = maps.shape[-2:]
    total = maps.sum(dim=(-2, -1)).clamp_min(torch.finfo(maps.dtype).tiny)
    x = (maps.sum(-2) * torch.arange(columns, device=maps.device)).sum(-1) / total
    y = (maps.sum(-1) * torch.arange(rows, device=maps.device)).sum(-1) / total
    return _in_crop(torch.stack([x, y], dim=-1), crop, (rows, columns))


def pose_from_maps(
    maps: Float[Tensor, "B F K h w"], crop: tuple[int, int], kind: MapKind, sigma_scale: float = 1.0
) -> PoseOutput:
    """The answer of a head that draws maps.

    Args:
        maps: of kind "gaussian" as they are; for "log" the logits, which are normalised here.
        crop: height and width of the crop in pixels.
        kind: see `MapKind`. "gaussian" gives the peak refined by `dark_xy`, the peak's height as score, and no sigma.
            "log" gives the mean around the peak, the probability around it as score, and as sigma the deviation of the
            whole map, less that of the target.
        sigma_scale: multiplies sigma.
    """
    maps = maps.float()
    if kind == "gaussian":
        xy, height = dark_xy(maps, crop)
        return PoseOutput(xy_crop=xy, score=height.clamp(0, 1), heatmaps=maps)
    logs = maps.flatten(-2).log_softmax(-1).view(maps.shape)
    chance = logs.exp()
    peak = chance * _around_peak(chance)
    xy = expected_xy(peak, crop)
    sigma = _deviation(chance, xy, crop) * sigma_scale
    return PoseOutput(xy_crop=xy, score=peak.sum((-2, -1)).clamp(0, 1), sigma=sigma, heatmaps=logs)


def dark_xy(
    maps: Float[Tensor, "*b K h w"], crop: tuple[int, int], deviation: float = 2.0
) -> tuple[Float[Tensor, "*b K 2"], Float[Tensor, "*b K"]]:
    """Peaks of Gaussian maps in crop pixels, and their heights.

    DARK, Zhang et al., CVPR 2020, arXiv:1910.06278: the map is smoothed, and the logarithm's second-order expansion
    about its highest cell tells how far the peak stands from the cell's middle, at most one cell here.

    Args:
        maps: any real values; what is not positive counts as nearly nothing.
        crop: height and width of the crop in pixels.
        deviation: of the Gaussian that smooths, in cells; that of the training target.
    """
    rows, columns = maps.shape[-2:]
    height = maps.flatten(-2).amax(-1)
    smooth = _smoothed(maps.clamp_min(0), deviation)
    peak = smooth.flatten(-2).argmax(-1)
    row, column = peak // columns, peak % columns
    # The expansion wants a neighbour on every side: at the border it is taken one cell inside.
    y, x = row.clamp(1, max(rows - 2, 1)), column.clamp(1, max(columns - 2, 1))
    logs = smooth.clamp_min(1e-10).log().flatten(-2)

    def at(dy: int, dx: int) -> Tensor:
        place = (y + dy).clamp(0, rows - 1) * columns + (x + dx).clamp(0, columns - 1)
        return logs.gather(-1, place[..., None]).squeeze(-1)

    centre = at(0, 0)
    slope_x, slope_y = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    bend_x, bend_y = at(0, 1) + at(0, -1) - 2 * centre, at(1, 0) + at(-1, 0) - 2 * centre
    twist = (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1)) / 4
    bent = bend_x * bend_y - twist**2
    usable = (bent > 1e-9) & (bend_x < 0)  # a true maximum
    safe = torch.where(usable, bent, 1.0)
    step_x = torch.where(usable, (twist * slope_y - bend_y * slope_x) / safe, 0.0).clamp(-1, 1)
    step_y = torch.where(usable, (twist * slope_x - bend_x * slope_y) / safe, 0.0).clamp(-1, 1)
    # Where there is no maximum to expand about, the highest cell itself is the answer.
    place_x = torch.where(usable, x + step_x, column.to(step_x.dtype))
    place_y = torch.where(usable, y + step_y, row.to(step_y.dtype))
    return _in_crop(torch.stack([place_x, place_y], dim=-1), crop, (rows, columns)), height


def _in_crop(cells: Tensor, crop: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Places (..., 2) in cells, x first, as crop pixels."""
    (height, width), (rows, columns) = crop, grid
    x, y = cells.unbind(-1)
    return torch.stack([(x + 0.5) * width / columns - 0.5, (y + 0.5) * height / rows - 0.5], dim=-1)


def _around_peak(maps: Tensor) -> Tensor:
    """(..., h, w) 1 within `REACH` cells of the highest, 0 elsewhere."""
    rows, columns = maps.shape[-2:]
    peak = maps.flatten(-2).argmax(-1)[..., None]
    down = (torch.arange(rows, device=maps.device) - peak // columns).abs() <= REACH
    across = (torch.arange(columns, device=maps.device) - peak % columns).abs() <= REACH
    return (down[..., :, None] & across[..., None, :]).to(maps.dtype)


def _deviation(chance: Tensor, xy: Tensor, crop: tuple[int, int]) -> Tensor:
    """(..., 2) root mean square distance from `xy` under probabilities (..., h, w), in crop pixels, by axis."""
    rows, columns = chance.shape[-2:]
    cell_y, cell_x = crop[0] / rows, crop[1] / columns
    x = (torch.arange(columns, device=chance.device) + 0.5) * cell_x - 0.5
    y = (torch.arange(rows, device=chance.device) + 0.5) * cell_y - 0.5
    spread_x = (chance.sum(-2) * (x - xy[..., :1]) ** 2).sum(-1)
    spread_y = (chance.sum(-1) * (y - xy[..., 1:]) ** 2).sum(-1)
    # Learned maps are as wide as the target where the joint is sure; a quarter of a cell is what is left then.
    blur, least = TARGET_DEVIATION["log"] ** 2, 1 / 16
    return torch.stack(
        [
            (spread_x / cell_x**2 - blur).clamp_min(least).sqrt() * cell_x,
            (spread_y / cell_y**2 - blur).clamp_min(least).sqrt() * cell_y,
        ],
        dim=-1,
    )


def _smoothed(maps: Tensor, deviation: float) -> Tensor:
    """Maps (..., h, w) under a Gaussian of this deviation in cells, cut at 2.5 deviations."""
    reach = math.ceil(2.5 * deviation)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=maps.device) / deviation) ** 2).to(maps.dtype)
    kernel = kernel / kernel.sum()
    flat = maps.flatten(0, -3)[:, None]  # (n, 1, h, w)
    flat = conv2d(flat, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return conv2d(flat, kernel.view(1, 1, 1, -1), padding=(0, reach)).view(maps.shape)
