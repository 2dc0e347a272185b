"""Weights spread over the ranks (FSDP2), so that each keeps a part of them, and gathered whole again."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from chronopose.core.errors import InputError
from chronopose.training.ranks import Ranks

_LEAST = 1_000_000
"""Parameters of a block that is worth being gathered for itself."""


def spread(module: nn.Module, ranks: Ranks) -> None:
    """Spreads a module over the ranks in place, with the values it has on rank 0; the names of its weights stay.

    The numbered blocks of a network are gathered one after the other, each when it is its turn, the rest at once.

    Raises:
        InputError: the module has a parameter without dimensions, which cannot be spread.
    """
    for name, parameter in module.named_parameters():
        if parameter.ndim == 0:
            raise InputError(f"shard: {name} is a single number, which cannot be spread; train without shard")
    ranks.equalise(module)
    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    blocks = [
        block
        for name, block in module.named_modules()
        if name.rpartition(".")[2].isdecimal()
        and not isinstance(block, nn.ModuleList)
        and sum(parameter.numel() for parameter in block.parameters()) >= _LEAST
    ]
    for part in [*reversed(blocks), module]:
        fully_shard(part, mesh=mesh)


def blank(module: nn.Module) -> nn.Module:
    """A copy of a module whose parameters take no memory, for `filled`."""
    empty = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in module.parameters()}
    return copy.deepcopy(module, dict[int, Any](empty))


def filled(empty: nn.Module, original: nn.Module, keep: bool) -> nn.Module:
    """The copy made by `blank`, with the weights that its original, now spread, has; on the CPU.

    Every rank takes part; those that do not `keep` the weights get the copy as it was.
    """
    tensors = gathered(original.state_dict(), keep)
    plain = copy.deepcopy(empty)
    if keep:
        plain.load_state_dict(tensors, assign=True)
    return plain


def gathered(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """Tensors by name, those that are spread gathered on the CPU one after the other.

    Every rank takes part; those that do not `keep` them get nothing.
    """
    result = {}
    for name, value in tensors.items():
        entire = whole(value)
        if keep:
            result[name] = value if entire is value else entire.cpu()
    return result


def whole(value: Tensor) -> Tensor:
    """A tensor gathered from all ranks, which all take part; one that is not spread as it is."""
    return value.full_tensor().detach() if isinstance(value, DTensor) else value


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """A whole tensor in the memory order of a parameter, and spread as that is."""
    if isinstance(parameter, DTensor):
        spread = distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)
        return torch.empty_like(parameter).copy_(spread)  # in memory of its own: a part of the whole keeps all of it
    return torch.empty_like(parameter, device="cpu").copy_(value)
