"""The training loop: what one step does, when things are written down, and how a stopped run goes on.

After a resume the weights are, bit for bit, those of a run that was never stopped: samples are a function of the step
alone (`chronopose.training.sampler`), and everything else that changes from step to step is in the checkpoint. On CUDA
this holds as far as the model's kernels are deterministic.
"""

import copy
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.accelerator import Accelerator
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.training import checkpoints
from chronopose.training.config import OptimConfig, TrainConfig
from chronopose.training.log import Log, Means
from chronopose.training.optim import MovingAverage, build_optimizer, lr_factor, set_lr
from chronopose.training.sampler import StepSampler, TrainingData, batches

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
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    accelerator = Accelerator(gradient_accumulation_steps=config.accumulate)
    if accelerator.num_processes > 1:
        raise InputError(f"training runs in one process, got {accelerator.num_processes}: start it without a launcher")
    torch.manual_seed(config.seed)
    run = _Run(config, optim, accelerator, model=model, loss=loss, samples=len(data))
    folder = out / "checkpoints"
    found = checkpoints.newest(folder)
    if found is not None and not resume:
        raise InputError(f"{out} holds a run of {found.step} steps: resume it, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    if found is not None:
        run.restore(found)
        _log.info("going on from step %d of %s", run.step, folder)

    def write_down() -> None:
        run.check()
        checkpoints.write(folder, step=run.step, tensors=run.tensors(), state=run.state(), keep=config.keep)
        _export(run.best, out / "model.safetensors", save)

    def score(log: Log) -> None:
        if validate is not None:
            run.check()
            with run.aside(), torch.no_grad():
                log.validation_row(run.step, validate(run.best.eval()))

    sampler = StepSampler(
        length=len(data),
        batch_size=config.batch_size,
        seed=config.seed,
        first=run.step * config.accumulate,
        last=config.steps * config.accumulate,
    )
    stream = batches(data, sampler, workers=config.workers, pin_memory=accelerator.device.type == "cuda")
    with (
        closing(stream),
        Log(out, step=run.step, steps=config.steps, tensorboard=config.tensorboard) as log,
    ):
        if run.step >= config.steps:
            _export(run.best, out / "model.safetensors", save)
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


class _Run:
    """The state of a run: everything that changes from step to step."""

    def __init__(
        self,
        config: TrainConfig,
        optim: OptimConfig,
        accelerator: Accelerator,
        *,
        model: nn.Module,
        loss: Any,
        samples: int,
    ) -> None:
        self.config, self.optim, self.accelerator, self.samples = config, optim, accelerator, samples
        self.device = accelerator.device
        self.model = model.to(self.device)
        if config.channels_last:
            _channels_last(self.model)
        self.loss = loss.to(self.device) if isinstance(loss, nn.Module) else loss
        self.loss_module = self.loss if isinstance(loss, nn.Module) else None
        self.optimizer = build_optimizer(optim, self.model, self.loss_module)
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.average = MovingAverage(self.model, config.ema_decay) if config.ema_decay else None
        self.autocast = _half_precision(config, self.device)
        self.means = Means()
        self.first_bad = torch.zeros((), dtype=torch.int64, device=self.device)  # 0: no loss was bad so far
        self.step = 0
        self.seconds = 0.0
        self.mark = (0, time.monotonic())
        self.model.train()
        if self.loss_module is not None:
            self.loss_module.train()

    @property
    def best(self) -> nn.Module:
        """What is validated and saved."""
        return self.model if self.average is None else self.average.module

    def advance(self, stream: Iterator[Any]) -> None:
        """One step. Nothing in it waits for the device."""
        set_lr(self.optimizer, self.optim.lr * lr_factor(self.optim, self.step, self.config.steps))
        for _ in range(self.config.accumulate):
            batch = _moved(next(stream), self.device)
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
                output = self.model(batch.pixels)
            parts = self.loss(_as_float32(output), batch)
            total = torch.stack([part.float() for part in parts.values()]).sum()
            self.accelerator.backward(total)  # type: ignore[no-untyped-call]
            self.means.add({"loss": total} | parts | {"loss": total})
            self._watch(total)
        limit = float("inf") if self.optim.clip_norm is None else self.optim.clip_norm
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
        self.means.add({"grad_norm": norm})
        self._watch(norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.model, self.step)
        self.step += 1

    def _watch(self, value: Tensor) -> None:
        bad = ~torch.isfinite(value.detach()) & (self.first_bad == 0)
        self.first_bad = self.first_bad + bad.long() * (self.step + 1)  # torch.where would wait for the device

    def check(self) -> None:
        """Stops the run where a loss or a gradient was not finite; called before anything is written."""
        step = int(self.first_bad)
        if step:
            means = ", ".join(f"{name} {value:g}" for name, value in self.means.take().items())
            raise InputError(
                f"the loss or its gradient was not finite at step {step} (means since the last row: {means}): "
                "lower lr or look at the data; older checkpoints are untouched"
            )

    def row(self) -> dict[str, float]:
        """The log's row for the steps since the last one."""
        means = self.means.take()
        now, (step, then) = time.monotonic(), self.mark
        per_step = self.config.batch_size * self.config.accumulate
        self.seconds, self.mark = self.seconds + now - then, (self.step, now)
        return {
            "epoch": self.step * per_step / self.samples,
            "lr": self.optim.lr * lr_factor(self.optim, self.step - 1, self.config.steps),
            **means,
            "samples_per_s": (self.step - step) * per_step / max(now - then, 1e-9),
            "seconds": self.seconds,
        }

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """The checkpoint's tensors, by file."""
        files = {
            "model": self.model.state_dict(),
            "optimizer": checkpoints.optimizer_tensors(self.optimizer),
            "loop": checkpoints.rng_tensors() | {f"sum.{name}": value for name, value in self.means.sums.items()},
        }
        if self.average is not None:
            files["ema"] = self.average.module.state_dict()
        if self.loss_module is not None:
            files["loss"] = self.loss_module.state_dict()
        return files

    def state(self) -> dict[str, Any]:
        """The checkpoint's JSON."""
        place = self.step * self.config.accumulate * self.config.batch_size
        return {
            "epoch": place // self.samples,
            "position": place % self.samples,
            "samples": self.samples,
            "seconds": self.seconds + time.monotonic() - self.mark[1],
            "counts": self.means.counts,
            "train": dataclasses.asdict(self.config),
            "optim": dataclasses.asdict(self.optim),
        }

    def restore(self, found: checkpoints.Checkpoint) -> None:
        """Goes back to where a checkpoint was written."""
        before, now = found.state["train"], dataclasses.asdict(self.config)
        for name in ("seed", "batch_size", "accumulate"):
            if before[name] != now[name]:
                raise InputError(f"a resumed run keeps its {name}: the checkpoint has {before[name]}, got {now[name]}")
        if found.state["samples"] != self.samples:
            raise InputError(
                f"a resumed run keeps its data: the checkpoint has {found.state['samples']} samples, got {self.samples}"
            )
        if bool(before["ema_decay"]) != (self.average is not None):
            raise InputError(f"a resumed run keeps its moving average: the checkpoint has {before['ema_decay']}")
        for part, settings in (("train", self.config), ("optim", self.optim)):
            for name, value in dataclasses.asdict(settings).items():
                kept = found.state[part].get(name)
                if kept != (list(value) if isinstance(value, tuple) else value):
                    _log.warning("%s was %s before step %d and is %s from there on", name, kept, found.step, value)
        _load(self.model, found, "model")
        if self.average is not None:
            _load(self.average.module, found, "ema")
        if self.loss_module is not None:
            _load(self.loss_module, found, "loss")
        checkpoints.restore_optimizer(self.optimizer, found.tensors["optimizer"])
        loop = found.tensors["loop"]
        self.means.sums = {name[4:]: value.to(self.device) for name, value in loop.items() if name.startswith("sum.")}
        self.means.counts = dict(found.state["counts"])
        self.step, self.seconds = found.step, found.state["seconds"]
        self.mark = (self.step, time.monotonic())
        checkpoints.restore_rng(loop)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Runs something between two steps that leaves no trace in them: random states and modes are put back."""
        modes = [(module, module.training) for module in self.model.modules()]
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield
        for module, training in modes:
            module.training = training


def _half_precision(config: TrainConfig, device: torch.device) -> bool:
    if config.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return config.precision == "bf16"


def _channels_last(model: nn.Module) -> None:
    # Convolutions only: the format is defined for four dimensions, and other weights gain nothing from it.
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(memory_format=torch.channels_last)


def _load(module: nn.Module, found: checkpoints.Checkpoint, name: str) -> None:
    try:
        module.load_state_dict(found.tensors[name])
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"the checkpoint of step {found.step} does not fit this run's {name}: {reason}") from error


def _export(model: nn.Module, path: Path, save: Callable[[nn.Module, Path], None]) -> None:
    # A plain copy, so that `save` needs to know neither of devices nor of memory orders.
    plain = copy.deepcopy(model).eval().to("cpu").to(memory_format=torch.contiguous_format)
    with replacing(path) as partial:
        save(plain, partial)


def _moved(batch: Any, device: torch.device) -> Any:
    return type(batch)(*(v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for v in batch))


def _as_float32(value: Any) -> Any:
    """The same structure of tuples with every half-precision tensor as float32."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, tuple):
        parts = [_as_float32(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
