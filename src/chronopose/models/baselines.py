"""Baselines of one frame: SimpleBaseline, HRNet and ViTPose draw a map per joint, RLE regresses its coordinates.

They are what the temporal models are measured against, and one class serves each kind:

| network | class | fields |
|---|---|---|
| SimpleBaseline, Xiao et al., ECCV 2018, arXiv:1804.06208 | `SimpleBaseline` | a ResNet, `deconvs` 3 |
| HRNet, Sun et al., CVPR 2019, arXiv:1902.09212 | `SimpleBaseline` | "hrnet_w32" or "hrnet_w48", `deconvs` 0 |
| ViTPose, classic head, Xu et al., NeurIPS 2022, arXiv:2204.12484 | `SimpleBaseline` | a "vitpose_", `deconvs` 2 |
| ViTPose, simple head, the same paper | `SimpleBaseline` | a "vitpose_", `head` "simple", `deconvs` 0 |
| RLE, Li et al., ICCV 2021, arXiv:2107.11291 | `Regression` | a ResNet |

Written from the papers, with facts where they are silent taken from the authors' code; no code is copied. As in the
published code of RLE, the layer of the coordinates sees the pooled features divided by their length and the layer of
sigma sees them as they are; coordinates count from the middle of the crop.

Departures: `maps="log"` is ours; the division has an eps, so that a black picture is no NaN; sigma is bounded below at
1e-4 of the crop, so that the loss stays finite.

Checked against: the published counts of parameters and multiply-accumulates (tests/recipes/test_published.py); the
contract of all models (tests/contracts/test_pose_model.py).

| step | shape | |
|---|---|---|
| pixels | (B, 1, 3, H, W) | one frame |
| encode, maps | (N, 3, H, W) -> (N, K, h, w) | backbone, transposed convolutions that each double the map, 1 x 1 |
| encode, maps, simple head | (N, 3, H, W) -> (N, K, h, w) | backbone, ReLU, bilinear enlargement by 4, 3 x 3 |
| encode, regression | (N, 3, H, W) -> (N, K, 4) | backbone, global average, coordinates and raw sigma |
| fuse | (B, 1, ...) -> (B, 1, K, 2) | decoding alone |
"""

from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from chronopose.clips.contract import PoseOutput
from chronopose.clips.heatmap import MapKind, pose_from_maps
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, check_known
from chronopose.layers.backbone import Backbone, BackboneConfig


@dataclass(frozen=True, kw_only=True)
class SimpleBaselineConfig:
    """Everything that fixes a network of maps; the defaults are SimpleBaseline with ResNet-50.

    Args:
        backbone: which network looks at the frame.
        skeleton: name of the joints answered.
        height: of the crop in pixels.
        width: of the crop in pixels.
        head: "deconv" has transposed convolutions and a 1 x 1 convolution; "simple" is ViTPose's simple decoder, which
            enlarges the map by 4 without weights and has one 3 x 3 convolution.
        deconvs: transposed convolutions after the backbone, 0 to 3; each doubles the map. None with the simple head.
        deconv_width: their channels.
        maps: Gaussians as the papers regress them, or logarithms of probabilities.
        margin: how much the person's box is enlarged.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    skeleton: str = "coco-17"
    height: int = 256
    width: int = 192
    head: Literal["deconv", "simple"] = "deconv"
    deconvs: int = 3
    deconv_width: int = 256
    maps: MapKind = "gaussian"
    margin: float = 1.25

    def __post_init__(self) -> None:
        check_known(self.skeleton, "model.skeleton")
        if self.head not in ("deconv", "simple"):
            raise InputError(f"model.head must be deconv or simple, got {self.head!r}")
        if not 0 <= self.deconvs <= 3:
            raise InputError(f"model.deconvs must lie in 0 to 3, got {self.deconvs}")
        if self.head == "simple" and self.deconvs:
            raise InputError(f"model.deconvs must be 0 where model.head is simple, got {self.deconvs}")
        if self.deconv_width < 1:
            raise InputError(f"model.deconv_width must be positive, got {self.deconv_width}")
        if self.maps not in ("gaussian", "log"):
            raise InputError(f"model.maps must be gaussian or log, got {self.maps!r}")
        self.spec()

    def spec(self) -> ClipSpec:
        """What the model is shown."""
        return ClipSpec(offsets=(0,), height=self.height, width=self.width, margin=self.margin)


class SimpleBaseline(nn.Module):
    """A backbone, layers that enlarge its map, and a convolution to a map per joint."""

    def __init__(self, config: SimpleBaselineConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = config.spec()
        self.skeleton = SKELETONS[config.skeleton]
        self.backbone = Backbone(config.backbone, config.height, config.width)
        channels = self.backbone.channels
        simple = config.head == "simple"
        layers: list[nn.Module] = []
        if simple:  # the backbone ends in a norm, so that its features have both signs
            layers += [nn.ReLU(), nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False)]
        for _ in range(config.deconvs):
            layers += [
                nn.ConvTranspose2d(channels, config.deconv_width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(config.deconv_width),
                nn.ReLU(inplace=True),
            ]
            channels = config.deconv_width
        self.enlarge = nn.Sequential(*layers)
        self.maps = nn.Conv2d(channels, len(self.skeleton), 3 if simple else 1, padding=1 if simple else 0)
        for module in (*self.enlarge, self.maps):
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001)
        nn.init.zeros_(cast(Tensor, self.maps.bias))

    def encode(self, pixels: Tensor) -> Float[Tensor, "N K h w"]:
        """Maps of single frames (N, 3, H, W), pixels uint8 or float in 0..255; logits where `maps` is "log"."""
        return cast(Tensor, self.maps(self.enlarge(self.backbone(pixels))))

    def fuse(self, features: Float[Tensor, "B 1 K h w"], state: None = None) -> tuple[PoseOutput, None]:
        """The frame's pose from its maps."""
        return pose_from_maps(features, (self.spec.height, self.spec.width), self.config.maps), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, 1, 3, H, W) -> the pose in that frame, with the joints' maps."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]


@dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """Everything that fixes a network that regresses coordinates; the defaults are RLE with ResNet-50.

    Args:
        backbone: which network looks at the frame.
        skeleton: name of the joints answered.
        height: of the crop in pixels.
        width: of the crop in pixels.
        normalise_features: divide the pooled features by their length before the layer of the coordinates.
        margin: how much the person's box is enlarged.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    skeleton: str = "coco-17"
    height: int = 256
    width: int = 192
    normalise_features: bool = True
    margin: float = 1.25

    def __post_init__(self) -> None:
        check_known(self.skeleton, "model.skeleton")
        self.spec()

    def spec(self) -> ClipSpec:
        """What the model is shown."""
        return ClipSpec(offsets=(0,), height=self.height, width=self.width, margin=self.margin)


class Regression(nn.Module):
    """A backbone, a global average, and a linear layer each for coordinates and sigma. A feature is (K, 4)."""

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = config.spec()
        self.skeleton = SKELETONS[config.skeleton]
        self.backbone = Backbone(config.backbone, config.height, config.width)
        self.coordinates = nn.Linear(self.backbone.channels, 2 * len(self.skeleton))
        self.deviation = nn.Linear(self.backbone.channels, 2 * len(self.skeleton))
        for layer in (self.coordinates, self.deviation):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
            nn.init.zeros_(layer.bias)
        self.register_buffer("size", torch.tensor([config.width, config.height], dtype=torch.float32), persistent=False)

    def encode(self, pixels: Tensor) -> Float[Tensor, "N K 4"]:
        """Coordinates from the crop's middle in units of the crop, and sigma before its sigmoid, of single frames."""
        pooled = self.backbone(pixels).mean(dim=(2, 3))  # (N, C)
        # The bias is added after the division: W x / |x| + b.
        direction = nn.functional.normalize(pooled, dim=1, eps=1e-6) if self.config.normalise_features else pooled
        xy = torch.unflatten(self.coordinates(direction), 1, (-1, 2))
        return torch.cat([xy, torch.unflatten(self.deviation(pooled), 1, (-1, 2))], dim=-1)

    def fuse(self, features: Float[Tensor, "B 1 K 4"], state: None = None) -> tuple[PoseOutput, None]:
        """The frame's pose from its numbers."""
        numbers, size = features.float(), cast(Tensor, self.size)
        sigma = numbers[..., 2:].sigmoid().clamp_min(1e-4)
        return PoseOutput(xy_crop=(numbers[..., :2] + 0.5) * size, score=1 - sigma.mean(-1), sigma=sigma * size), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, 1, 3, H, W) -> the pose in that frame, with sigma."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]
