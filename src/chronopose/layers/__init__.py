"""Blocks that at least two models use, and timm backbones behind one shape."""

from chronopose.layers.density_peaks import density_peaks

__all__ = ["density_peaks"]
