"""Position codes."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def grid_code(height: int, width: int, channels: int) -> Float[Tensor, "hw C"]:
    """A smooth code for each cell of a grid, row by row: x, y, x^2, y^2, then sines and cosines of rising frequency.

    Coordinates run from -1 to 1 over the grid's area. The expectation of the code under a map that sums to one holds
    the map's mean (from x, y) and spread (from x^2, y^2) linearly, and finer detail in the waves.
    """
    y, x = torch.meshgrid(_centres(height), _centres(width), indexing="ij")
    axes = torch.stack([x.flatten(), y.flatten()], dim=1)  # (hw, 2)
    parts = [axes, axes**2]
    for octave in range(math.ceil(max(channels - 4, 0) / 4)):
        angle = axes * math.pi / 2 * (octave + 1)
        parts += [angle.sin(), angle.cos()]
    return torch.cat(parts, dim=1)[:, :channels]


def _centres(count: int) -> Tensor:
    return (torch.arange(count) + 0.5) / count * 2 - 1
