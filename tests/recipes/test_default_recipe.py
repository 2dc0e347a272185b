"""The pose model's recipe: every folder takes its share, the stages follow each other, the card names the data."""

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
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import jhmdb, lspet, rendered

TINY = DSTAConfig(
    backbone=BackboneConfig(name="mobilenetv4_conv_small", stride=16, neck_width=8),
    height=64,
    width=64,
    jfd="integral_fc",
    depth=1,
    drop_path=0.0,
)


def settings(**data: object) -> default.Config:
    return default.Config(model=TINY, data=default.DataConfig(**data))  # type: ignore[arg-type]


def test_every_folder_takes_its_weight_and_rendered_ones_share_theirs(tmp_path: Path) -> None:
    config = settings(
        lspet=lspet(tmp_path / "photographs"),
        jhmdb=jhmdb(tmp_path / "clips"),
        rendered=(rendered(tmp_path / "few", 1), rendered(tmp_path / "many", 3)),
        lspet_weight=2.0,
        jhmdb_weight=3.0,
        rendered_weight=4.0,
        drawn_weight=1.0,
    )
    shares = default.shares(config)
    assert [share.dataset.name for share in shares] == ["lspet", "rendered", "rendered", "jhmdb", "synthetic"]
    np.testing.assert_allclose([share.weight for share in shares], [2, 1, 3, 3, 1])
    card = default.card(config)
    for words in ("LSP-extended", "rendered by chronopose.synth", "JHMDB", "drawn by"):
        assert words in card.data
    for words in ("CC0", "mocap.cs.cmu.edu", "NSF EIA-0196217", "JHMDB: research use", "LSP-extended: research use"):
        assert words in card.data_licence


def test_a_weight_of_zero_leaves_a_source_out_of_the_data_and_the_card(tmp_path: Path) -> None:
    config = settings(
        rendered=(rendered(tmp_path / "clips"),), jhmdb=tmp_path / "nowhere", jhmdb_weight=0, drawn_weight=0
    )
    assert [share.dataset.name for share in default.shares(config)] == ["rendered"]
    card = default.card(config)
    assert card.data == "people rendered by chronopose.synth" and "JHMDB" not in card.data_licence


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


def test_without_folders_it_learns_from_drawn_people_alone() -> None:
    (share,) = default.shares(settings())
    assert share.dataset.name == "synthetic" and len(share.dataset) == default.DataConfig().drawn_clips


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nobody to learn from: give data\.lspet"):
        default.shares(settings(drawn_weight=0))
    with pytest.raises(InputError, match=r"unseen: nobody in these rendered clips"):
        default.shares(settings(rendered=(rendered(tmp_path / "unseen", seen=0.1),)))
    with pytest.raises(InputError, match=r"nowhere"):
        default.shares(settings(rendered=(tmp_path / "nowhere",)))
    for name in ("lspet_weight", "rendered_weight", "jhmdb_weight", "drawn_weight"):
        for value in (-1.0, float("nan"), float("inf")):
            with pytest.raises(InputError, match=rf"data\.{name} must be a number of at least 0"):
                default.DataConfig(**{name: value})
