"""RTMPose as a graph with random weights, to be timed beside our models: its files cannot be had without a network.

Written anew after Jiang et al., "RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose", arXiv:2303.07399,
and the settings that mmpose states for its body models (CSPNeXt with channel attention; RTMCC head with a gated
attention unit; 256 x 192, 17 joints, SimCC bins of half a pixel). `python benchmarks/rtmpose_graph.py` prints
parameters and multiply-accumulates beside the published ones.
"""

import math

import torch
from torch import Tensor, nn

SIZES = {"t": (0.167, 0.375), "s": (0.33, 0.5), "m": (0.67, 0.75)}
"""Depth and width of each size, as factors of the largest layout."""
PUBLISHED = {"t": (3.34, 0.36), "s": (5.47, 0.68), "m": (13.59, 1.93)}
"""Million parameters and thousand million multiply-accumulates, as mmpose prints them."""
JOINTS, HEIGHT, WIDTH = 17, 256, 192
_STAGES = ((128, 3, True), (256, 6, True), (512, 6, True), (1024, 3, False))


def rtmpose(size: str) -> nn.Module:
    """(N, 3, 256, 192) normalised pixels -> scores of columns (N, 17, 384) and of rows (N, 17, 512)."""
    depth, width = SIZES[size]
    channels = int(64 * width)
    layers: list[nn.Module] = [
        _conv(3, channels // 2, 3, stride=2),
        _conv(channels // 2, channels // 2, 3),
        _conv(channels // 2, channels, 3),
    ]
    for number, (wide, blocks, identity) in enumerate(_STAGES):
        out = int(wide * width)
        layers.append(_conv(channels, out, 3, stride=2))
        if number == len(_STAGES) - 1:
            layers.append(_Pyramid(out))
        layers.append(_Csp(out, max(round(blocks * depth), 1), identity))
        channels = out
    return nn.Sequential(*layers, _Head(channels))


def _conv(inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.SiLU())


class _Pyramid(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = _conv(channels, channels // 2, 1)
        self.pools = nn.ModuleList(nn.MaxPool2d(kernel, 1, kernel // 2) for kernel in (5, 9, 13))
        self.wide = _conv(channels // 2 * 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        result: Tensor = self.wide(torch.cat([x, *(pool(x) for pool in self.pools)], dim=1))
        return result


class _Block(nn.Module):
    def __init__(self, channels: int, identity: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(channels, channels, 3), _conv(channels, channels, 5, groups=channels), _conv(channels, channels, 1)
        )
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.identity else y


class _Csp(nn.Module):
    """Two ways through a stage, one with blocks, weighed by channel."""

    def __init__(self, channels: int, blocks: int, identity: bool) -> None:
        super().__init__()
        half = channels // 2
        self.short, self.main = _conv(channels, half, 1), _conv(channels, half, 1)
        self.blocks = nn.Sequential(*(_Block(half, identity) for _ in range(blocks)))
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2 * half, 2 * half, 1), nn.Hardsigmoid())
        self.join = _conv(2 * half, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.blocks(self.main(x)), self.short(x)], dim=1)
        result: Tensor = self.join(both * self.weigh(both))
        return result


class _ScaleNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.gain = width**-0.5, nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x / (torch.linalg.norm(x, dim=-1, keepdim=True) * self.scale).clamp(min=1e-5) * self.gain


class _Head(nn.Module):
    """A map for each joint, a token of each map, attention between them, and a score for each column and row."""

    def __init__(self, channels: int, width: int = 256, inner: int = 512, key: int = 128) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, JOINTS, 7, padding=3)
        cells = HEIGHT // 32 * (WIDTH // 32)
        self.tokens = nn.Sequential(_ScaleNorm(cells), nn.Linear(cells, width, bias=False))
        self.norm, self.split = _ScaleNorm(width), (inner, inner, key)
        self.gates = nn.Linear(width, sum(self.split), bias=False)
        self.gain, self.shift = nn.Parameter(torch.ones(2, key)), nn.Parameter(torch.zeros(2, key))
        self.out, self.residual = nn.Linear(inner, width, bias=False), nn.Parameter(torch.ones(width))
        self.columns, self.rows = (nn.Linear(width, 2 * size, bias=False) for size in (WIDTH, HEIGHT))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tokens(self.maps(x).flatten(2))
        u, v, base = nn.functional.silu(self.gates(self.norm(x))).split(self.split, dim=-1)
        query, key = (base[..., None, :] * self.gain + self.shift).unbind(-2)
        weight = torch.relu(query @ key.transpose(1, 2) / math.sqrt(base.shape[-1])).square()
        x = x * self.residual + self.out(u * (weight @ v))
        return self.columns(x), self.rows(x)


def main() -> None:
    """Prints the counts beside the published ones."""
    from torch.utils.flop_counter import FlopCounterMode

    print("| RTMPose | million parameters | published | GMACs | published |\n|---|---|---|---|---|")
    for size, (parameters, macs) in PUBLISHED.items():
        model = rtmpose(size).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model(torch.zeros(1, 3, HEIGHT, WIDTH))
        counted = sum(parameter.numel() for parameter in model.parameters()) / 1e6
        print(f"| {size} | {counted:.2f} | {parameters} | {counter.get_total_flops() / 2e9:.2f} | {macs} |")


if __name__ == "__main__":
    main()
