"""TokenPose: a learned token for each joint looks at one frame's patches and draws the joint's map.

Li et al., "TokenPose: Learning Keypoint Tokens for Human Pose Estimation", ICCV 2021, arXiv:2104.03516. Written from
the paper; facts where it is silent are taken from the authors' code (github.com/leeyegy/TokenPose, no licence stated),
of which nothing is copied. A model of one frame: what ListPose is measured against.

Departures, each a field of the config:
- `maps="log"` is ours: the maps are logarithms of probabilities, which learn faster from scratch and give sigma.
- The frame encoder may be any timm backbone, the crop and the map of any size.

Checked against: the published parameter counts of all variants, and multiply-accumulates worked out by hand
(tests/models/test_tokenpose.py); the contract of all models (tests/contracts/test_pose_model.py).

The shape table is in `layers.tokenpose`.
"""

from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from chronopose.clips.contract import PoseOutput
from chronopose.clips.heatmap import MapKind, pose_from_maps
from chronopose.clips.spec import ClipSpec
from chronopose.core.skeleton import SKELETONS, check_known
from chronopose.layers.backbone import BackboneConfig
from chronopose.layers.tokenpose import Encoder, TokenNetwork, check_network, frame_encoder


@dataclass(frozen=True, kw_only=True)
class TokenPoseConfig:
    """Everything that fixes the network; the defaults are the paper's S-v1.

    Args:
        encoder: what looks at a frame: HRNet's "stem", "raw" pixels, HRNet's finest branch up to stage 3, or "timm".
        backbone: the timm network of encoder "timm"; with the others the network whose timm weights fit.
        skeleton: name of the joints answered.
        height: of the crop in pixels.
        width: of the crop in pixels.
        patch: height and width of a patch in cells of the encoder's map.
        token_width: D.
        depth: layers of the transformer, all stages together.
        stages: parts of the depth whose joint tokens the head sees side by side; 3 in the paper's L, else 1.
        heads: attention heads.
        mlp_ratio: width of the feed-forward networks in units of D.
        attn_scale: attention is scaled by the root of a head's width, or of D ("dim"), as the authors' S variants are.
        map_stride: pixels of the crop to a cell of the maps.
        maps: Gaussians as the paper regresses them, or logarithms of probabilities.
        margin: how much the person's box is enlarged.
    """

    encoder: Encoder = "stem"
    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="hrnet_w32"))
    skeleton: str = "coco-17"
    height: int = 256
    width: int = 192
    patch: tuple[int, int] = (4, 3)
    token_width: int = 192
    depth: int = 12
    stages: int = 1
    heads: int = 8
    mlp_ratio: int = 3
    attn_scale: Literal["head", "dim"] = "dim"
    map_stride: int = 4
    maps: MapKind = "gaussian"
    margin: float = 1.25

    def __post_init__(self) -> None:
        check_known(self.skeleton, "model.skeleton")
        self.spec()
        check_network(self)

    def spec(self) -> ClipSpec:
        """What the model is shown."""
        return ClipSpec(offsets=(0,), height=self.height, width=self.width, margin=self.margin)


class TokenPose(nn.Module):
    """Fig. 2 of the paper. A feature is a frame's patch tokens (P, D)."""

    def __init__(self, config: TokenPoseConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = config.spec()
        self.skeleton = SKELETONS[config.skeleton]
        self.backbone = frame_encoder(config)
        self.network = TokenNetwork(config, self.backbone, len(self.skeleton))

    def encode(self, pixels: Tensor) -> Float[Tensor, "N P D"]:
        """Patch tokens of single frames (N, 3, H, W), pixels uint8 or float in 0..255."""
        return cast(Tensor, self.network.embedding(self.backbone(pixels)))

    def fuse(self, features: Float[Tensor, "B 1 P D"], state: None = None) -> tuple[PoseOutput, None]:
        """The frame's pose from its patch tokens."""
        joints = self.network.tokens.repeat(features.shape[0], 1, 1)
        maps, _ = self.network(joints, features[:, 0])
        return pose_from_maps(maps[:, None], (self.spec.height, self.spec.width), self.config.maps), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, 1, 3, H, W) -> the pose in that frame, with the joints' maps."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]
