"""DSTA: joint tokens from every frame, attention over time per joint and over body parts, coordinates with sigma.

He and Yang, "Video-Based Human Pose Regression via Decoupled Space-Time Aggregation", CVPR 2024, arXiv:2403.19926.
Written from the paper, with facts where the paper is silent taken from the authors' code (github.com/zgspose/DSTA,
Apache-2.0); no code is copied. Equation numbers below are the paper's.

Departures, each a field of the config:
- `jfd="integral_fc"` is ours: the maps of `heatmap_fc` pass a softmax and the token is the expectation of a learned
  code over the grid, which starts as a smooth position code. It learns from scratch in a fraction of the samples.
- `gap_fc` divides the pooled features by their length (`normalise_features`), as the authors' code does and the paper
  does not say; an eps keeps a zero feature from becoming NaN.
- The coordinate head's bias starts at the crop's centre, not at 0.
- Sigma is bounded below at 1e-4 of the crop, so that the loss stays finite.
- Groups of unequal size (skeletons other than PoseTrack's) are padded and masked.

Checked against: parameter counts of the shipped code and of Table 3, MACs of the head (tests/models/test_dsta.py); the
contract of all models (tests/contracts/test_pose_model.py).

| step | shape | |
|---|---|---|
| pixels | (B, T, 3, H, W) | the key frame's box on every frame |
| encode | (B T, 3, H, W) -> (B T, N, D) | backbone, joint-wise feature decoding (JFD); N = K + extra_tokens |
| TD | (T, B N, D) -> (B, N, D) | attention over time, one sequence per joint; answered for the key frame alone |
| SD | (S, G B, D) -> (B, N, D) | attention inside G body parts of S joints, key frame only |
| join | (B, K, 2 D) or (B, K, D) | `concat` (Eq. 9) or `weighted` (the authors' code) |
| heads | (B, 1, K, 2) twice | coordinates and sigma, in crop pixels |
"""

from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from chronopose.clips.contract import PoseOutput
from chronopose.clips.moving import Moving
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, Skeleton, check_known
from chronopose.layers.backbone import Backbone, BackboneConfig
from chronopose.layers.position import grid_code
from chronopose.layers.transformer import Transformer


@dataclass(frozen=True, kw_only=True)
class DSTAConfig:
    """Everything that fixes the network.

    Args:
        backbone: which network looks at single frames.
        skeleton: name of the joints answered.
        offsets: frames shown, relative to the key frame, which need not be in the middle: (-2, -1, 0) is causal.
        height: of the crop in pixels.
        width: of the crop in pixels.
        jfd: how a frame becomes joint tokens: pooled features and a linear layer, or a map per joint and a linear layer
            shared by the joints, with or without a softmax between them.
        normalise_features: divide the pooled features by their length before the linear layer of `gap_fc`.
        attention: Table 4: both decoupled branches ("std"), one of them ("sd", "td"), global attention over all tokens
            of all frames (Eq. 4, "coupled"), or none. Controls of ours: "frame" attends over time with one token for a
            whole frame, its joints' numbers side by side; "mean" averages tokens over the frames.
        fusion: how the branches join: "concat" (Eq. 9) or "weighted", a learned sum.
        extra_tokens: tokens per frame that are attended over time and never answered; the shipped code has 2.
        token_width: D.
        depth: blocks in each branch.
        heads: attention heads.
        hidden: width of the feed-forward networks.
        drop_path: rate of the last block.
        margin: how much the person's box is enlarged.
        sigma_scale: multiplies sigma, so that it tells the deviation on unseen people; set after training by
            tools/calibrate_sigma.py.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    skeleton: str = "posetrack-15"
    offsets: tuple[int, ...] = (-1, 0, 1)
    height: int = 256
    width: int = 192
    jfd: Literal["gap_fc", "heatmap_fc", "integral_fc"] = "gap_fc"
    normalise_features: bool = True
    attention: Literal["std", "sd", "td", "coupled", "frame", "mean", "none"] = "std"
    fusion: Literal["concat", "weighted"] = "concat"
    extra_tokens: int = 0
    token_width: int = 32
    depth: int = 4
    heads: int = 8
    hidden: int = 64
    drop_path: float = 0.1
    margin: float = 1.25
    sigma_scale: float = 1.0

    def __post_init__(self) -> None:
        check_known(self.skeleton, "model.skeleton")
        if self.token_width % self.heads:
            raise InputError(f"model.token_width must be a multiple of heads {self.heads}, got {self.token_width}")
        if self.extra_tokens < 0 or self.depth < 1 or self.hidden < 1:
            raise InputError("model: extra_tokens must be at least 0, depth and hidden at least 1")
        if not 0 <= self.drop_path < 1:
            raise InputError(f"model.drop_path must lie in 0 to 1, got {self.drop_path}")
        if not 0 < self.sigma_scale < 100:
            raise InputError(f"model.sigma_scale must lie in 0 to 100, got {self.sigma_scale}")
        self.spec()

    def spec(self) -> ClipSpec:
        """What the model is shown."""
        return ClipSpec(offsets=self.offsets, height=self.height, width=self.width, margin=self.margin)


class DSTA(nn.Module):
    """Decoupled space-time aggregation, Fig. 2 of the paper. A feature is (N, D): 480 floats a frame by default."""

    def __init__(self, config: DSTAConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = config.spec()
        self.skeleton = SKELETONS[config.skeleton]
        self.backbone = Backbone(config.backbone, config.height, config.width)
        parts = body_parts(self.skeleton)
        order = [self.skeleton.index(joint) for part in parts for joint in part]
        tokens = len(order) + config.extra_tokens

        jfd = GapTokens if config.jfd == "gap_fc" else MapTokens
        self.jfd = jfd(config, self.backbone, tokens)
        self.aggregate: Aggregation | Coupled | WholeFrames
        if config.attention in ("coupled", "frame"):
            self.aggregate = (Coupled if config.attention == "coupled" else WholeFrames)(config, tokens)
        else:
            self.aggregate = Aggregation(config, self.spec.key, tuple(len(part) for part in parts))
        self.coordinates = _head(self.aggregate.width)
        self.deviation = _head(self.aggregate.width)
        nn.init.constant_(cast(nn.Linear, self.coordinates[1]).bias, 0.5)
        # In training only: encode the other frames of a window without gradient, which costs half as much.
        self.learn_from_key = False
        # Tokens stand part by part; place[k] is the token of joint k in the skeleton's order.
        place = [order.index(joint) for joint in range(len(order))]
        self.register_buffer("place", torch.tensor(place), persistent=False)
        self.register_buffer("size", torch.tensor([config.width, config.height], dtype=torch.float32), persistent=False)

    def encode(self, pixels: Tensor) -> Float[Tensor, "N K D"]:
        """Joint tokens of single frames (N, 3, H, W), pixels uint8 or float in 0..255."""
        tokens, _ = self.jfd(self.backbone(pixels))
        return cast(Tensor, tokens)

    def moving(self) -> Moving | None:
        """With `integral_fc` tokens tell of places, so that a frame's tokens serve in windows with another box."""
        return self.jfd.moving() if isinstance(self.jfd, MapTokens) else None

    def fuse(self, features: Float[Tensor, "B T K D"], state: None = None) -> tuple[PoseOutput, None]:
        """The key frame's pose from the tokens of a window."""
        joints = self.aggregate(features).index_select(1, cast(Tensor, self.place))[:, None]  # (B, 1, K, D')
        size = cast(Tensor, self.size)
        sigma = self.deviation(joints).float().sigmoid().clamp_min(1e-4)
        xy = self.coordinates(joints).float()
        spread = sigma * (size * self.config.sigma_scale)
        return PoseOutput(xy_crop=xy * size, score=1 - sigma.mean(-1), sigma=spread), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, T, 3, H, W) -> the key frame's pose; with `integral_fc` the key frame's log-maps too."""
        if self.training and self.learn_from_key:
            tokens, key_maps = self._encode_with_key_gradient(pixels)
        else:
            frames = pixels.shape[:2]
            flat, maps = self.jfd(self.backbone(pixels.flatten(0, 1)))
            tokens = flat.unflatten(0, frames)
            key_maps = None if maps is None else maps.unflatten(0, frames)[:, self.spec.key]
        output, _ = self.fuse(tokens)
        if key_maps is None:
            return output
        return output._replace(heatmaps=key_maps.index_select(1, cast(Tensor, self.place))[:, None])

    def _encode_with_key_gradient(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """Tokens (B, T, N, D) of all frames and the key frame's maps; only the key frame's carry a gradient."""
        key, frames = self.spec.key, pixels.shape[1]
        tokens, maps = self.jfd(self.backbone(pixels[:, key]))
        if frames == 1:
            return tokens[:, None], maps
        others = [frame for frame in range(frames) if frame != key]
        with torch.no_grad():
            around = self.encode(pixels[:, others].flatten(0, 1)).reshape(len(pixels), len(others), *tokens.shape[1:])
        return torch.cat([around[:, :key], tokens[:, None], around[:, key:]], dim=1), maps


class GapTokens(nn.Module):
    """JFD by global pooling and one linear layer: (N, C, h, w) -> (N, tokens, D). Eq. 2."""

    def __init__(self, config: DSTAConfig, backbone: Backbone, tokens: int) -> None:
        super().__init__()
        self.normalise = config.normalise_features
        self.shape = (tokens, config.token_width)
        self.linear = nn.Linear(backbone.channels, tokens * config.token_width)
        if self.normalise:
            nn.init.xavier_uniform_(self.linear.weight, gain=0.01)
            nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, None]:
        pooled = features.mean(dim=(2, 3))
        if self.normalise:
            # The bias is added after the division: W x / |x| + b.
            pooled = nn.functional.normalize(pooled, dim=1, eps=1e-6)
        return self.linear(pooled).unflatten(1, self.shape), None


class MapTokens(nn.Module):
    """JFD by a map per token and one linear layer over the map, shared by all: (N, C, h, w) -> (N, tokens, D)."""

    def __init__(self, config: DSTAConfig, backbone: Backbone, tokens: int) -> None:
        super().__init__()
        self.integral = config.jfd == "integral_fc"
        self.maps = nn.Conv2d(backbone.channels, tokens, 1)
        self.grid = height, width = backbone.grid
        self.linear = nn.Linear(height * width, config.token_width)
        if self.integral:
            with torch.no_grad():
                self.linear.weight.copy_(grid_code(height, width, config.token_width).T)
                self.linear.bias.zero_()

    def moving(self) -> Moving | None:
        """How tokens change as the crop moves: the linear layer holds a code for each cell of the map."""
        if not self.integral or min(self.grid) < 3:  # a code of fewer cells does not tell how it changes
            return None
        code = torch.unflatten(self.linear.weight + self.linear.bias[:, None], 1, self.grid)
        return Moving.of_code(code.detach().cpu().numpy())

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        maps = self.maps(features)  # (N, tokens, h, w)
        flat = maps.flatten(2)
        if not self.integral:
            return self.linear(flat), None
        logs = flat.float().log_softmax(-1)
        return self.linear(logs.exp().to(flat.dtype)), logs.unflatten(2, maps.shape[2:])


class Aggregation(nn.Module):
    """The decoupled branches, side by side: (B, T, tokens, D) -> (B, joints, D'), joints ordered part by part."""

    def __init__(self, config: DSTAConfig, key: int, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.key, self.joints, self.mean = key, sum(sizes), config.attention == "mean"
        self.temporal = TemporalBranch(config, key) if config.attention in ("std", "td") else None
        self.spatial = SpatialBranch(config, sizes) if config.attention in ("std", "sd") else None
        both = config.attention == "std"
        self.width = config.token_width * (2 if both and config.fusion == "concat" else 1)
        self.balance = nn.Linear(2, 1) if both and config.fusion == "weighted" else None
        if self.balance is not None:
            # The authors start at 0.001, which puts the sum below the head's norm eps; a plain mean does not.
            nn.init.constant_(self.balance.weight, 0.5)
            nn.init.zeros_(self.balance.bias)

    def forward(self, tokens: Float[Tensor, "B T N D"]) -> Float[Tensor, "B K E"]:
        if self.mean:
            return tokens.mean(dim=1)[:, : self.joints]
        over_time = None if self.temporal is None else self.temporal(tokens)[:, : self.joints]
        key_tokens = tokens[:, self.key, : self.joints]
        over_parts = None if self.spatial is None else self.spatial(key_tokens)
        if over_time is None or over_parts is None:
            return next((branch for branch in (over_time, over_parts) if branch is not None), key_tokens)
        if self.balance is None:
            return torch.cat([over_parts, over_time], dim=-1)
        return cast(Tensor, self.balance(torch.stack([over_time, over_parts], dim=-1))).squeeze(-1)


class TemporalBranch(nn.Module):
    """TD, Eq. 6 and 7: each token attends to itself in the other frames; the key frame's result is kept."""

    def __init__(self, config: DSTAConfig, key: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, len(config.offsets), config.token_width))
        self.transformer = _transformer(config, key)

    def forward(self, tokens: Float[Tensor, "B T N D"]) -> Float[Tensor, "B N D"]:
        sequences = tokens.transpose(0, 1).flatten(1, 2) + self.position.transpose(0, 1)  # (T, B N, D)
        return torch.unflatten(self.transformer(sequences)[0], 0, (-1, tokens.shape[2]))


class SpatialBranch(nn.Module):
    """SD, Eq. 8: the joints of one body part attend to each other; the parts share weights and position code."""

    def __init__(self, config: DSTAConfig, sizes: tuple[int, ...]) -> None:
        super().__init__()
        longest = max(sizes)
        self.position = nn.Parameter(torch.zeros(longest, config.token_width))
        self.transformer = _transformer(config)
        self.even = min(sizes) == longest
        starts = [sum(sizes[:part]) for part in range(len(sizes))]
        # Short parts are filled up with copies of their first joint, which nobody attends to and nobody reads.
        slots = [[start + (s if s < size else 0) for start, size in zip(starts, sizes)] for s in range(longest)]
        present = [[s < size for size in sizes] for s in range(longest)]
        taken = [part * longest + s for part, size in enumerate(sizes) for s in range(size)]
        self.register_buffer("slots", torch.tensor(slots), persistent=False)  # (S, G)
        self.register_buffer("present", torch.tensor(present), persistent=False)  # (S, G)
        self.register_buffer("taken", torch.tensor(taken), persistent=False)  # (K,)

    def forward(self, tokens: Float[Tensor, "B K D"]) -> Float[Tensor, "B K D"]:
        slots, present = cast(Tensor, self.slots), cast(Tensor, self.present)  # (S, G)
        parts = tokens.transpose(0, 1)[slots] + self.position[:, None, None]  # (S, G, B, D)
        seen = None if self.even else present[..., None].expand(parts.shape[:3]).flatten(1)  # (S, G B)
        mixed = torch.unflatten(self.transformer(parts.flatten(1, 2), seen), 1, parts.shape[1:3])  # (S, G, B, D)
        mixed = mixed.transpose(0, 1).flatten(0, 1)  # (G S, B, D)
        return (mixed if self.even else mixed[cast(Tensor, self.taken)]).transpose(0, 1)


class Coupled(nn.Module):
    """Eq. 4: global attention over the tokens of all frames, the baseline that the decoupling is measured against."""

    def __init__(self, config: DSTAConfig, tokens: int) -> None:
        super().__init__()
        self.key, self.joints, self.width = config.spec().key, tokens - config.extra_tokens, config.token_width
        self.position = nn.Parameter(torch.zeros(1, len(config.offsets), tokens, config.token_width))
        self.transformer = _transformer(config)

    def forward(self, tokens: Float[Tensor, "B T N D"]) -> Float[Tensor, "B K D"]:
        together = (tokens + self.position).flatten(1, 2).transpose(0, 1)  # (T N, B, D)
        mixed = torch.unflatten(self.transformer(together), 0, tokens.shape[1:3])  # (T, N, B, D)
        return mixed[self.key, : self.joints].transpose(0, 1)


class WholeFrames(nn.Module):
    """Attention over time without joint tokens: the numbers of a frame's tokens are one token of their joint width."""

    def __init__(self, config: DSTAConfig, tokens: int) -> None:
        super().__init__()
        self.joints, self.width = tokens - config.extra_tokens, config.token_width
        width, key = tokens * config.token_width, config.spec().key
        self.position = nn.Parameter(torch.zeros(1, len(config.offsets), width))
        self.transformer = Transformer(width, config.depth, config.heads, config.hidden, config.drop_path, answer=key)

    def forward(self, tokens: Float[Tensor, "B T N D"]) -> Float[Tensor, "B K D"]:
        mixed = self.transformer((tokens.flatten(2) + self.position).transpose(0, 1))  # (1, B, N D)
        return torch.unflatten(mixed[0], 1, tokens.shape[2:])[:, : self.joints]


def body_parts(skeleton: Skeleton) -> tuple[tuple[str, ...], ...]:
    """The skeleton's joints in five parts: head (with all that is no limb), left arm, right arm, left leg, right leg.

    For PoseTrack-15 the order inside the parts is the authors' own: head top, nose, neck; then outwards along a limb.
    """
    limbs = tuple(
        tuple(f"{side}_{joint}" for joint in part if f"{side}_{joint}" in skeleton.joints)
        for part in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
        for side in ("left", "right")
    )
    downwards = ("head_top", "head", "nose", "face")
    rest = [joint for joint in skeleton.joints if not any(joint in limb for limb in limbs)]
    head = sorted(rest, key=lambda joint: downwards.index(joint) if joint in downwards else len(downwards))
    return tuple(part for part in (tuple(head), *limbs) if part)


def _transformer(config: DSTAConfig, answer: int | None = None) -> Transformer:
    width, depth = config.token_width, config.depth
    return Transformer(width, depth, config.heads, config.hidden, config.drop_path, answer=answer)


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2))
