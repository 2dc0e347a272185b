"""Parameters and multiply-accumulates of a model, counted without computing anything."""

import copy
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from chronopose.clips.contract import PoseModel


class Complexity(NamedTuple):
    """`parameters` of inference (a loss's own excluded); multiply-accumulates of one frame's encoding and of one
    window's fusion (one frame's, where the model carries a state), convolutions and matrix products alone, as the
    papers count."""

    parameters: int
    macs_encode_per_frame: int
    macs_fuse_per_window: int


def complexity(model: nn.Module) -> Complexity:
    """Counts a model, on the meta device whatever its own: on a CPU short sequences are multiplied in another way.

    A person detector counts as an encoder of one square frame, with nothing to fuse.
    """
    paper = _on_paper(model).eval()
    with torch.no_grad():
        if isinstance(paper, PoseModel):
            spec = paper.spec
            features, encode = _macs(paper.encode, torch.zeros(1, 3, spec.height, spec.width, device="meta"))
            shown = 1 if spec.recurrent else len(spec.offsets)
            _, fuse = _macs(paper.fuse, torch.stack([features] * shown, dim=1))
        else:
            config: Any = paper.config
            side = config.long_side
            _, encode = _macs(paper, torch.zeros(1, 3, side, side, device="meta"))
            fuse = 0
    return Complexity(sum(parameter.numel() for parameter in model.parameters()), encode, fuse)


def _on_paper(model: nn.Module) -> nn.Module:
    """A copy without numbers, made without copying any."""
    shapes: dict[int, Any] = {id(one): nn.Parameter(one.detach().to("meta"), False) for one in model.parameters()}
    shapes |= {id(one): one.to("meta") for one in model.buffers()}
    return copy.deepcopy(model, shapes)


def _macs(step: Any, given: torch.Tensor) -> tuple[Any, int]:
    with FlopCounterMode(display=False) as counter:
        result = step(given)
    return result, counter.get_total_flops() // 2
