"""Any timm backbone behind one shape: pixels of single frames in, one feature map out."""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from chronopose.core.errors import InputError

VITPOSE: dict[str, tuple[str, dict[str, int]]] = {
    "vitpose_small": ("vit_small_patch16_224", {"num_heads": 12}),
    "vitpose_base": ("vit_base_patch16_224", {}),
    "vitpose_large": ("vit_large_patch16_224", {}),
    "vitpose_huge": ("vit_huge_patch14_224", {"patch_size": 16}),
}
"""ViTPose's transformers (arXiv:2204.12484) as timm's with what differs: 12 heads in the small one, 16-pixel patches
in all, and two pixels of padding around the picture before it is cut into patches."""


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Which network looks at single frames.

    Args:
        name: a timm model, e.g. "resnet50", "hrnet_w48", "vit_small_patch16_224", "mobilenetv4_conv_small";
            "vit_huge_patch16" is ViT-H with the 16-pixel patches that pose papers use; "vitpose_small", "_base",
            "_large" and "_huge" are ViTPose's own layout, see `VITPOSE`.
        stride: of the feature map in pixels, None for the network's own last map (HRNet: 4, ViT: its patch, others
            32). A finer one adds a light top-down path over the network's pyramid.
        neck_width: channels of that path.
    """

    name: str = "resnet50"
    stride: int | None = None
    neck_width: int = 64

    def __post_init__(self) -> None:
        if self.stride not in (None, 4, 8, 16):
            raise InputError(f"backbone.stride must be 4, 8, 16 or none, got {self.stride}")
        if self.stride is not None and self.name in VITPOSE:
            raise InputError(f"backbone.stride must be none with {self.name}, got {self.stride}")
        if self.neck_width < 1:
            raise InputError(f"backbone.neck_width must be positive, got {self.neck_width}")


class Backbone(nn.Module):
    """(N, 3, H, W) pixels, uint8 or float in 0..255 RGB -> (N, C, h, w) features.

    Normalisation (ImageNet mean and standard deviation, as timm's own weights want) is part of it, so nothing outside
    needs to know it. Modules of the timm network that do not serve the map are taken away: `parameters()` counts what
    is used.
    """

    def __init__(self, config: BackboneConfig, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)
        self.normal = NormalPixels(self.size)
        self.frozen = False
        self.neck: TopDown | None = None
        if config.stride is None:
            self.trunk = _trunk(config.name, height, width)
        else:
            options = {"img_size": (height, width)} if config.name.startswith(("vit_", "deit")) else {}
            self.trunk = _create(config.name, features_only=True, **options)
            strides, channels = self.trunk.feature_info.reduction(), self.trunk.feature_info.channels()
            if config.stride not in strides:
                raise InputError(f"backbone {config.name} has maps of stride {strides}, none of {config.stride}")
            self.first = strides.index(config.stride)
            self.neck = TopDown(channels[self.first :], config.neck_width)
        try:
            shape = _remove_unused(self.trunk, lambda: self._look())
        except (AssertionError, AttributeError, RuntimeError) as error:
            # Networks of one picture size, or with a map of another kind; timm answers each in its own way.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"backbone {config.name} cannot look at crops of {height} x {width} pixels: {reason}"
            ) from None
        self.channels, self.grid = shape[1], (shape[2], shape[3])

    def freeze(self) -> None:
        """Keeps weights and running statistics as they are, through training too."""
        self.frozen = True
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """As in `nn.Module`; a frozen backbone stays in eval mode."""
        return super().train(mode and not self.frozen)

    def _look(self) -> torch.Size:
        """The feature map's shape for one frame of the configured size, on the meta device: nothing is computed."""
        training, meta = self.training, torch.device("meta")
        self.eval()
        tensors = {name: t.to(meta) for name, t in [*self.named_parameters(), *self.named_buffers()]}
        with torch.no_grad():
            features = torch.func.functional_call(self, tensors, (torch.zeros(1, 3, *self.size, device=meta),))
        self.train(training)
        return cast(Tensor, features).shape

    def forward(self, pixels: Tensor) -> Float[Tensor, "N C h w"]:
        normal = self.normal(pixels)
        if self.neck is not None:
            return cast(Tensor, self.neck(self.trunk(normal)[self.first :]))
        return self._as_map(self.trunk.forward_features(normal))

    def _as_map(self, features: Any) -> Tensor:
        if isinstance(features, list):  # HRNet: the high-resolution branch
            return cast(Tensor, features[0])
        if features.ndim == 3:  # a transformer: (N, prefix + tokens, C)
            patch = self.trunk.patch_embed.patch_size
            grid = (self.size[0] // patch[0], self.size[1] // patch[1])
            tokens = features[:, -math.prod(grid) :]
            return cast(Tensor, tokens.transpose(1, 2).unflatten(2, grid))
        if getattr(self.trunk, "output_fmt", "NCHW") == "NHWC":
            return cast(Tensor, features.permute(0, 3, 1, 2))
        return cast(Tensor, features)


class NormalPixels(nn.Module):
    """Pixels (N, 3, H, W), uint8 or float in 0..255 RGB, by ImageNet's mean and deviation, as timm's own weights want.

    Args:
        size: height and width of the only crops taken, None for pictures of any size.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255, persistent=False)
        self.size = size

    def forward(self, pixels: Tensor) -> Float[Tensor, "N 3 H W"]:
        if self.size is not None and tuple(pixels.shape[-2:]) != self.size:
            raise ValueError(
                f"this model wants crops of {self.size[0]} x {self.size[1]} pixels, got {tuple(pixels.shape)}"
            )
        return (pixels.to(self.std.dtype) - self.mean) / self.std


class TopDown(nn.Module):
    """A light feature pyramid: coarse maps are narrowed, enlarged and added to the finer ones; the finest comes out."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(_conv(count, width, 1) for count in channels)
        self.smooth = nn.ModuleList(_conv(width, width, 5, groups=width) for _ in channels[:-1])
        self.mix = nn.ModuleList(_conv(width, width, 1) for _ in channels[:-1])

    def forward(self, maps: list[Tensor]) -> Tensor:
        finer = self.narrow[-1](maps[-1])
        for level in range(len(maps) - 2, -1, -1):
            here = self.narrow[level](maps[level])
            joined = here + nn.functional.interpolate(finer, size=here.shape[-2:], mode="nearest")
            finer = joined + self.mix[level](self.smooth[level](joined))
        return cast(Tensor, finer)


def _conv(inside: int, outside: int, kernel: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


def _create(name: str, **options: Any) -> Any:
    import timm  # with torchvision two seconds and 190 MB, which graphs do without

    # Asked first, because timm would go to the network for names such as "hf-hub:...".
    if ":" in name or not timm.is_model(name):
        close = difflib.get_close_matches(name, [*VITPOSE, *timm.list_models()], n=5)
        hint = f"did you mean {', '.join(close)}?" if close else "timm.list_models() names them all"
        raise InputError(f"backbone.name: timm has no model {name!r}; {hint}")
    try:
        return timm.create_model(name, pretrained=False, **options)
    except (AssertionError, RuntimeError, TypeError) as error:
        raise InputError(f"backbone {name} cannot be built: {error}") from None


def _trunk(name: str, height: int, width: int) -> Any:
    """The timm network without its classifier."""
    if name in VITPOSE:
        name, changes = VITPOSE[name]
        size = {"img_size": (height, width), "class_token": False, "global_pool": ""}
        trunk = _create(name, num_classes=0, **size, **changes)
        trunk.patch_embed.proj.padding = (2, 2)
        return trunk
    if name.startswith(("vit_", "deit")):
        options: dict[str, Any] = {"img_size": (height, width), "class_token": False, "global_pool": ""}
        if name == "vit_huge_patch16":
            name, options["patch_size"] = "vit_huge_patch14_224", 16
        return _create(name, num_classes=0, **options)
    if name.startswith("hrnet"):
        trunk = _create(name, num_classes=0)
        # Pose networks keep the high-resolution branch alone: the last exchange to the others is never computed.
        trunk.incre_modules = trunk.downsamp_modules = None
        last = trunk.stage4[-1]
        last.fuse_layers = last.fuse_layers[:1]
        return trunk
    return _create(name, num_classes=0, global_pool="")


def _remove_unused(trunk: nn.Module, look: Callable[[], torch.Size]) -> torch.Size:
    """Replaces modules with parameters that a pass never calls by identities; gives what a pass gives."""
    used: set[int] = set()
    leaves = [m for m in trunk.modules() if next(m.parameters(recurse=False), None) is not None]
    hooks = [leaf.register_forward_pre_hook(lambda module, _: used.add(id(module))) for leaf in leaves]
    shape = look()
    for hook in hooks:
        hook.remove()
    touched = {id(m) for m in trunk.modules() if any(id(child) in used for child in m.modules())}
    removed: list[tuple[nn.Module, str, nn.Module]] = []
    for module in trunk.modules():
        for name, child in module.named_children():
            has_parameters = next(child.parameters(), None) is not None
            if has_parameters and id(child) not in touched and id(module) in touched | {id(trunk)}:
                setattr(module, name, nn.Identity())
                removed.append((module, name, child))
    try:
        return look() if removed else shape
    except AttributeError:  # some are asked for their parameters by another method than a call
        for module, name, child in removed:
            setattr(module, name, child)
        return shape
