"""Figures that the papers print for the presets, each with its source, beside our own by the same rule.

Papers say "FLOPs" and mean multiply-accumulates, counted by three rules (docs/baselines.md):
- "products": convolutions and matrix products, those of attention too; what this package prints.
- "hrnet": the counter in HRNet's code, which SimpleBaseline and TokenPose use as well. Convolutions and linear layers
  alone, in units of 1024^3; a transposed convolution is counted over its output, four times its work at stride 2, and
  a linear layer on tokens as if each had as many numbers as there are tokens. Of parameters it counts those of
  convolutions, batch norms and linear layers.
- "mmcv": the counter of mmcv. Layers alone; a norm counts twice for each number, an activation, an enlargement and a
  pooling once.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from chronopose.formats import weights_file
from chronopose.losses.rle import RealNVP
from chronopose.models import checkpoint, network_of
from chronopose.models.complexity import complexity
from chronopose.recipes.presets import PRESETS

Rule = Literal["products", "hrnet", "mmcv"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number as a paper prints it.

    Args:
        printed: its digits, with M for a million or G for a thousand millions.
        part: what was counted.
        rule: how it was counted.
        apart: how far ours lies beyond what printing few digits explains, as a part of the figure; the entry's note
            says why.
    """

    printed: str
    part: Literal["network", "backbone", "network and flow"] = "network"
    rule: Rule = "products"
    apart: float = 0.0

    @property
    def value(self) -> float:
        """The number itself."""
        return float(self.printed.rstrip("MG")) * self._unit

    @property
    def step(self) -> float:
        """One unit of the last digit printed."""
        decimals = re.sub(r"^\d+\.?|[MG]$", "", self.printed)
        return self._unit * 10.0 ** -len(decimals)

    @property
    def _unit(self) -> float:
        return {"M": 1e6, "G": 1e9}.get(self.printed[-1], 1.0)

    def agrees(self, ours: float) -> bool:
        """Whether ours, rounded or cut off at the digits printed, is this number, or lies no further than `apart`."""
        slack = self.apart * self.value
        return self.value - self.step / 2 - slack <= ours < self.value + self.step + slack


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a paper says of the network of a preset."""

    source: str
    parameters: Figure | None = None
    macs: Figure | None = None
    note: str = ""


_HRNET = "github.com/leoxiaobin/deep-high-resolution-net.pytorch, table of COCO val2017, 256x192"
_VITPOSE = "arXiv:2204.12484, Table 9"
_VIT = "the backbone alone; the figure is that of the ViT paper, whose network has a classifier and a class token too"
_TOKENPOSE = "arXiv:2104.03516"
_FTP = "arXiv:2503.05365, Table II"

PUBLISHED: dict[str, Published] = {
    "dsta-hrnet-w48": Published(
        source="arXiv:2403.19926, Table 3",
        parameters=Figure(printed="63.9M"),
        macs=Figure(printed="35.5G", part="backbone", rule="mmcv"),
        note="the head's 0.02 G is 0.025 G for the joints' tokens of one frame here, 0.027 G with the attention",
    ),
    "dsta-r50-shipped": Published(
        source="the authors' code, github.com/zgspose/DSTA, instantiated",
        parameters=Figure(printed="24745407", part="network and flow"),
        note="with the 53,784 parameters of the loss's flow, which their module holds",
    ),
    "ftp-table2-base": Published(
        source=_FTP,
        parameters=Figure(printed="72M"),
        note="the layout is inferred from this figure and the ratio of speeds; the paper does not state it",
    ),
    "ftp-table2-a": Published(
        source=_FTP,
        parameters=Figure(printed="78M", apart=0.022),
        note="the inferred layout has 75.8 M; what the paper's other 2 M are is not known",
    ),
    "ftp-table2": Published(
        source=_FTP,
        parameters=Figure(printed="78M", apart=0.022),
        note="the inferred layout has 75.8 M; what the paper's other 2 M are is not known",
    ),
    "tokenpose-t": Published(
        source="the authors' configuration, github.com/leeyegy/TokenPose",
        parameters=Figure(printed="5.803M", rule="hrnet"),
        macs=Figure(printed="1.29G", rule="hrnet"),
        note="their counter leaves out layer norms and the joints' tokens",
    ),
    "tokenpose-s": Published(
        source=f"{_TOKENPOSE}, Table 7 (S-v1)",
        parameters=Figure(printed="6.62M"),
        macs=Figure(printed="2.23G", rule="hrnet"),
        note="6.67 M where the fixed sine code is counted as parameters",
    ),
    "tokenpose-s-v2": Published(
        source=_TOKENPOSE, parameters=Figure(printed="6.2M"), macs=Figure(printed="11.6G", rule="hrnet")
    ),
    "tokenpose-b": Published(
        source=f"{_TOKENPOSE}; the authors' configuration, github.com/leeyegy/TokenPose",
        parameters=Figure(printed="13.5M"),
        macs=Figure(printed="5.65G", rule="hrnet"),
    ),
    "tokenpose-l-d6": Published(source=_TOKENPOSE, parameters=Figure(printed="20.8M")),
    "tokenpose-l": Published(
        source=f"{_TOKENPOSE} (L/D24)", parameters=Figure(printed="27.5M"), macs=Figure(printed="11.0G", rule="hrnet")
    ),
    "simple-baseline-r50": Published(
        source=_HRNET,
        parameters=Figure(printed="34.0M"),
        macs=Figure(printed="8.9G", rule="hrnet"),
        note="8.99 by this rule; in units of 10^9 it is the 9.7 of arXiv:2107.11291, Table 5",
    ),
    "simple-baseline-r152": Published(
        source=_HRNET, parameters=Figure(printed="68.6M"), macs=Figure(printed="15.7G", rule="hrnet")
    ),
    "hrnet-w32": Published(
        source=_HRNET, parameters=Figure(printed="28.5M"), macs=Figure(printed="7.1G", rule="hrnet")
    ),
    "hrnet-w48": Published(
        source=_HRNET, parameters=Figure(printed="63.6M"), macs=Figure(printed="14.6G", rule="hrnet")
    ),
    "rle-r50": Published(
        source="arXiv:2107.11291, Table 1", parameters=Figure(printed="23.6M"), macs=Figure(printed="4.0G")
    ),
    "vitpose-b": Published(
        source="arXiv:2204.12484, Tables 8 and 9",
        parameters=Figure(printed="86M", part="backbone"),
        macs=Figure(printed="17.1G", part="backbone"),
        note="the backbone alone",
    ),
    "vitpose-l": Published(
        source=_VITPOSE,
        parameters=Figure(printed="307M", part="backbone", apart=0.011),
        note=f"{_VIT}, which explains 1.0 M of the difference of 3.7 M",
    ),
    "vitpose-h": Published(source=_VITPOSE, parameters=Figure(printed="632M", part="backbone", apart=0.001), note=_VIT),
}
"""By preset. What could not be traced to a paper or its code is left out: of ViTPose-S no figure was found, of ListPose
only the abstract is public."""


def compare_all() -> list[dict[str, Any]]:
    """A row of `compare` for every bundled model and every preset."""
    return [compare(name) for name in [*weights_file.bundled(), *PRESETS]]


def compare(name: str) -> dict[str, Any]:
    """A model's counts beside the published ones: an entry of `chronopose bench complexity --json`.

    `published` is None or holds, of parameters and MACs, those that are published, with ours by the same rule and the
    ratio of ours to them.

    Raises:
        InputError: there is neither a preset nor a checkpoint of that name.
    """
    config = PRESETS[name] if name in PRESETS else checkpoint.describe(name)[1]
    with torch.device("meta"):
        model = network_of(config).eval()
    counted = complexity(model)
    published = PUBLISHED.get(name)
    parameters = counted.parameters
    if published and published.parameters and published.parameters.part == "network and flow":
        parameters = parameters_of(model, published.parameters)
    return {
        "name": name,
        "parameters": parameters,
        "macs_encode_per_frame": counted.macs_encode_per_frame,
        "macs_fuse_per_window": counted.macs_fuse_per_window,
        "published": None if published is None else _beside(model, published),
    }


def _beside(model: nn.Module, published: Published) -> dict[str, Any]:
    row: dict[str, Any] = {"source": published.source, "note": published.note}
    count: Callable[[nn.Module, Figure], int]
    for what, figure, count in (
        ("parameters", published.parameters, parameters_of),
        ("macs", published.macs, macs_of),
    ):
        if figure is not None:
            ours = count(model, figure)
            row |= {
                what: round(figure.value),
                f"{what}_ours": ours,
                f"{what}_ratio": round(ours / figure.value, 4),
                f"{what}_of": figure.part,
                f"{what}_rule": figure.rule,
            }
    return row


def parameters_of(model: nn.Module, figure: Figure) -> int:
    """The parameters of the part of a model that a figure is about, by the figure's rule."""
    part: Any = model.backbone if figure.part == "backbone" else model
    if figure.rule == "hrnet":
        counted = {id(p): p.numel() for m in part.modules() if _is_layer(m) for p in m.parameters()}
        return sum(counted.values())
    flow = sum(p.numel() for p in RealNVP().parameters()) if figure.part == "network and flow" else 0
    return flow + sum(int(p.numel()) for p in part.parameters())


def macs_of(model: nn.Module, figure: Figure) -> int:
    """Multiply-accumulates of one answer (of the backbone: one frame) by the figure's rule, best on the meta device."""
    pose: Any = model
    height, width, device = pose.spec.height, pose.spec.width, next(model.parameters()).device
    shape = (1, 3) if figure.part == "backbone" else (1, len(pose.spec.offsets), 3)
    part: nn.Module = pose.backbone if figure.part == "backbone" else model
    pixels = torch.zeros(*shape, height, width, device=device)
    with torch.no_grad():
        if figure.rule == "products":
            with FlopCounterMode(display=False) as counter:
                part(pixels)
            return int(counter.get_total_flops()) // 2
        by_rule = _hrnet if figure.rule == "hrnet" else _mmcv
        counts: list[int] = []
        hooks = [
            module.register_forward_hook(lambda m, given, answer: counts.append(by_rule(m, given[0], answer)))
            for module in part.modules()
            if next(module.children(), None) is None
        ]
        part(pixels)
        for hook in hooks:
            hook.remove()
    return round(sum(counts) * 1e9 / 1024**3) if figure.rule == "hrnet" else sum(counts)


def _is_layer(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | nn.Linear)


def _hrnet(module: nn.Module, given: Tensor, answer: Tensor) -> int:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        return module.weight.numel() * math.prod(answer.shape[2:])
    if isinstance(module, nn.Linear):
        return answer.numel() * given.shape[1]  # axis 1 is that of the tokens, where there are any
    return 0


def _mmcv(module: nn.Module, given: Tensor, answer: Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        bias = 0 if module.bias is None else answer.numel()
        return module.weight.numel() * math.prod(answer.shape[2:]) + bias
    if isinstance(module, nn.ConvTranspose2d):
        return module.weight.numel() * math.prod(given.shape[2:])
    if isinstance(module, nn.Linear):
        return given.numel() * module.out_features
    if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
        return 2 * given.numel()
    if isinstance(module, nn.ReLU | nn.Upsample):
        return answer.numel()
    return given.numel() if isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d) else 0
