"""Several processes that train one model: who is who, what they tell each other, and how all end when one fails."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from accelerate.accelerator import Accelerator
from accelerate.state import PartialState
from accelerate.utils.dataclasses import DistributedDataParallelKwargs
from accelerate.utils.operations import broadcast_object_list, gather_object
from torch import distributed, nn

from chronopose.core.errors import InputError

_PATIENCE = timedelta(hours=1)
"""How long a rank waits for the others: rank 0 writes checkpoints meanwhile, perhaps over a network."""


class Ranks:
    """This process among those that a launcher such as `torchrun` started; alone it is rank 0 of 1.

    What a method tells the others only arrives when all of them call it, at the same place of their work.

    Args:
        accumulate: passes whose gradients are averaged into one step.

    Attributes:
        rank: of this process, from 0.
        count: how many there are.
        main: whether this is rank 0, which writes, logs and speaks for all.
        device: of this process.
        accelerator: which knows all this.
    """

    def __init__(self, accumulate: int = 1) -> None:
        _join()
        # Networks draw what they leave out of a step, and a head may have no part in the loss.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(cpu=_on_cpu(), gradient_accumulation_steps=accumulate, kwargs_handlers=[unused])
        self.rank, self.count = self.accelerator.process_index, self.accelerator.num_processes
        self.main = self.rank == 0
        self.device = torch.device("cpu") if self.accelerator.device.type == "cpu" else self.accelerator.device

    def seed(self, seed: int, step: int = 0) -> None:
        """Seeds torch's default generators: those of rank 0 with `seed`, the others' with numbers of their own."""
        if not self.main:
            sequence = np.random.SeedSequence((seed, self.rank, step), spawn_key=(2,))
            seed = int(sequence.generate_state(1, np.uint64)[0])
        torch.manual_seed(seed)

    def from_main(self, value: Any) -> Any:
        """What rank 0 has."""
        return value if self.count == 1 else broadcast_object_list([value])[0]

    def collected(self, value: Any) -> list[Any]:
        """What every rank has, by rank."""
        return [value] if self.count == 1 else gather_object([value])

    def shared(self, module: nn.Module) -> nn.Module:
        """The module, with gradients that are averaged over the ranks while they are computed (DDP)."""
        wrapped: nn.Module = self.accelerator.prepare_model(module)
        return wrapped

    def passing(self, module: nn.Module, last: bool) -> AbstractContextManager[None]:
        """Around one pass of a step through what `shared` gave: gradients travel in the last one alone."""
        if last:
            return nullcontext()
        apart: AbstractContextManager[None] = self.accelerator.no_sync(module)
        return apart

    def equalise(self, module: nn.Module) -> None:
        """Gives the module of every rank the values of rank 0's."""
        for value in module.state_dict().values():
            travelling = value.detach().to(self.device).contiguous()
            distributed.broadcast(travelling, src=0)
            value.copy_(travelling)


@contextmanager
def together() -> Iterator[bool]:
    """Around all the work of a process that may be one of several; gives whether it is rank 0.

    Where a rank fails all end, and one of them says why: the first to fail, the others being in want of it only.
    """
    if not _launched():
        yield True
        return
    state = _join()
    try:
        yield state.is_main_process
    except BaseException as error:
        if not _is_first_to_fail():
            raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None
        if _tells_of_another(error):
            raise InputError(
                f"rank {state.process_index}: another rank is gone, killed perhaps; resume the run"
            ) from error
        if isinstance(error, InputError):
            raise InputError(f"rank {state.process_index}: {error}") from error
        raise
    state.destroy_process_group()


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _on_cpu() -> bool:
    # Asked for on the CPU alone: otherwise accelerate takes a launched process without a GPU for one by itself.
    return _launched() and not torch.cuda.is_available()


def _join() -> Any:
    state: Any = PartialState
    return state(cpu=_on_cpu(), timeout=_PATIENCE) if _launched() else state()


def _is_first_to_fail() -> bool:
    try:
        store = distributed.distributed_c10d._get_default_store()
        return bool(store.add("chronopose/failures", 1) == 1)
    except RuntimeError:  # the rank that kept the store is gone
        return True


def _tells_of_another(error: BaseException) -> bool:
    """Whether an error is about the way to the other ranks, which breaks when one of them ends."""
    return isinstance(error, distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
