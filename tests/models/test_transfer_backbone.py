"""A backbone goes from one kind of pose model to another whole, or not at all."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from chronopose.core.errors import InputError
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import MODELS, checkpoint
from chronopose.models.baselines import RegressionConfig, SimpleBaselineConfig
from chronopose.models.dsta import DSTAConfig
from chronopose.models.person import PersonConfig
from chronopose.models.tokenpose import TokenPoseConfig

BACKBONE = BackboneConfig(name="lcnet_035")
DSTA = DSTAConfig(backbone=BACKBONE, height=64, width=64, token_width=8, heads=2, hidden=8, depth=1)


def build(config: Any, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return next(model(config) for kind, model in MODELS.values() if type(config) is kind)


def saved(config: Any, path: Path) -> nn.Module:
    model = build(config, seed=1)
    checkpoint.save(model, path, Card())
    return model


@pytest.mark.parametrize(
    "config",
    [
        SimpleBaselineConfig(backbone=BACKBONE, height=128, width=96, deconvs=1),
        RegressionConfig(backbone=BACKBONE, height=64, width=64),
        dataclasses.replace(DSTA, offsets=(0,), jfd="integral_fc"),
        TokenPoseConfig(
            encoder="timm", backbone=BACKBONE, height=64, width=64, patch=(1, 1), token_width=8, heads=2, depth=1
        ),
    ],
)
def test_a_backbone_comes_from_any_kind_of_pose_model(config: Any, tmp_path: Path) -> None:
    other = saved(config, tmp_path / "m.safetensors").state_dict()
    model = build(DSTA)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    checkpoint.transfer_backbone(model, tmp_path / "m.safetensors")
    moved = 0
    for name, tensor in model.state_dict().items():
        if name.startswith("backbone."):
            assert torch.equal(tensor, other[name]), name
            moved += not torch.equal(tensor, before[name])
        else:
            assert torch.equal(tensor, before[name]), name
    assert moved > 20


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (RegressionConfig(backbone=BackboneConfig(name="lcnet_050")), "its backbone is lcnet_050, wanted lcnet_035$"),
        # The same network with a light path over its pyramid behind it.
        (
            RegressionConfig(backbone=BackboneConfig(name="lcnet_035", stride=16, neck_width=8), height=64, width=64),
            r"do not fit the backbone: .*unknown .* and \d+ more$",
        ),
        (TokenPoseConfig(height=64, width=48, token_width=8, heads=2, depth=1), "its backbone is stem, wanted lcnet"),
    ],
)
def test_another_backbone_is_refused_and_nothing_changes(config: Any, message: str, tmp_path: Path) -> None:
    saved(config, tmp_path / "m.safetensors")
    model = build(DSTA)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(InputError, match=message):
        checkpoint.transfer_backbone(model, tmp_path / "m.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_transformers_that_differ_in_what_no_tensor_shows_are_not_exchanged(tmp_path: Path) -> None:
    """ViTPose's small one has 12 heads and pads the picture, timm's 6 and does not; their tensors are alike."""
    path = tmp_path / "m.safetensors"
    ours, theirs = (
        RegressionConfig(backbone=BackboneConfig(name=name), height=32, width=32)
        for name in ("vit_small_patch16_224", "vitpose_small")
    )
    shapes = [{name: t.shape for name, t in build(config).state_dict().items()} for config in (ours, theirs)]
    assert shapes[0] == shapes[1]
    saved(ours, path)
    with pytest.raises(InputError, match="its backbone is vit_small_patch16_224, wanted vitpose_small"):
        checkpoint.transfer_backbone(build(theirs), path)


def test_a_model_without_a_backbone_takes_none(tmp_path: Path) -> None:
    saved(DSTA, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="a PersonModel has no backbone"):
        checkpoint.transfer_backbone(build(PersonConfig()), tmp_path / "m.safetensors")
