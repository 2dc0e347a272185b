"""What a training run is told: the optimiser's settings and the loop's."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from chronopose.core.errors import InputError

Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
TRACKERS: tuple[Tracker, ...] = get_args(Tracker)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """AdamW and its learning rate over the run.

    Args:
        lr: the learning rate after warm-up.
        weight_decay: decoupled, as in AdamW.
        betas: decay of AdamW's first and second moments.
        backbone_lr_scale: multiplies the rate of parameters whose name starts with "backbone.".
        layer_decay: a backbone parameter `n` blocks below the head learns at `layer_decay ** n` times its rate; 1 is
            off. `chronopose.training.optim.layer_depths` says how blocks are counted.
        decay_vectors: decay one-dimensional parameters (biases, norms) as well.
        warmup_steps: the rate rises linearly to `lr` over so many steps.
        schedule: what the rate does after warm-up.
        milestones: where "step" multiplies the rate by `gamma`, as fractions of the run.
        gamma: see `milestones`.
        final_lr_fraction: where "cosine" ends, as a fraction of `lr`.
        clip_norm: the largest norm of all gradients together; None is off.
    """

    lr: float = 1e-3
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    backbone_lr_scale: float = 1.0
    layer_decay: float = 1.0
    decay_vectors: bool = False
    warmup_steps: int = 0
    schedule: Literal["constant", "cosine", "step"] = "constant"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    final_lr_fraction: float = 0.0
    clip_norm: float | None = 1.0

    def __post_init__(self) -> None:
        _check(self.lr > 0, "lr", self.lr, "above 0")
        _check(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        _check(all(0 <= beta < 1 for beta in self.betas), "betas", self.betas, "two numbers in 0 to 1, 1 excluded")
        _check(self.backbone_lr_scale >= 0, "backbone_lr_scale", self.backbone_lr_scale, "at least 0")
        _check(0 < self.layer_decay <= 1, "layer_decay", self.layer_decay, "above 0 and at most 1")
        _check(self.warmup_steps >= 0, "warmup_steps", self.warmup_steps, "at least 0")
        schedules = ("constant", "cosine", "step")
        _check(self.schedule in schedules, "schedule", repr(self.schedule), f"one of {', '.join(schedules)}")
        inside = all(0 < milestone < 1 for milestone in self.milestones)
        ascending = list(self.milestones) == sorted(set(self.milestones))
        _check(inside and ascending, "milestones", self.milestones, "ascending fractions of the run, between 0 and 1")
        _check(
            bool(self.milestones) == (self.schedule == "step"),
            "milestones",
            self.milestones,
            "given with schedule step, and only with it",
        )
        _check(self.gamma > 0, "gamma", self.gamma, "above 0")
        _check(0 <= self.final_lr_fraction <= 1, "final_lr_fraction", self.final_lr_fraction, "in 0 to 1")
        _check(self.clip_norm is None or self.clip_norm > 0, "clip_norm", self.clip_norm, "above 0, or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """The loop.

    Args:
        steps: updates of the weights in the whole run; 0 for as many as `epochs` take.
        epochs: passes over the data, which count where `steps` is 0.
        batch_size: samples in one pass through the model, of all ranks together: each takes an equal part.
        accumulate: passes whose gradients are averaged into one step; a step sees batch_size * accumulate samples.
        seed: of the order of samples, their augmentation and dropout; ranks other than 0 have dropout of their own.
        precision: of the model's forward pass; "auto" is bf16 on a CUDA device that has it and fp32 elsewhere. Weights,
            loss and optimiser are always fp32.
        ema_decay: of the moving average of the weights, which is what gets validated and saved; 0 is off. Early in
            the run the decay is (1 + n) / (10 + n) after n steps where that is less.
        checkpoint_every: steps between checkpoints; one is written at the end in any case.
        keep: how many of the newest checkpoints stay on disk.
        log_every: steps between rows of the log.
        workers: processes that prepare samples, for each rank; 0 prepares them in the loop. The samples are the same
            either way.
        log: trackers that are told what the CSV log is told.
        threads: of torch on the CPU; None leaves torch's choice.
        channels_last: keep convolution weights in channels-last order, which convolutions are faster in.
        shard: spread weights, their average and the optimiser's state over the ranks (FSDP2) instead of keeping a copy
            on each. Checkpoints are whole either way, so that a run goes on with or without it.
        compile: let torch.compile make faster kernels of the model: minutes at the start of each process.
    """

    steps: int = 0
    epochs: float = 0.0
    batch_size: int
    accumulate: int = 1
    seed: int = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    ema_decay: float = 0.0
    checkpoint_every: int = 1000
    keep: int = 2
    log_every: int = 50
    workers: int = 0
    log: tuple[Tracker, ...] = ()
    threads: int | None = None
    channels_last: bool = True
    shard: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        _check(0 <= self.epochs < math.inf, "epochs", self.epochs, "a number of at least 0")
        _check(self.steps >= (self.epochs == 0), "steps", self.steps, "at least 1, or 0 where epochs are given")
        for name in ("batch_size", "accumulate", "checkpoint_every", "keep", "log_every"):
            _check(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("seed", "workers"):
            _check(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")
        precisions = ("auto", "fp32", "bf16")
        _check(self.precision in precisions, "precision", repr(self.precision), f"one of {', '.join(precisions)}")
        known = set(self.log) <= set(TRACKERS) and len(set(self.log)) == len(self.log)
        _check(known, "log", self.log, f"some of {', '.join(TRACKERS)}, each once")
        _check(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "in 0 to 1, 1 excluded")
        _check(self.threads is None or self.threads >= 1, "threads", self.threads, "at least 1, or None")

    def over(self, samples: int) -> "TrainConfig":
        """The same with the steps of a run over a data set of so many samples."""
        if self.steps:
            return self
        return replace(self, steps=math.ceil(self.epochs * samples / (self.batch_size * self.accumulate)))


def _check(holds: bool, name: str, got: object, wanted: str) -> None:
    if not holds:
        raise InputError(f"{name} must be {wanted}, got {got}")
