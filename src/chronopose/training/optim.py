"""The optimiser: parameter groups, learning rate over the run, and the moving average of the weights."""

import copy
import math
import re
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.training.config import OptimConfig

_BLOCK = re.compile(r"(?:^|\.)((?:stages?|layers?|blocks?)[._]?\d+(?:\.(?:blocks?\.|layers?\.)?\d+)?)\.")


def lr_factor(config: OptimConfig, step: int, steps: int) -> float:
    """What the learning rate is multiplied by in step `step` (from 0) of a run of `steps`."""
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "cosine":
        progress = (step - config.warmup_steps) / max(steps - config.warmup_steps, 1)
        falling = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return config.final_lr_fraction + (1 - config.final_lr_fraction) * falling
    if config.schedule == "step":
        return config.gamma ** sum(step >= milestone * steps for milestone in config.milestones)
    return 1.0


def layer_depths(names: Iterable[str]) -> dict[str, int]:
    """How many blocks below the head each backbone parameter lies, from the parameters' names in order.

    A block is one numbered member of `blocks`, `layers` or `stages`, with its number inside the stage where there is
    one: `blocks.3`, `stages.1.blocks.0`, `layer2.1`. Blocks count in order of appearance. What comes before the first
    block (stem, position embedding) lies one deeper than it; what belongs to no block and comes later (a closing norm)
    has depth 0, as the head does. Without any block every depth is 0.
    """
    order: dict[str, int] = {}
    place: dict[str, int | None] = {}
    for name in names:
        found = _BLOCK.search(name)
        if found:
            place[name] = order.setdefault(found.group(1), len(order))
        else:
            place[name] = None if order else -1
    return {name: len(order) - at if order and at is not None else 0 for name, at in place.items()}


def build_optimizer(config: OptimConfig, model: nn.Module, loss: nn.Module | None) -> torch.optim.AdamW:
    """AdamW over the trainable parameters of the model and, where it has any, of the loss.

    Every group has `param_names` ("model.backbone...", "loss...") and `lr_scale`, by which its rate differs from the
    others'. `set_lr` sets the rate. The modules must already be on their device.
    """
    depths: dict[str, int] = {}
    if config.layer_decay < 1:
        depths = layer_depths(name for name, _ in model.named_parameters() if name.startswith("backbone."))
        if not any(depths.values()):
            raise InputError(
                f"layer_decay {config.layer_decay} needs a backbone with numbered blocks, stages or layers; "
                "this model has none, use 1"
            )
    named = [("model." + name, name, parameter) for name, parameter in model.named_parameters()]
    if loss is not None:
        named += [("loss." + name, "", parameter) for name, parameter in loss.named_parameters()]
    groups: dict[tuple[float, float], list[tuple[str, nn.Parameter]]] = {}
    for full_name, name, parameter in named:
        if parameter.requires_grad:
            scale = config.backbone_lr_scale if name.startswith("backbone.") else 1.0
            scale *= config.layer_decay ** depths.get(name, 0)
            decay = config.weight_decay if config.decay_vectors or parameter.ndim > 1 else 0.0
            groups.setdefault((scale, decay), []).append((full_name, parameter))
    if not groups:
        raise InputError("the model has no trainable parameter: at least 1 is needed")
    return torch.optim.AdamW(
        [{"params": members, "lr_scale": key[0], "weight_decay": key[1]} for key, members in groups.items()],
        lr=config.lr,
        betas=config.betas,
        # One kernel for everything: on two CPU cores 61 ms instead of 107 for 10 million parameters in 450 tensors.
        fused=all(parameter.device.type in ("cpu", "cuda") for _, _, parameter in named),
    )


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Gives every group its rate: `lr` times the group's scale.

    The rate is a function of the step alone, so there is no scheduler whose state could go astray.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


class MovingAverage:
    """A copy of a model whose weights follow the original slowly; buffers are copied as they are.

    Args:
        model: what is followed.
        decay: of the old average in each update, in 0 to 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, count: int) -> None:
        """Follows the model, after `count` earlier updates."""
        decay = min(self.decay, (1 + count) / (10 + count))
        old: list[Tensor] = list(self.module.parameters())
        new: list[Tensor] = list(model.parameters())
        torch._foreach_lerp_(old, new, 1 - decay)
        for kept, current in zip(self.module.buffers(), model.buffers(), strict=True):
            kept.copy_(current)
