"""Blocks that at least two models use, and timm backbones behind one shape."""
