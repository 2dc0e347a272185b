"""The first two steps of a run, measured: what it takes in memory and time, without anything written."""

import resource
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from chronopose.training.config import OptimConfig, TrainConfig
from chronopose.training.ranks import Ranks
from chronopose.training.run import Run
from chronopose.training.sampler import TrainingData

_STEPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What was measured on this rank.

    Attributes:
        device: where the model computes.
        ranks: processes that train together.
        steps: of the whole run.
        learned: parameters that are trained, those of the loss among them.
        first_step_s: seconds of the first step, in which workers start, kernels are chosen and the model is compiled.
        step_s: seconds of the second one, which those to come will take about as long as.
        memory_bytes: most memory that this process had, without its workers.
        device_bytes: most memory that its tensors took on the device; None on the CPU.
    """

    device: torch.device
    ranks: int
    steps: int
    learned: int
    first_step_s: float
    step_s: float
    memory_bytes: int
    device_bytes: int | None

    @property
    def run_s(self) -> float:
        """Seconds of the whole run, without validation."""
        return self.first_step_s + (self.steps - 1) * self.step_s


def rehearse(config: TrainConfig, optim: OptimConfig, *, model: nn.Module, loss: Any, data: TrainingData) -> Rehearsal:
    """Takes the first steps as `trainer.train` would."""
    config = config.over(len(data))
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    ranks = Ranks(config.accumulate)
    ranks.seed(config.seed)
    run = Run(config, optim, ranks, model=model, loss=loss, data=data)
    on_gpu = ranks.device.type == "cuda"
    marks = [time.monotonic()]
    with closing(run.batches()) as stream:
        for _ in range(min(_STEPS, config.steps)):
            run.advance(stream)
            run.check()  # and so waits for the device
            marks.append(time.monotonic())
    return Rehearsal(
        device=ranks.device,
        ranks=ranks.count,
        steps=config.steps,
        learned=sum(parameter.numel() for parameter in run.parameters),
        first_step_s=marks[1] - marks[0],
        step_s=marks[-1] - marks[-2],
        memory_bytes=_peak(),
        device_bytes=torch.cuda.max_memory_allocated(ranks.device) if on_gpu else None,
    )


def _peak() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # the one counts bytes, the other units of 1024
