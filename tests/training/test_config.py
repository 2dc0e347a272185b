"""Settings that make no sense are refused with the name, the value and what was wanted."""

import pytest

from chronopose.core.errors import InputError
from chronopose.training.config import OptimConfig, TrainConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.0}, "lr must be above 0, got 0.0"),
        ({"betas": (0.9, 1.0)}, "betas must be"),
        ({"layer_decay": 1.5}, "layer_decay must be above 0 and at most 1, got 1.5"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine, step, got 'linear'"),
        ({"schedule": "step"}, r"milestones must be given with schedule step, and only with it, got \(\)"),
        ({"milestones": (0.5,)}, "only with it"),
        ({"schedule": "step", "milestones": (0.9, 0.5)}, "milestones must be ascending fractions"),
        ({"schedule": "step", "milestones": (170.0, 200.0)}, "milestones must be ascending fractions"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0, or None, got 0.0"),
    ],
)
def test_optim_config_refuses(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        OptimConfig(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, or 0 where epochs are given, got 0"),
        ({"steps": -1, "epochs": 2.0}, "steps must be at least 1, or 0 where epochs are given, got -1"),
        ({"epochs": -1.0}, "epochs must be a number of at least 0, got -1.0"),
        ({"epochs": float("inf")}, "epochs must be a number of at least 0, got inf"),
        ({"keep": 0}, "keep must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"precision": "fp16"}, "precision must be one of auto, fp32, bf16, got 'fp16'"),
        ({"ema_decay": 1.0}, "ema_decay must be in 0 to 1, 1 excluded, got 1.0"),
        ({"threads": 0}, "threads must be at least 1, or None, got 0"),
    ],
)
def test_train_config_refuses(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainConfig(**{"steps": 1, "batch_size": 1, **changes})  # type: ignore[arg-type]


def test_epochs_become_steps_once_the_number_of_samples_is_known() -> None:
    config = TrainConfig(epochs=20, batch_size=8, accumulate=4)
    assert config.steps == 0
    assert config.over(3200) == TrainConfig(steps=2000, epochs=20, batch_size=8, accumulate=4)
    assert config.over(3201).steps == 2001  # the last step is a full one
    assert TrainConfig(epochs=0.5, batch_size=10).over(100).steps == 5


def test_steps_that_are_given_win_over_epochs() -> None:
    config = TrainConfig(steps=7, epochs=20, batch_size=8)
    assert config.over(3200) is config
