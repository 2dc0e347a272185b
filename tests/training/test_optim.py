"""Learning rates by hand-worked values, parameter groups by name, and the moving average by its formula."""

import pytest
import torch
from torch import nn

from chronopose.core.errors import InputError
from chronopose.training.config import OptimConfig
from chronopose.training.optim import MovingAverage, build_optimizer, layer_depths, lr_factor, set_lr


def test_warm_up_rises_to_the_full_rate() -> None:
    config = OptimConfig(warmup_steps=4)
    assert [lr_factor(config, step, 100) for step in range(6)] == [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]


def test_cosine_falls_to_the_final_fraction() -> None:
    config = OptimConfig(schedule="cosine", warmup_steps=10, final_lr_fraction=0.1)
    assert lr_factor(config, 10, 110) == 1.0
    assert lr_factor(config, 60, 110) == pytest.approx(0.55)
    assert lr_factor(config, 110, 110) == pytest.approx(0.1)
    values = [lr_factor(config, step, 110) for step in range(10, 110)]
    assert values == sorted(values, reverse=True)


def test_steps_fall_at_fractions_of_the_run() -> None:
    config = OptimConfig(schedule="step", milestones=(0.5, 0.75), gamma=0.1)
    factors = [lr_factor(config, step, 200) for step in (0, 99, 100, 149, 150, 199)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_depths_of_a_transformer_count_from_the_head() -> None:
    names = ["backbone.pos_embed", "backbone.patch_embed.proj.weight", "backbone.blocks.0.attn.qkv.weight"]
    names += ["backbone.blocks.1.attn.qkv.weight", "backbone.blocks.1.mlp.fc1.weight", "backbone.norm.weight"]
    assert list(layer_depths(names).values()) == [3, 3, 2, 1, 1, 0]


def test_depths_of_a_staged_network_count_every_block() -> None:
    names = ["stem.0.weight", "stages.0.blocks.0.a.weight", "stages.0.blocks.1.a.weight", "stages.1.blocks.0.a.weight"]
    assert list(layer_depths(names).values()) == [4, 3, 2, 1]
    resnet = ["conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight", "layer2.0.conv1.weight"]
    assert list(layer_depths(resnet).values()) == [4, 3, 2, 1]


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.stem = nn.Linear(2, 2)
        self.backbone.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.head = nn.Linear(2, 1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


def _settings(config: OptimConfig, loss: nn.Module | None = None) -> dict[str, tuple[float, float]]:
    optimizer = build_optimizer(config, _Model(), loss)
    set_lr(optimizer, config.lr)
    return {
        name: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for name in group["param_names"]
    }


def test_groups_scale_the_backbone_and_spare_vectors_from_decay() -> None:
    settings = _settings(OptimConfig(lr=1.0, weight_decay=0.5, backbone_lr_scale=0.1, layer_decay=0.5))
    assert settings == {
        "model.backbone.stem.weight": (pytest.approx(0.0125), 0.5),
        "model.backbone.stem.bias": (pytest.approx(0.0125), 0.0),
        "model.backbone.blocks.0.weight": (pytest.approx(0.025), 0.5),
        "model.backbone.blocks.0.bias": (pytest.approx(0.025), 0.0),
        "model.backbone.blocks.1.weight": (pytest.approx(0.05), 0.5),
        "model.backbone.blocks.1.bias": (pytest.approx(0.05), 0.0),
        "model.head.weight": (1.0, 0.5),
        "model.head.bias": (1.0, 0.0),
    }


def test_loss_parameters_are_trained_and_vectors_may_decay() -> None:
    settings = _settings(OptimConfig(lr=1.0, weight_decay=0.5, decay_vectors=True), nn.Linear(2, 2))
    assert settings["loss.weight"] == (1.0, 0.5)
    assert settings["model.head.bias"] == (1.0, 0.5)
    assert not any(name.startswith("model.frozen") for name in settings)


def test_layer_decay_without_blocks_is_refused() -> None:
    model = nn.Module()
    model.backbone = nn.Linear(2, 2)
    with pytest.raises(InputError, match=r"layer_decay 0\.5 needs a backbone with numbered blocks"):
        build_optimizer(OptimConfig(layer_decay=0.5), model, None)


def test_a_model_without_parameters_is_refused() -> None:
    with pytest.raises(InputError, match="no trainable parameter"):
        build_optimizer(OptimConfig(), nn.ReLU(), None)


def test_moving_average_warms_up_and_copies_buffers() -> None:
    model = nn.BatchNorm1d(2)
    average = MovingAverage(model, 0.5)
    with torch.no_grad():
        model.weight.fill_(2.0)
        model.running_mean.fill_(7.0)
    average.update(model, 0)  # decay min(0.5, 1/10)
    torch.testing.assert_close(average.module.weight, torch.full((2,), 0.1 * 1.0 + 0.9 * 2.0))
    assert average.module.running_mean.tolist() == [7.0, 7.0]
    before = average.module.weight.clone()
    average.update(model, 1000)  # decay 0.5
    torch.testing.assert_close(average.module.weight, 0.5 * before + 1.0)
    assert not any(parameter.requires_grad for parameter in average.module.parameters())


def test_memory_order_does_not_change_the_update() -> None:
    results = []
    for order in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        model = nn.Conv2d(3, 5, 3).to(memory_format=order)
        optimizer = build_optimizer(OptimConfig(lr=0.1), model, None)
        for _ in range(3):
            model(torch.randn(2, 3, 8, 8)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        results.append(model.weight.detach().contiguous())
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)
