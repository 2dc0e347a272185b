"""The recipe of dsta-small: the stages follow each other, and the backbone learns as it is told."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.checkpoint import save
from chronopose.models.dsta import DSTAConfig
from chronopose.recipes import default
from chronopose.recipes.mixture import MixtureConfig
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import jhmdb, rendered

TINY = DSTAConfig(
    backbone=BackboneConfig(name="mobilenetv4_conv_small", stride=16, neck_width=8),
    height=64,
    width=64,
    jfd="integral_fc",
    depth=1,
    drop_path=0.0,
)


def settings(**data: object) -> default.Config:
    return default.Config(model=TINY, data=MixtureConfig(**data))  # type: ignore[arg-type]


def test_stage_clips_goes_on_from_frames_and_trains_the_backbone_unless_it_is_frozen(tmp_path: Path) -> None:
    data = {"rendered": (rendered(tmp_path / "clips"),), "jhmdb": jhmdb(tmp_path / "real"), "drawn_weight": 0}
    config = settings(**data)
    first, _, _ = default.build(config)
    assert first.spec.offsets == (0,)
    save(first, tmp_path / "model.safetensors", default.card(config))
    clips = dataclasses.replace(config, stage="clips", init=tmp_path / "model.safetensors", window=(-1, 0, 1))
    model, loss, examples = default.build(clips)
    assert model.spec.offsets == (-1, 0, 1)
    for name, tensor in first.backbone.state_dict().items():
        torch.testing.assert_close(model.backbone.state_dict()[name], tensor)
    batch = collate([examples.sample(number, np.random.default_rng(number)) for number in range(4)])
    assert batch.pixels.shape == (4, 3, 3, 64, 64)
    sum(loss(model(batch.pixels), batch).values()).backward()
    assert sum(float(p.grad.abs().sum()) for p in model.backbone.parameters() if p.grad is not None) > 0
    assert model.learn_from_key
    assert not default.build(dataclasses.replace(clips, encoder="all"))[0].learn_from_key
    frozen, _, _ = default.build(dataclasses.replace(clips, encoder="none"))
    assert not any(parameter.requires_grad for parameter in frozen.backbone.parameters())
    with pytest.raises(InputError, match="stage clips starts from a run of stage frames"):
        default.build(dataclasses.replace(clips, init=None))
