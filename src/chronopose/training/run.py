"""The state of a training run: what one step does to it, and how it goes into a checkpoint and comes back."""

import dataclasses
import logging
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.training import checkpoints, sharding
from chronopose.training.config import OptimConfig, TrainConfig
from chronopose.training.log import Means
from chronopose.training.optim import MovingAverage, build_optimizer, lr_factor, set_lr
from chronopose.training.ranks import Ranks
from chronopose.training.sampler import StepSampler, TrainingData, batches

_log = logging.getLogger(__name__)


class Run:
    """Everything that changes from step to step.

    What it does, all ranks do at once.

    Args:
        config: the loop; its `steps` are given.
        optim: the optimiser.
        ranks: who trains.
        model: moved to the device, or spread over the ranks.
        loss: a function, or a module that is treated as the model is.
        data: the samples.
        found: the checkpoint to go on from.
    """

    def __init__(
        self,
        config: TrainConfig,
        optim: OptimConfig,
        ranks: Ranks,
        *,
        model: nn.Module,
        loss: Any,
        data: TrainingData,
        found: checkpoints.Checkpoint | None = None,
    ) -> None:
        self.config, self.optim, self.ranks, self.data = config, optim, ranks, data
        self.device = ranks.device
        self.model, self.average = model, MovingAverage(model, config.ema_decay) if config.ema_decay else None
        self.modules = {"model": model}
        if self.average is not None:
            self.modules["ema"] = self.average.module
        if isinstance(loss, nn.Module):
            self.modules["loss"] = loss
        if config.shard and ranks.count == 1:
            raise InputError("shard spreads weights over ranks, and this is one process: start it with torchrun")
        if found is not None:
            self._check_fits(found)
            for name, module in self.modules.items():
                _load(module, found, name)
        self.blank = sharding.blank(self.best) if config.shard else None
        for module in self.modules.values():
            self._place(module)
        if config.compile:
            _compile(model, self.device)
        pass_ = Pass(model, loss, _half_precision(config, self.device))
        self.shared = pass_ if config.shard else ranks.shared(pass_)
        self.optimizer = build_optimizer(optim, model, self.modules.get("loss"))
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.means = Means()
        self.first_bad = torch.zeros((), dtype=torch.int64, device=self.device)  # 0: no loss was bad so far
        self.step = 0
        self.seconds = 0.0
        for name, module in self.modules.items():
            module.train(name != "ema")
        if found is not None:
            self._restore(found)
        self.mark = (self.step, time.monotonic())

    @property
    def best(self) -> nn.Module:
        """What is validated and saved."""
        return self.model if self.average is None else self.average.module

    def whole(self, keep: bool = True) -> nn.Module:
        """`best`, gathered from the ranks where it is spread; a rank that does not `keep` it may get no weights."""
        return self.best if self.blank is None else sharding.filled(self.blank, self.best, keep)

    def batches(self) -> Generator[Any, None, None]:
        """This rank's part of every batch from the next step to the last."""
        config = self.config
        sampler = StepSampler(
            length=len(self.data),
            batch_size=config.batch_size,
            seed=config.seed,
            first=self.step * config.accumulate,
            last=config.steps * config.accumulate,
            rank=self.ranks.rank,
            ranks=self.ranks.count,
        )
        return batches(self.data, sampler, workers=config.workers, pin_memory=self.device.type == "cuda")

    def advance(self, stream: Iterator[Any]) -> None:
        """One step. Nothing in it waits for the device."""
        set_lr(self.optimizer, self.optim.lr * lr_factor(self.optim, self.step, self.config.steps))
        for count in range(1, self.config.accumulate + 1):
            batch = _moved(next(stream), self.device)
            with self.ranks.passing(self.shared, last=count == self.config.accumulate):
                parts = self.shared(batch)
                total = torch.stack([part.float() for part in parts.values()]).sum()
                self.ranks.accelerator.backward(total)  # type: ignore[no-untyped-call]
            self.means.add({"loss": total} | parts | {"loss": total})
            self._watch(total)
        limit = float("inf") if self.optim.clip_norm is None else self.optim.clip_norm
        norm = sharding.whole(torch.nn.utils.clip_grad_norm_(self.parameters, limit))
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
        step = max(self.ranks.collected(int(self.first_bad)))
        if step:
            means = ", ".join(f"{name} {value:g}" for name, value in self.means.take().items())
            raise InputError(
                f"the loss or its gradient was not finite at step {step} (means since the last row: {means}): "
                "lower lr or look at the data; older checkpoints are untouched"
            )

    def row(self) -> dict[str, float]:
        """The log's row for the steps since the last one; whole on rank 0."""
        self.means.pool(self.ranks)
        means = self.means.take()
        now, (step, then) = time.monotonic(), self.mark
        per_step = self.config.batch_size * self.config.accumulate
        self.seconds, self.mark = self.seconds + now - then, (self.step, now)
        return {
            "epoch": self.step * per_step / len(self.data),
            "lr": self.optim.lr * lr_factor(self.optim, self.step - 1, self.config.steps),
            **means,
            "samples_per_s": (self.step - step) * per_step / max(now - then, 1e-9),
            "seconds": self.seconds,
        }

    def content(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """A checkpoint's tensors, by file, and its JSON; whole on rank 0."""
        self.means.pool(self.ranks)
        loop = {f"sum.{name}": value for name, value in self.means.sums.items()}
        for states in self.ranks.collected(checkpoints.rng_tensors(self.device, self.ranks.rank)):
            loop |= states
        files = {name: module.state_dict() for name, module in self.modules.items()}
        files["optimizer"] = checkpoints.optimizer_tensors(self.optimizer)
        files["loop"] = loop
        tensors = {name: sharding.gathered(values, keep=self.ranks.main) for name, values in files.items()}
        place, samples = self.step * self.config.accumulate * self.config.batch_size, len(self.data)
        return tensors, {
            "epoch": place // samples,
            "position": place % samples,
            "samples": samples,
            "ranks": self.ranks.count,
            "seconds": self.seconds + time.monotonic() - self.mark[1],
            "counts": self.means.counts,
            "train": dataclasses.asdict(self.config),
            "optim": dataclasses.asdict(self.optim),
        }

    def _check_fits(self, found: checkpoints.Checkpoint) -> None:
        before, now, samples = found.state["train"], dataclasses.asdict(self.config), len(self.data)
        for name in ("seed", "batch_size", "accumulate"):
            if before[name] != now[name]:
                raise InputError(f"a resumed run keeps its {name}: the checkpoint has {before[name]}, got {now[name]}")
        if found.state["samples"] != samples:
            raise InputError(
                f"a resumed run keeps its data: the checkpoint has {found.state['samples']} samples, got {samples}"
            )
        if bool(before["ema_decay"]) != (self.average is not None):
            raise InputError(f"a resumed run keeps its moving average: the checkpoint has {before['ema_decay']}")
        changed = [("ranks", found.state.get("ranks", 1), self.ranks.count)]
        for part, settings in (("train", self.config), ("optim", self.optim)):
            for name, given in dataclasses.asdict(settings).items():
                value = list(given) if isinstance(given, tuple) else given
                # An older run may not have known it.
                changed.append((name, found.state[part].get(name, value), value))
        for name, kept, value in changed if self.ranks.main else []:
            if kept != value:
                _log.warning("%s was %s before step %d and is %s from there on", name, kept, found.step, value)

    def _place(self, module: nn.Module) -> None:
        if self.config.shard:
            sharding.spread(module, self.ranks)
            return
        module.to(self.device)
        if self.config.channels_last:
            _channels_last(module)

    def _restore(self, found: checkpoints.Checkpoint) -> None:
        """What a checkpoint holds beside the weights."""
        checkpoints.restore_optimizer(self.optimizer, found.tensors["optimizer"])
        self.step, self.seconds, loop = found.step, found.state["seconds"], found.tensors["loop"]
        if self.ranks.main:
            self.means.sums = {name[4:]: value.to(self.device) for name, value in loop.items() if name[:4] == "sum."}
            self.means.counts = dict(found.state["counts"])
        if not checkpoints.restore_rng(loop, self.device, self.ranks.rank):  # a rank more than there were
            self.ranks.seed(self.config.seed, self.step)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Runs something between two steps that leaves no trace in them: random states and modes are put back."""
        modes = [(module, module.training) for module in self.model.modules()]
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield
        for module, training in modes:
            module.training = training


class Pass(nn.Module):
    """A batch through model and loss. As one module, because ranks then share the gradients of both, and because
    nothing but losses comes out: what a model answers beside what its loss looks at would be waited for in vain."""

    def __init__(self, model: nn.Module, loss: Any, half_precision: bool) -> None:
        super().__init__()
        self.model, self.loss, self.half_precision = model, loss, half_precision

    def forward(self, batch: Any) -> dict[str, Tensor]:
        """The loss's parts by name."""
        with torch.autocast(batch.pixels.device.type, dtype=torch.bfloat16, enabled=self.half_precision):
            output = self.model(batch.pixels)
        parts: dict[str, Tensor] = self.loss(_as_float32(output), batch)
        return parts


def _half_precision(config: TrainConfig, device: torch.device) -> bool:
    if config.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return config.precision == "bf16"


def _compile(model: nn.Module, device: torch.device) -> None:
    try:
        torch.compile(torch.square)(torch.ones(2, device=device))  # before the work of a whole model
    except Exception as error:  # no compiler, no Triton, a Python too new: each has its own kind
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"compile: torch cannot compile for {device.type} here ({type(error).__name__}: {reason}); train without it"
        ) from error
    model.compile()  # in place: another module around it would give its weights other names


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
