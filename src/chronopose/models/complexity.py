"""Parameters and multiply-accumulates of a model, counted without computing anything."""

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
    """Counts a model, best built on the meta device, where ViT-H takes no memory.

    A person detector counts as an encoder of one square frame, with nothing to fuse.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad():
        if isinstance(model, PoseModel):
            spec = model.spec
            features, encode = _macs(model.encode, torch.zeros(1, 3, spec.height, spec.width, device=device))
            shown = 1 if spec.recurrent else len(spec.offsets)
            _, fuse = _macs(model.fuse, torch.stack([features] * shown, dim=1))
        else:
            config: Any = model.config
            side = config.long_side
            _, encode = _macs(model, torch.zeros(1, 3, side, side, device=device))
            fuse = 0
    model.train(was_training)
    return Complexity(sum(parameter.numel() for parameter in model.parameters()), encode, fuse)


def _macs(step: Any, given: torch.Tensor) -> tuple[Any, int]:
    with FlopCounterMode(display=False) as counter:
        result = step(given)
    return result, counter.get_total_flops() // 2
