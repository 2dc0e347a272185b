"""FTP-Pose: the key frame's tokens enlarged, all frames' tokens mixed, both pruned by density and fused into heatmaps.

Wang, Fan, Liu, Wu, Wu and Jiao, "Multi-Grained Feature Pruning for Video-Based Human Pose Estimation", ICASSP 2025,
arXiv:2503.05365. Written from the paper; no public code was found. Equation numbers below are the paper's.
docs/ftp_pose.md says what the paper states and what had to be inferred.

Inferred, or other than in the paper:
- Resolution is doubled per side (`hr_scale=2`), four times the tokens: with four times per side, the other way to read
  the paper, pruning could not make the network faster than its own baseline.
- The paper does not say how pruned tokens become a map again. With `recovery="scatter_pre"` kept tokens return to
  their places before the fusion; "scatter_post" is the paper's words taken literally; "query" learns it.
- `select` other than "dpc" are controls: the paper has none.
- Residual branches start small, the fusion's too but not at zero: other frames have a say from the first step.

Checked against: counts of the layouts that fit the paper's tables (tests/models/test_ftp_pose_counts.py); (a) of Table
II, which is what is left without pruning (tests/models/test_ftp_pose.py); the contract of all models
(tests/contracts/test_pose_model.py).

| step | shape | |
|---|---|---|
| pixels | (B, T, 3, H, W) | the key frame's box on every frame |
| encode | (B T, 3, H, W) -> (B T, C, h, w) | the backbone's map; for a ViT its tokens |
| LRB | (B, T h w, C) -> (B, M, C) | low resolution: `coarse_depth` blocks over all frames, pruning, shared blocks |
| HRB | (B, C, h, w) -> (B, s h s w, C) -> (B, N, C) | high resolution: key frame enlarged, pruning, the same blocks |
| fusion | (B, s h s w, C) | tokens of HRB look at those of LRB (Eq. 3) |
| head | (B, 1, K, 4 h, 4 w) | one transposed convolution for each doubling that is left |
"""

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from chronopose.clips.contract import PoseOutput
from chronopose.clips.heatmap import MapKind, pose_from_maps
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, check_known
from chronopose.layers.backbone import Backbone, BackboneConfig
from chronopose.layers.density_peaks import density_peaks, highest
from chronopose.layers.transformer import Attention, Block

Upsample = Literal["deconv", "bilinear"]
Select = Literal["dpc", "random", "grid", "norm"]
Recovery = Literal["scatter_pre", "scatter_post", "query"]


@dataclass(frozen=True, kw_only=True)
class FTPPoseConfig:
    """Everything that fixes the network.

    Args:
        backbone: which network looks at single frames; the cells of its map are the tokens.
        skeleton: name of the joints answered.
        offsets: frames shown, relative to the key frame.
        height: of the crop in pixels.
        width: of the crop in pixels.
        high_resolution: False leaves out everything but the low-resolution branch: the baseline of Table II.
        hr_scale: how much finer than the backbone's map the high-resolution branch is, per side.
        upsample: how it becomes so: learned transposed convolutions, or bilinear.
        coarse_depth: blocks of the low-resolution branch alone, before pruning.
        shared_depth: blocks after pruning, one set for both branches.
        heads: attention heads.
        mlp_ratio: width of the feed-forward networks in units of the tokens' width.
        drop_path: rate of the last block.
        keep_hrb: one in so many tokens of the high-resolution branch is kept; 1 for no pruning.
        keep_lrb: likewise in the low-resolution branch.
        select: which are kept: peaks of density (Eq. 1 and 2), or a control: drawn at random, evenly spread, or the
            longest.
        k: nearest tokens that make a token's density, itself included.
        tau: scale of the squared distances in Eq. 1; None for the width of a token.
        recovery: how pruned tokens become a map again: kept tokens return to their places before the fusion or after
            it, or every place looks at the kept tokens of both branches.
        head_width: channels between the head's convolutions.
        maps: what the head draws, see `MapKind`.
        sigma_scale: multiplies sigma, which maps of kind "log" have; set after training by tools/calibrate_sigma.py.
        freeze_backbone: keep the backbone's weights as they are, through training too.
        margin: how much the person's box is enlarged.
    """

    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="vit_small_patch16_224"))
    skeleton: str = "posetrack-15"
    offsets: tuple[int, ...] = (-1, 0, 1)
    height: int = 256
    width: int = 192
    high_resolution: bool = True
    hr_scale: Literal[2, 4] = 2
    upsample: Upsample = "deconv"
    coarse_depth: int = 2
    shared_depth: int = 6
    heads: int = 6
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    keep_hrb: int = 6
    keep_lrb: int = 6
    select: Select = "dpc"
    k: int = 5
    tau: float | None = None
    recovery: Recovery = "scatter_pre"
    head_width: int = 256
    maps: MapKind = "gaussian"
    sigma_scale: float = 1.0
    freeze_backbone: bool = False
    margin: float = 1.25

    def __post_init__(self) -> None:
        check_known(self.skeleton, "model.skeleton")
        choices = {
            "hr_scale": (2, 4),
            "upsample": get_args(Upsample),
            "select": get_args(Select),
            "recovery": get_args(Recovery),
            "maps": get_args(MapKind),
        }
        for name, wanted in choices.items():
            if getattr(self, name) not in wanted:
                raise InputError(f"model.{name} must be {' or '.join(map(str, wanted))}, got {getattr(self, name)!r}")
        least = {
            "coarse_depth": 0,
            "shared_depth": 1,
            "heads": 1,
            "keep_hrb": 1,
            "keep_lrb": 1,
            "k": 1,
            "head_width": 1,
        }
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise InputError(f"model.{name} must be at least {bound}, got {getattr(self, name)}")
        if not self.mlp_ratio > 0:
            raise InputError(f"model.mlp_ratio must be positive, got {self.mlp_ratio}")
        if not 0 <= self.drop_path < 1:
            raise InputError(f"model.drop_path must lie in 0 to 1, got {self.drop_path}")
        if not 0 < self.sigma_scale < 100:
            raise InputError(f"model.sigma_scale must lie in 0 to 100, got {self.sigma_scale}")
        if self.tau is not None and not self.tau > 0:
            raise InputError(f"model.tau must be positive or none, got {self.tau}")
        if not self.high_resolution and (self.keep_hrb, self.keep_lrb) != (1, 1):
            raise InputError(
                "model.high_resolution: the low-resolution branch alone answers from all of its tokens and wants "
                f"keep_hrb and keep_lrb 1, got {self.keep_hrb} and {self.keep_lrb}"
            )
        self.spec()

    def spec(self) -> ClipSpec:
        """What the model is shown."""
        return ClipSpec(offsets=self.offsets, height=self.height, width=self.width, margin=self.margin)


class FTPPose(nn.Module):
    """Both branches, their fusion and the head. A feature is the backbone's map (C, h, w) of a frame."""

    def __init__(self, config: FTPPoseConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = config.spec()
        self.skeleton = SKELETONS[config.skeleton]
        self.backbone = Backbone(config.backbone, config.height, config.width)
        width, (rows, columns), frames = self.backbone.channels, self.backbone.grid, len(config.offsets)
        if width % config.heads:
            raise InputError(f"model.heads must divide the backbone's width {width}, got {config.heads}")

        depth = config.coarse_depth + config.shared_depth
        hidden = round(width * config.mlp_ratio)
        blocks = [
            Block(width, config.heads, hidden, config.drop_path * index / max(depth - 1, 1)) for index in range(depth)
        ]
        scale = config.hr_scale if config.high_resolution else 1
        self.grid = (scale * rows, scale * columns)
        self.temporal = LowResolution(frames, rows * columns, width, blocks[: config.coarse_depth])
        self.shared = nn.ModuleList(blocks[config.coarse_depth :])
        if config.high_resolution:
            self.detail = HighResolution(config, self.backbone)
            self.pick_fine = Selection(config, (1, *self.grid), config.keep_hrb)
            self.pick_coarse = Selection(config, (frames, rows, columns), config.keep_lrb)
            self.fusion = CrossBlock(width, config.heads, hidden)
            self.query = CrossBlock(width, config.heads, hidden) if config.recovery == "query" else None
            for block in blocks[config.coarse_depth :]:
                block.attention = cast(Any, Apart(block.attention, self.pick_fine.keep))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = _head(width, config.head_width, len(self.skeleton), doublings=2 - round(math.log2(scale)))
        self._start(depth)
        if config.freeze_backbone:
            self.backbone.freeze()

    def encode(self, pixels: Tensor) -> Float[Tensor, "N C h w"]:
        """Maps of single frames (N, 3, H, W), pixels uint8 or float in 0..255."""
        return cast(Tensor, self.backbone(pixels))

    def fuse(self, features: Float[Tensor, "B T C h w"], state: None = None) -> tuple[PoseOutput, None]:
        """The key frame's pose from the maps of a window."""
        coarse = self.temporal(features)  # (B, T h w, C)
        if self.config.high_resolution:
            dense = self._fused(self.detail(features[:, self.spec.key]), coarse)
        else:
            for block in self.shared:
                coarse = block(coarse)
            cells = self.grid[0] * self.grid[1]
            dense = coarse[:, self.spec.key * cells : (self.spec.key + 1) * cells]
        drawn = self.head(self.norm(dense).transpose(1, 2).unflatten(2, self.grid))
        size, config = (self.spec.height, self.spec.width), self.config
        return pose_from_maps(drawn[:, None], size, config.maps, config.sigma_scale), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, T, 3, H, W) -> the key frame's pose, with its heatmaps."""
        features = self.backbone(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2])
        return self.fuse(features)[0]

    def _fused(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """(B, N, C): tokens of every fine cell, from those of both branches as they were before pruning."""
        places = self.pick_fine(fine)
        both = torch.cat([_taken(fine, places), _taken(coarse, self.pick_coarse(coarse))], dim=1)
        for block in self.shared:
            both = block(both)
        fine_kept, coarse_kept = both.tensor_split((self.pick_fine.keep,), dim=1)
        if self.config.recovery == "scatter_pre":
            return cast(Tensor, self.fusion(_returned(fine, places, fine_kept), coarse_kept))
        fine_kept = self.fusion(fine_kept, coarse_kept)
        if self.query is not None:
            return cast(Tensor, self.query(fine, torch.cat([fine_kept, coarse_kept], dim=1)))
        return _returned(fine, places, fine_kept)

    def _start(self, depth: int) -> None:
        """Weights of all but the backbone: ViT's, with residual branches that shrink with their number."""
        for block in self.modules():
            if isinstance(block, Block | CrossBlock):
                ends = (block.out if isinstance(block, CrossBlock) else block.attention.out, block.feed_forward[-1])
                for linear in (part for part in block.modules() if isinstance(part, nn.Linear)):
                    nn.init.trunc_normal_(linear.weight, std=0.02 / math.sqrt(2 * depth) if linear in ends else 0.02)
                    nn.init.zeros_(linear.bias)
        last = cast(nn.Conv2d, self.head[-1])
        nn.init.normal_(last.weight, std=0.001)
        nn.init.zeros_(cast(Tensor, last.bias))


class LowResolution(nn.Module):
    """LRB as far as the pruning: (B, T, C, h, w) -> (B, T h w, C), tokens of all frames that have seen each other."""

    def __init__(self, frames: int, cells: int, width: int, blocks: list[Block]) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.empty(1, frames, cells, width))
        self.blocks = nn.ModuleList(blocks)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, features: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B N C"]:
        tokens = (features.flatten(3).transpose(2, 3) + self.position).flatten(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class HighResolution(nn.Module):
    """HRB as far as the pruning: (B, C, h, w) -> (B, s h s w, C), tokens of the key frame on a finer grid."""

    def __init__(self, config: FTPPoseConfig, backbone: Backbone) -> None:
        super().__init__()
        width, (rows, columns), scale = backbone.channels, backbone.grid, config.hr_scale
        self.scale = scale
        self.enlarge: nn.Sequential | None = None
        if config.upsample == "deconv":
            stages = [part for _ in range(round(math.log2(scale))) for part in _doubling(width, width)]
            self.enlarge = nn.Sequential(*stages[:-1])  # tokens of a residual stream have both signs
        self.position = nn.Parameter(torch.empty(1, scale**2 * rows * columns, width))
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B N C"]:
        if self.enlarge is None:
            large = interpolate(features, scale_factor=self.scale, mode="bilinear", align_corners=False)
        else:
            large = self.enlarge(features)
        return large.flatten(2).transpose(1, 2) + self.position


class Selection(nn.Module):
    """Which one in `divisor` of N tokens to keep: indices (B, N // divisor), ascending; None for all of them.

    "grid" keeps cells evenly spread over frames, rows and columns. "random" draws anew at every step of training, from
    torch's generator; in eval mode it keeps one scattered set, the same for all samples and in every run.
    """

    def __init__(self, config: FTPPoseConfig, grid: tuple[int, int, int], divisor: int) -> None:
        super().__init__()
        count = math.prod(grid)
        self.keep, self.select, self.k, self.tau = count // divisor, config.select, config.k, config.tau
        if self.keep < 1:
            raise InputError(f"model.keep_hrb, keep_lrb: one in {divisor} of {count} tokens is none; wanted fewer")
        if self.select == "dpc" and self.keep < count < self.k:
            raise InputError(f"model.k must be at most the number of tokens {count}, got {self.k}")
        order = _spread(grid) if self.select == "grid" else _scattered(count)
        self.register_buffer("fixed", torch.tensor(sorted(order[: self.keep])), persistent=False)
        self.whole = self.keep == count

    def forward(self, tokens: Float[Tensor, "B N C"]) -> Int64[Tensor, "B keep"] | None:
        if self.whole:
            return None
        if self.select == "dpc":
            return density_peaks(tokens, self.keep, self.k, self.tau)
        if self.select == "norm":
            return highest(tokens.detach().float().square().sum(-1), self.keep)
        if self.select == "random" and self.training:
            return highest(torch.rand(tokens.shape[:2], device=tokens.device), self.keep)
        return cast(Tensor, self.fixed).expand(tokens.shape[0], -1)


class Apart(nn.Module):
    """Self-attention inside the first tokens and inside the others, with the weights of a given one.

    So a shared block goes over both branches at once: with few tokens, reading its weights is what takes time.
    """

    def __init__(self, attention: Attention, first: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out, self.first = attention.heads, attention.qkv, attention.out, first

    def forward(self, tokens: Float[Tensor, "B N C"], mask: None = None) -> Float[Tensor, "B N C"]:
        mixed = []
        for part in self.qkv(tokens).tensor_split((self.first,), dim=1):
            query, key, value = part.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, h, M, d)
            mixed.append(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return cast(Tensor, self.out(torch.cat(mixed, dim=1)))


class CrossBlock(nn.Module):
    """Eq. 3 as a residual: x + attention(norm x, norm y), then x + feed-forward(norm x)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_query, self.norm_context = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Float[Tensor, "B N C"], context: Float[Tensor, "B M C"]) -> Float[Tensor, "B N C"]:
        query = self.query(self.norm_query(tokens)).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, h, N, d)
        pair = self.key_value(self.norm_context(context)).unflatten(-1, (2, self.heads, -1))
        key, value = pair.permute(2, 0, 3, 1, 4)  # (B, h, M, d)
        mixed = scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.out(mixed.transpose(1, 2).flatten(2))
        return cast(Tensor, tokens + self.feed_forward(self.norm(tokens)))


def _taken(tokens: Tensor, places: Tensor | None) -> Tensor:
    """The tokens (B, N, C) at places (B, M)."""
    return tokens if places is None else tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))


def _returned(tokens: Tensor, places: Tensor | None, changed: Tensor) -> Tensor:
    """Tokens (B, N, C), those at places (B, M) changed."""
    return changed if places is None else tokens.scatter(1, places[..., None].expand_as(changed), changed)


def _spread(grid: tuple[int, int, int]) -> list[int]:
    """Cells of a grid, flat, in an order whose every beginning is spread evenly.

    Multiples of irrational numbers fill the unit interval evenly; those of the plastic number's powers do so together
    for two axes (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
    """
    golden, plastic = 1.618033988749895, 1.324717957244746
    frames, rows, columns = grid
    cells = [(frame, row, column) for frame in range(frames) for row in range(rows) for column in range(columns)]
    fill = [(frame / golden + row / plastic + column / plastic**2) % 1 for frame, row, column in cells]
    return sorted(range(len(cells)), key=fill.__getitem__)


def _scattered(count: int) -> list[int]:
    """0 to count - 1 in an order without pattern, the same in every run: that of the numbers' digests."""
    return sorted(range(count), key=lambda number: hashlib.sha256(str(number).encode()).digest())


def _doubling(inside: int, outside: int) -> list[nn.Module]:
    """A map of twice the size per side, as ViTPose's classic head makes it."""
    enlarge = nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=False)
    return [enlarge, nn.BatchNorm2d(outside), nn.ReLU()]


def _head(width: int, inside: int, joints: int, doublings: int) -> nn.Sequential:
    parts = [part for index in range(doublings) for part in _doubling(inside if index else width, inside)]
    return nn.Sequential(*parts, nn.Conv2d(inside if doublings else width, joints, 1))
