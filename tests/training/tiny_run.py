"""A tiny training run for the tests."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from chronopose.training.config import OptimConfig, TrainConfig
from chronopose.training.trainer import train


class TinyBatch(NamedTuple):
    pixels: torch.Tensor
    target: torch.Tensor


class TinyData:
    """Pictures of noise whose target is a fixed linear function of them, plus a little noise of the draw's own."""

    def __init__(self, length: int = 13, delay_s: float = 0.0) -> None:
        self.length = length
        self.delay_s = delay_s

    def __len__(self) -> int:
        return self.length

    def sample(self, index: int, rng: np.random.Generator) -> TinyBatch:
        time.sleep(self.delay_s)
        pixels = np.random.default_rng(index).integers(0, 256, (3, 8, 8), dtype=np.uint8)
        target = pixels.reshape(3, -1).mean(axis=1) / 255 + 0.01 * rng.normal(size=3)
        return TinyBatch(pixels, target.astype(np.float32))  # type: ignore[arg-type]


class TinyModel(nn.Module):
    """Every kind of state a model may have: dropout, batch norm, a convolution, a scalar, a shared weight, an idle one.

    Args:
        plain: leave out what depends on how a batch is cut up, dropout and batch norm; and what cannot be spread over
            ranks, a scalar.
        ballast: parameters that do nothing but make checkpoints large.
    """

    def __init__(self, plain: bool = False, ballast: int = 0) -> None:
        super().__init__()
        norm = nn.Identity() if plain else nn.BatchNorm2d(8)
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), norm, nn.ReLU())
        self.dropout = nn.Dropout(0.0 if plain else 0.3)
        self.mix = nn.Linear(8, 8)
        self.again = self.mix
        self.head = nn.Linear(8, 3)
        self.idle = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(1 if plain else ()))
        self.ballast = nn.Parameter(torch.zeros(ballast)) if ballast else None

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.backbone(pixels.float() / 255).mean((2, 3))
        answer = self.head(self.again(self.mix(self.dropout(features)))) * self.scale
        return answer if self.ballast is None else answer + self.ballast.mean()


class TinyLoss(nn.Module):
    """A squared error with a learned scale, and a penalty."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(3))

    def forward(self, output: torch.Tensor, batch: TinyBatch) -> dict[str, torch.Tensor]:
        error = (output - batch.target).square()
        return {
            "fit": (error * torch.exp(-self.log_scale) + self.log_scale).mean(),
            "size": 1e-3 * output.square().mean(),
        }


def save(model: nn.Module, path: Path) -> None:
    """Writes the weights alone; shared ones twice."""
    save_file({name: value.clone() for name, value in model.state_dict().items()}, path)


def run(
    out: Path,
    steps: int,
    *,
    resume: bool = False,
    delay_s: float = 0.0,
    plain: bool = False,
    ballast: int = 0,
    data: TinyData | None = None,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    validate_every: int = 0,
    schedule: Literal["constant", "cosine"] = "cosine",
    **changes: object,
) -> TinyModel:
    """Trains in `out` and gives the trained model back."""
    settings: dict[str, object] = {
        "batch_size": 2, "accumulate": 2, "seed": 3, "ema_decay": 0.9, "checkpoint_every": 4, "log_every": 3,
        "threads": 1,
    }  # fmt: skip
    torch.manual_seed(0)
    model = TinyModel(plain, ballast)
    train(
        TrainConfig(steps=steps, **{**settings, **changes}),  # type: ignore[arg-type]
        OptimConfig(lr=0.01, warmup_steps=3, schedule=schedule),
        model=model,
        loss=TinyLoss(),
        data=TinyData(delay_s=delay_s) if data is None else data,
        out=out,
        save=save,
        resume=resume,
        validate=validate,
        validate_every=validate_every,
    )
    return model
