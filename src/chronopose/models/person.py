"""A small person detector: boxes with a score from every cell of one feature map.

A picture goes through a mobile backbone; its maps of stride 8, 16 and 32 are added up on the way down to stride 8, and
every cell there says how likely it is the middle of a person and how far the person's box reaches to its left, top,
right and bottom. It is anchor-free in the manner of FCOS (arXiv 1904.01355), on a single level as CenterNet
(arXiv 1904.07850) has it, because people seen by this program are few and large. Written from the papers' description;
departures: one level for all sizes, no centre-ness branch (the score itself is trained to tell the overlap, as in
arXiv 2108.07755), reach through an exponential.

Shapes for H x W pixels (multiples of 32), h = H / 8, w = W / 8, D = width:
    pixels (B, 3, H, W) -> maps (B, 64, h, w), (B, 96, h/2, w/2), (B, 128, h/4, w/4)
    -> merged (B, D, h, w) -> logit (B, h w), boxes (B, h w, 4)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from chronopose.core.errors import InputError
from chronopose.layers.backbone import NormalPixels

STRIDE = 8
COARSEST = 32


@dataclass(frozen=True, kw_only=True)
class PersonConfig:
    """The detector's network.

    Args:
        backbone: a timm network with maps of stride 8, 16 and 32.
        width: channels of the merged map and of the head.
        long_side: of the pictures it is shown by default when it detects, in pixels.
        score_scale: with `score_shift`, makes the score of a detection, the sigmoid of scale * logit + shift, the
            chance that it is right; fitted after training by tools/calibrate_detector.py.
        score_shift: see `score_scale`.
    """

    backbone: str = "mobilenetv4_conv_small"
    width: int = 80
    long_side: int = 320
    score_scale: float = 1.0
    score_shift: float = 0.0

    def __post_init__(self) -> None:
        if self.long_side < COARSEST or self.long_side % COARSEST:
            raise InputError(f"long_side must be a positive multiple of {COARSEST}, got {self.long_side}")
        if self.width < 1:
            raise InputError(f"width must be positive, got {self.width}")


class PersonOutput(NamedTuple):
    """What every cell says, cells in rows; boxes are x1, y1, x2, y2 in pixels of the network's picture."""

    logit: Float[Tensor, "B N"]
    boxes: Float[Tensor, "B N 4"]
    centres: Float[Tensor, "N 2"]


class PersonModel(nn.Module):
    """(B, 3, H, W) pixels, uint8 or float in 0..255 RGB, H and W multiples of 32 -> `PersonOutput`."""

    def __init__(self, config: PersonConfig) -> None:
        import timm

        super().__init__()
        self.config = config
        self.normal = NormalPixels()
        if not timm.is_model(config.backbone):
            raise InputError(f"backbone {config.backbone!r} is not a timm model")
        trunk: Any = timm.create_model(config.backbone, pretrained=False, features_only=True, out_indices=(2, 3, 4))
        if trunk.feature_info.reduction() != [STRIDE, 2 * STRIDE, COARSEST]:
            raise InputError(f"backbone {config.backbone!r} has no third to fifth map of stride 8, 16 and 32")
        # The last stage of MobileNetV4 only widens its map (128 to 960) for a classifier; the neck narrows it again.
        if config.backbone.startswith("mobilenetv4"):
            trunk.blocks[-1] = nn.Identity()
        self.trunk: nn.Module = trunk
        self.neck = Neck(_channels(trunk), config.width)
        self.head = nn.Sequential(Mix(config.width), Mix(config.width))
        self.logit = nn.Conv2d(config.width, 1, 1)
        self.reach = nn.Conv2d(config.width, 4, 1)
        # Few cells are people: start at a score of 1 %, and with boxes of 8 cells, about the middle of the sizes.
        nn.init.constant_(cast(Tensor, self.logit.bias), -4.6)
        nn.init.constant_(cast(Tensor, self.reach.bias), 1.4)
        nn.init.normal_(self.reach.weight, std=0.01)

    def forward(self, pixels: Tensor) -> PersonOutput:
        if pixels.shape[-1] % COARSEST or pixels.shape[-2] % COARSEST:
            raise InputError(f"pictures must have sides that are multiples of {COARSEST}, got {tuple(pixels.shape)}")
        # Depthwise convolutions are twice as fast on a CPU when the channels lie together.
        normal = self.normal(pixels).contiguous(memory_format=torch.channels_last)
        merged = self.head(self.neck(self.trunk(normal)))  # (B, D, h, w)
        logit = self.logit(merged).flatten(1)  # (B, h w)
        reach = self.reach(merged).flatten(2).transpose(1, 2)  # (B, h w, 4)
        reach = STRIDE * reach.float().clamp(max=6).exp()
        centres = cell_centres(merged.shape[-2], merged.shape[-1]).to(reach)
        boxes = torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], dim=-1)
        return PersonOutput(logit.float(), boxes, centres)


class Neck(nn.Module):
    """Maps of stride 8, 16, 32 -> one map of stride 8: narrowed, looked at, enlarged and added, coarse to fine."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.narrow = nn.ModuleList([nn.Conv2d(wide, width, 1, bias=False) for wide in channels])
        self.norm = nn.ModuleList([nn.BatchNorm2d(width) for _ in channels])
        self.mix = nn.ModuleList([Mix(width) for _ in channels])

    def forward(self, maps: list[Tensor]) -> Tensor:
        below: Tensor | None = None
        for part, narrow, norm, mix in reversed(list(zip(maps, self.narrow, self.norm, self.mix))):
            here = norm(narrow(part))
            if below is not None:
                here = here + functional.interpolate(below, scale_factor=2.0, mode="nearest")
            below = mix(here)
        assert below is not None
        return below


class Mix(nn.Module):
    """A residual step: 5x5 within each channel, then 1x1 across channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)
        self.look_norm = nn.BatchNorm2d(width)
        self.cross = nn.Conv2d(width, width, 1, bias=False)
        self.cross_norm = nn.BatchNorm2d(width)

    def forward(self, values: Tensor) -> Tensor:
        seen = self.look_norm(self.look(values))
        return functional.relu(values + self.cross_norm(self.cross(seen)))


def _channels(trunk: nn.Module) -> list[int]:
    """Channels of the maps, asked of the network itself: its own table does not know that a stage was taken away."""
    training = trunk.training
    with torch.no_grad():
        maps = trunk.eval()(torch.zeros(1, 3, COARSEST, COARSEST))
    trunk.train(training)
    return [part.shape[1] for part in maps]


def cell_centres(rows: int, columns: int) -> Float[Tensor, "N 2"]:
    """Pixel coordinates of the middle of every cell, row by row (integer coordinates are pixel centres)."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2) * float(STRIDE) + (STRIDE - 1) / 2
