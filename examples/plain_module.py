"""The model without anything around it: a plain `torch.nn.Module`, whole or in its two steps."""

import torch

from chronopose.layers.backbone import BackboneConfig
from chronopose.models.dsta import DSTA, DSTAConfig


def main() -> None:
    """Runs a random DSTA on random clips, at once and frame by frame."""
    config = DSTAConfig(backbone=BackboneConfig(name="resnet18"), offsets=(-2, -1, 0), height=128, width=96)
    model = DSTA(config).eval()
    clips = torch.randint(0, 256, (2, 3, 3, 128, 96), dtype=torch.uint8)  # (B, T, 3, H, W)
    with torch.inference_mode():
        answer = model(clips)
        tokens = model.encode(clips.flatten(0, 1))  # (B T, K, D): what a stream keeps of each frame
        again, _ = model.fuse(tokens.unflatten(0, (2, 3)))
    print(f"joints {tuple(answer.xy_crop.shape)}, sigma {tuple(answer.sigma.shape)}, tokens {tuple(tokens.shape)}")
    print(f"two steps differ by {(answer.xy_crop - again.xy_crop).abs().max():.1e} px")


if __name__ == "__main__":
    main()
