"""The recipe of ftp-small: it starts from the trunk of another pose model, and learns through all of its parts."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.checkpoint import save
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.recipes import ftp_pose
from chronopose.recipes.mixture import MixtureConfig
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import rendered

TRUNK = "mobilenetv4_conv_small_050"


def test_it_starts_from_a_trunk_or_from_itself_and_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = DSTA(DSTAConfig(backbone=BackboneConfig(name=TRUNK, stride=8, neck_width=8), height=64, width=64))
    save(teacher, tmp_path / "teacher.safetensors", Card())
    model = dataclasses.replace(
        ftp_pose.config().model,
        backbone=BackboneConfig(name=TRUNK, stride=16, neck_width=16),
        height=64,
        width=64,
        coarse_depth=1,
        shared_depth=1,
        head_width=8,
    )
    config = ftp_pose.Config(
        model=model,
        data=MixtureConfig(rendered=(rendered(tmp_path / "clips"),), drawn_weight=0),
        init=tmp_path / "teacher.safetensors",
    )
    network, loss, examples = ftp_pose.build(config)
    for name, tensor in teacher.backbone.trunk.state_dict().items():
        torch.testing.assert_close(network.backbone.trunk.state_dict()[name], tensor)
    batch = collate([examples.sample(number, np.random.default_rng(number)) for number in range(3)])
    assert batch.pixels.shape == (3, 3, 3, 64, 64) and batch.xy_crop.shape == (3, 1, 15, 2)
    network.train()
    sum(loss(network(batch.pixels), batch).values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    save(network, tmp_path / "run.safetensors", ftp_pose.card(config))
    again, _, _ = ftp_pose.build(dataclasses.replace(config, init=None, start=tmp_path / "run.safetensors"))
    torch.testing.assert_close(again.state_dict(), network.state_dict())
