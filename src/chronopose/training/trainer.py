"""The training loop: what one step does, when things are written down, and how a stopped run goes on.

After a resume the weights are, bit for bit, those of a run that was never stopped: samples are a function of the step
alone (`chronopose.training.sampler`), and everything else that changes from step to step is in the checkpoint. On CUDA
this holds as far as the model's kernels are deterministic.
"""

import copy
import dataclasses
import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.training import checkpoints, trackers
from chronopose.training.config import OptimConfig, TrainConfig
from chronopose.training.log import Log
from chronopose.training.ranks import Ranks
from chronopose.training.run import Run
from chronopose.training.sampler import TrainingData

_log = logging.getLogger(__name__)


def train(
    config: TrainConfig,
    optim: OptimConfig,
    *,
    model: nn.Module,
    loss: nn.Module | Callable[[Any, Any], dict[str, Tensor]],
    data: TrainingData,
    out: Path,
    save: Callable[[nn.Module, Path], None],
    resume: bool,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    validate_every: int = 0,
) -> None:
    """Trains `model` in place and leaves `out/model.safetensors`, `out/log.csv` and `out/checkpoints/`.

    Each step computes `loss(model(batch.pixels), batch)`, sums the parts and descends. The loss is given floats of 32
    bits whatever the precision. Torch's default generators are seeded with `config.seed`.

    Args:
        config: the loop.
        optim: the optimiser.
        model: moved to the device; its float weights stay float32.
        loss: answers scalar parts by name. Where it is a module with parameters they are trained too, kept in the
            checkpoints, and never saved with the model.
        data: the samples, see `TrainingData`.
        out: the run's folder; made where it is missing.
        save: writes a model to a path. It is given a copy of the model (the moving average where there is one) in
            eval mode on the CPU, and a path beside the final one, to which the file is then renamed.
        resume: go on from the newest checkpoint in `out`, or start where there is none.
        validate: scores the model (the moving average where there is one) in eval mode, without gradients; what it
            answers goes to `out/validation.csv`. It cannot change the course of the training.
        validate_every: steps between validations; 0 is only at the end.

    Raises:
        InputError: `out` holds checkpoints and `resume` is not set; the checkpoint does not belong to this model,
            data or batch size; a loss is not finite.
    """
    if not config.steps:
        config = config.over(len(data))
        _log.info("%g epochs over %d samples are %d steps", config.epochs, len(data), config.steps)
    trackers.check(config.log)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    ranks = Ranks(config.accumulate)
    ranks.seed(config.seed)
    folder = out / "checkpoints"
    found = _found(folder, ranks)
    if found is not None and not resume:
        raise InputError(f"{out} holds a run of {found.step} steps: resume it, or choose another folder")
    run = Run(config, optim, ranks, model=model, loss=loss, data=data, found=found)
    if found is not None and ranks.main:
        _log.info("going on from step %d of %s", run.step, folder)
    del found  # as large as the run itself
    if ranks.main:
        out.mkdir(parents=True, exist_ok=True)
        for remains in out.glob(".partial-*"):  # of a run that was killed while it replaced a file
            remains.unlink()

    def export() -> None:
        best = run.whole(keep=ranks.main)
        if ranks.main:
            _export(best, out / "model.safetensors", save)

    def write_down() -> None:
        run.check()
        tensors, state = run.content()
        if ranks.main:
            checkpoints.write(folder, step=run.step, tensors=tensors, state=state, keep=config.keep)
        export()

    def score(log: Log) -> None:
        if validate is not None:
            run.check()
            best = run.whole()
            with run.aside(), torch.no_grad():
                log.validation_row(run.step, validate(best.to(ranks.device).eval()))

    with (
        closing(run.batches()) as stream,
        Log(
            out, step=run.step, steps=config.steps, trackers=_trackers(config, optim, run, out), main=ranks.main
        ) as log,
    ):
        if run.step >= config.steps:
            export()
        while run.step < config.steps:
            run.advance(stream)
            last = run.step == config.steps
            log.advance(run.step)
            if last or run.step % config.log_every == 0:
                run.check()
                log.train_row(run.step, run.row())
            if last or (validate_every and run.step % validate_every == 0):
                score(log)
            if last or run.step % config.checkpoint_every == 0:
                write_down()


def _found(folder: Path, ranks: Ranks) -> checkpoints.Checkpoint | None:
    """The newest sound checkpoint. Rank 0 chooses; all read it, for what one rank sends the others it holds twice."""
    found = checkpoints.newest(folder) if ranks.main else None
    step = ranks.from_main(found.step if found is not None else None)
    return found if ranks.main or step is None else checkpoints.at(folder, step)


def _trackers(config: TrainConfig, optim: OptimConfig, run: Run, out: Path) -> trackers.Trackers | None:
    if not config.log or not run.ranks.main:
        return None
    parts = {"train": dataclasses.asdict(config), "optim": dataclasses.asdict(optim)}
    settings = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
    return trackers.Trackers(config.log, out, run.step, settings)


def _export(model: nn.Module, path: Path, save: Callable[[nn.Module, Path], None]) -> None:
    # A plain copy, so that `save` needs to know neither of devices nor of memory orders.
    plain = copy.deepcopy(model).eval().to("cpu").to(memory_format=torch.contiguous_format)
    with checkpoints.writing(path), replacing(path) as partial:
        save(plain, partial)
