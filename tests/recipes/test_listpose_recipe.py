"""The recipe of listpose-small: single frames first, then clips that carry tokens and a frame encoder that rests."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.checkpoint import save
from chronopose.recipes import listpose
from chronopose.recipes.mixture import MixtureConfig
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import rendered

TINY = dataclasses.replace(
    listpose.config().model,
    backbone=BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=16),
    height=64,
    width=64,
    token_width=16,
    depth=1,
    heads=4,
)


def test_stage_clips_goes_on_from_frames_and_answers_every_frame(tmp_path: Path) -> None:
    data = MixtureConfig(rendered=(rendered(tmp_path / "clips"),), drawn_weight=0)
    config = listpose.Config(model=TINY, data=data)
    first, _, _ = listpose.build(config)
    assert first.spec.offsets == (0,) and first.warm_up == (0,) and first.forget == 0
    save(first, tmp_path / "model.safetensors", listpose.card(config))
    clips = dataclasses.replace(config, stage="clips", init=tmp_path / "model.safetensors", window=(-1, 0, 1))
    model, loss, examples = listpose.build(clips)
    for name, tensor in first.state_dict().items():
        wanted = torch.full_like(tensor, clips.gate) if name == "initialise.gate" else tensor
        torch.testing.assert_close(model.state_dict()[name], wanted)
    batch = collate([examples.sample(number, np.random.default_rng(number)) for number in range(3)])
    assert batch.xy_crop.shape == (3, 3, 15, 2)
    model.train()
    sum(loss(model(batch.pixels), batch).values()).backward()
    learned = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert "initialise.gate" in learned and not any(name.startswith("backbone.") for name in learned)
    assert (model.warm_up, model.forget) == ((0, 1), 0.1)
    learning, _, _ = listpose.build(dataclasses.replace(clips, encoder="all", gate=None))
    assert not learning.state_dict()["initialise.gate"].any()
    assert all(parameter.requires_grad for parameter in learning.backbone.parameters())
    with pytest.raises(InputError, match="stage clips starts from a run of stage frames"):
        listpose.build(dataclasses.replace(clips, init=None))


def test_the_card_names_what_was_learned_from() -> None:
    assert "drawn by" in listpose.card(listpose.config()).data
