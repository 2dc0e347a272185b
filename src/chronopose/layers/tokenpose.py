"""What TokenPose and ListPose share: frame encoders, patches, sine code, transformer and token head.

Li et al., "TokenPose: Learning Keypoint Tokens for Human Pose Estimation", ICCV 2021, arXiv:2104.03516. Written from
the paper; facts where it is silent are taken from the authors' code (github.com/leeyegy/TokenPose, no licence stated),
of which nothing is copied.

| step | shape | |
|---|---|---|
| frame encoder | (N, 3, H, W) -> (N, C, h', w') | pixels, HRNet's stem, HRNet to stage 3, or any timm backbone |
| patches | (N, C, h', w') -> (N, P, D) | cells of a patch row by row, channels fastest, one linear layer |
| transformer | (N, K, D), (N, P, D) -> (N, K, stages D) | a token for each joint stands before the patches |
| head | (N, K, stages D) -> (N, K, h, w) | a map for each joint, from its token alone |
"""

import math
from collections import OrderedDict
from itertools import pairwise
from typing import Any, Literal, Protocol, Self, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from chronopose.core.errors import InputError
from chronopose.layers.backbone import Backbone, BackboneConfig, NormalPixels

Encoder = Literal["stem", "raw", "hrnet_w32_s3", "hrnet_w48_s3", "timm"]
"""What looks at single frames: HRNet's stem with its first four bottlenecks (stride 4, 256 channels), nothing at all
(patches of pixels), HRNet's high-resolution branch up to stage 3 (stride 4, 32 or 48 channels), or a timm backbone."""

_STRIDE: dict[str, int] = {"stem": 4, "raw": 1, "hrnet_w32_s3": 4, "hrnet_w48_s3": 4}
_CHANNELS: dict[str, int] = {"stem": 256, "raw": 3, "hrnet_w32_s3": 32, "hrnet_w48_s3": 48}


class NetworkConfig(Protocol):
    """The fields of a model's config that fix this network; `TokenPoseConfig` says what they mean."""

    @property
    def encoder(self) -> Encoder: ...
    @property
    def backbone(self) -> BackboneConfig: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def patch(self) -> tuple[int, int]: ...
    @property
    def token_width(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def stages(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def mlp_ratio(self) -> int: ...
    @property
    def attn_scale(self) -> Literal["head", "dim"]: ...
    @property
    def map_stride(self) -> int: ...


def check_network(config: NetworkConfig) -> None:
    """Raises `InputError` for the first field that no network can be built from."""
    for name in ("depth", "stages", "heads", "mlp_ratio", "map_stride"):
        if getattr(config, name) < 1:
            raise InputError(f"model.{name} must be at least 1, got {getattr(config, name)}")
    if len(config.patch) != 2 or min(config.patch) < 1:
        raise InputError(f"model.patch must be a height and a width of at least 1 cell, got {config.patch}")
    if config.token_width < 4 or config.token_width % 4 or config.token_width % config.heads:
        raise InputError(
            f"model.token_width must be a multiple of 4 and of heads {config.heads}, got {config.token_width}"
        )
    if config.depth % config.stages:
        raise InputError(f"model.depth must be a multiple of stages {config.stages}, got {config.depth}")
    if config.height % config.map_stride or config.width % config.map_stride:
        raise InputError(
            f"model.map_stride must divide the crop of {config.height} x {config.width} pixels, got {config.map_stride}"
        )
    if config.encoder == "timm":
        return
    across, stride = config.encoder.startswith("hrnet"), _STRIDE[config.encoder]
    # HRNet's third stage has branches of stride 4, 8 and 16, which are enlarged and added.
    if config.height % (16 if across else stride) or config.width % (16 if across else stride):
        raise InputError(
            f"model: encoder {config.encoder} wants crops in multiples of {16 if across else stride} pixels, "
            f"got {config.height} x {config.width}"
        )
    _check_patch(config.patch, (config.height // stride, config.width // stride))


def _check_patch(patch: tuple[int, int], grid: tuple[int, int]) -> None:
    if grid[0] % patch[0] or grid[1] % patch[1]:
        raise InputError(
            f"model.patch must divide the encoder's map of {grid[0]} x {grid[1]} cells, got {patch[0]} x {patch[1]}"
        )


def frame_encoder(config: NetworkConfig) -> "Backbone | FrameEncoder":
    """The network that looks at single frames; its map has `channels` and the cells of `grid`."""
    if config.encoder == "timm":
        return Backbone(config.backbone, config.height, config.width)
    return FrameEncoder(config.encoder, config.height, config.width)


class FrameEncoder(nn.Module):
    """(N, 3, H, W) pixels, uint8 or float in 0..255 RGB -> (N, C, h', w'), normalised as `Backbone` does.

    Modules have timm's names for HRNet, so that its weights fit.
    """

    def __init__(self, kind: Literal["stem", "raw", "hrnet_w32_s3", "hrnet_w48_s3"], height: int, width: int) -> None:
        super().__init__()
        self.normal = NormalPixels((height, width))
        self.frozen = False
        self.trunk: Any = nn.Identity() if kind == "raw" else _stem() if kind == "stem" else _to_stage_3(kind[:-3])
        self.channels = _CHANNELS[kind]
        self.grid = (height // _STRIDE[kind], width // _STRIDE[kind])

    def freeze(self) -> None:
        """Keeps weights and running statistics as they are, through training too."""
        self.frozen = True
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """As in `nn.Module`; a frozen encoder stays in eval mode."""
        return super().train(mode and not self.frozen)

    def forward(self, pixels: Tensor) -> Float[Tensor, "N C h w"]:
        normal = self.normal(pixels)
        if isinstance(self.trunk, nn.Sequential | nn.Identity):
            return cast(Tensor, self.trunk(normal))
        return cast(Tensor, self.trunk.forward_features(normal)[0])


def _stem() -> nn.Sequential:
    """HRNet's first two convolutions, each halving the picture, and its first stage: 4 bottlenecks of 64 -> 256."""
    from timm.models.resnet import Bottleneck

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, channels in ((1, 3), (2, 64)):
        layers[f"conv{number}"] = nn.Conv2d(channels, 64, 3, stride=2, padding=1, bias=False)
        layers[f"bn{number}"] = nn.BatchNorm2d(64)
        layers[f"act{number}"] = nn.ReLU(inplace=True)
    widen = nn.Sequential(nn.Conv2d(64, 256, 1, bias=False), nn.BatchNorm2d(256))
    layers["layer1"] = nn.Sequential(
        Bottleneck(64, 64, downsample=widen), *(Bottleneck(256, 64) for _ in range(3))
    )  # (N, 64, h', w') -> (N, 256, h', w')
    stem = nn.Sequential(layers)
    for module in stem.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return stem


def _to_stage_3(name: str) -> Any:
    """timm's HRNet without what comes after stage 3, and there only the exchange towards the finest branch."""
    import timm

    trunk: Any = timm.create_model(name, pretrained=False, head="")
    last = trunk.stage3[-1]
    last.fuse_layers = last.fuse_layers[:1]
    trunk.transition3 = nn.ModuleList([nn.Identity()])
    trunk.stage4 = nn.Identity()
    return trunk


def sine_code(rows: int, columns: int, width: int) -> Float[Tensor, "P D"]:
    """A code for each cell of a grid, row by row: half of it waves of the row, half waves of the column.

    Rows and columns are counted from 1 and scaled so that the last one is a full turn; frequencies fall geometrically
    from 1 to nearly 1 / 10000, sine and cosine of each in turn.
    """
    half = width // 2
    slowness = 10000.0 ** (2 * (torch.arange(half) // 2) / half)

    def waves(count: int) -> Tensor:
        place = torch.arange(1, count + 1) / (count + 1e-6) * 2 * math.pi
        angle = place[:, None] / slowness  # (count, half)
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=-1).flatten(1)

    down = waves(rows)[:, None].expand(rows, columns, half)
    across = waves(columns)[None].expand(rows, columns, half)
    return torch.cat([down, across], dim=-1).flatten(0, 1)


class TokenNetwork(nn.Module):
    """Everything after the frame encoder: patches, learned joint tokens, transformer and head."""

    def __init__(self, config: NetworkConfig, encoder: Backbone | FrameEncoder, joints: int) -> None:
        super().__init__()
        _check_patch(config.patch, encoder.grid)
        self.embedding = PatchEmbedding(encoder.channels, config.patch, config.token_width)
        self.grid = (encoder.grid[0] // config.patch[0], encoder.grid[1] // config.patch[1])
        self.tokens = nn.Parameter(torch.empty(joints, config.token_width))
        self.transformer = TokenTransformer(config, joints, self.grid)
        maps = (config.height // config.map_stride, config.width // config.map_stride)
        self.head = TokenHead(config.stages * config.token_width, maps)
        nn.init.trunc_normal_(self.tokens, std=0.02)
        self.apply(start_linear)

    def forward(
        self, joints: Float[Tensor, "B K D"], patches: Float[Tensor, "B P D"]
    ) -> tuple[Float[Tensor, "B K h w"], Float[Tensor, "B K D"]]:
        """Joint tokens as they start and a frame's patch tokens -> the joints' maps, and their tokens in the end."""
        joined = self.transformer(joints, patches)
        return self.head(joined), joined[..., -joints.shape[-1] :]


def start_linear(module: nn.Module) -> None:
    """TokenPose's start of a linear layer: narrow random weights and no bias."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class PatchEmbedding(nn.Module):
    """(N, C, h', w') -> (N, P, D): the cells of a patch in rows, a cell's channels together, through a linear layer."""

    def __init__(self, channels: int, patch: tuple[int, int], width: int) -> None:
        super().__init__()
        self.patch = patch
        self.linear = nn.Linear(patch[0] * patch[1] * channels, width)

    def forward(self, features: Float[Tensor, "N C h w"]) -> Float[Tensor, "N P D"]:
        columns = torch.unflatten(features, 3, (-1, self.patch[1]))
        cells = torch.unflatten(columns, 2, (-1, self.patch[0]))  # (N, C, gh, ph, gw, pw)
        flat = cells.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # (N, gh gw, ph pw C)
        return cast(Tensor, self.linear(flat))


class TokenTransformer(nn.Module):
    """Joint and patch tokens attend to each other; the code of place is added to the patches before every layer.

    With several stages the joints' tokens after each of them are joined, and the code is left out before the first
    layer of the later ones, as the authors have it.
    """

    def __init__(self, config: NetworkConfig, joints: int, grid: tuple[int, int]) -> None:
        super().__init__()
        width, heads = config.token_width, config.heads
        scale = (width if config.attn_scale == "dim" else width // heads) ** -0.5
        self.blocks = nn.ModuleList(TokenBlock(width, heads, config.mlp_ratio, scale) for _ in range(config.depth))
        self.each = config.depth // config.stages
        # Joint tokens have no place; zeros before the code make adding it one sum, and nothing is changed in place.
        code = torch.cat([torch.zeros(joints, width), sine_code(*grid, width)])
        self.register_buffer("code", code, persistent=False)  # (K + P, D)

    def forward(self, joints: Float[Tensor, "B K D"], patches: Float[Tensor, "B P D"]) -> Float[Tensor, "B K E"]:
        count, kept = joints.shape[1], []
        tokens = torch.cat([joints, patches.to(joints.dtype)], dim=1)
        for index, block in enumerate(self.blocks):
            if index == 0 or index % self.each:
                tokens = tokens + cast(Tensor, self.code)
            tokens = block(tokens)
            if (index + 1) % self.each == 0:
                kept.append(tokens[:, :count])
        return torch.cat(kept, dim=-1)


class TokenBlock(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x); keys, queries and values without bias."""

    def __init__(self, width: int, heads: int, ratio: int, scale: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))

    def forward(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        query, key, value = (
            self.qkv(self.norm1(tokens)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )  # (3, B, heads, N, d)
        mixed = scaled_dot_product_attention(query, key, value, scale=self.scale)
        tokens = tokens + self.out(mixed.transpose(1, 2).flatten(2))
        return cast(Tensor, tokens + self.feed_forward(self.norm2(tokens)))


class TokenHead(nn.Module):
    """(N, K, E) -> (N, K, h, w): a map from each joint's token, by weights that the joints share.

    Two linear layers with a norm before each and nothing between them; where the token is wide against the hidden
    layer of h w / 8, a single one.
    """

    def __init__(self, inside: int, maps: tuple[int, int]) -> None:
        super().__init__()
        self.maps = maps
        cells = maps[0] * maps[1]
        hidden = cells // 8
        sizes = [inside, hidden, cells] if 2 * inside <= hidden else [inside, cells]
        layers = [(nn.LayerNorm(before), nn.Linear(before, after)) for before, after in pairwise(sizes)]
        self.layers = nn.Sequential(*(part for layer in layers for part in layer))

    def forward(self, tokens: Float[Tensor, "N K E"]) -> Float[Tensor, "N K h w"]:
        return torch.unflatten(self.layers(tokens), -1, self.maps)
