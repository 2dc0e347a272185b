"""The recipe that takes a model further: what it starts from, what it learns, what it says of itself."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.formats.weights_file import Card
from chronopose.models.checkpoint import describe, load, save
from chronopose.models.dsta import DSTA
from chronopose.models.listpose import ListPose
from chronopose.recipes import finetune
from chronopose.recipes.finetune import Config, LabelledData
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import jhmdb


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jhmdb(tmp_path_factory.mktemp("data") / "jhmdb")


def config(folder: Path, **changed: Any) -> Config:
    return Config(data=LabelledData(folder=folder, joints={"neck": "head_bottom", "face": "nose"}), **changed)


def learned(model: Any, loss: Any, examples: Any) -> set[str]:
    batch = collate([examples.sample(number, np.random.default_rng(number)) for number in range(2)])
    model.train()
    sum(loss(model(batch.pixels), batch).values()).backward()
    return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


@pytest.mark.parametrize("init", ["dsta-small", "listpose-small"])
def test_it_starts_where_the_weights_are_and_learns_everything(folder: Path, init: str) -> None:
    model, loss, examples = finetune.build(config(folder, init=init))
    before = load(init).model.state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name])
    assert any(name.startswith("backbone.") for name in learned(model, loss, examples))


def test_renamed_joints_are_learned_too(folder: Path) -> None:
    _, _, examples = finetune.build(config(folder))
    plain = finetune.build(Config(data=LabelledData(folder=folder)))[2]
    head = [POSETRACK_15.index("head_bottom"), POSETRACK_15.index("nose")]
    known = [each.sample(0, np.random.default_rng(0)).weight[..., head].any() for each in (examples, plain)]
    assert known == [True, False]


def test_a_resting_backbone_another_window_and_no_state(folder: Path) -> None:
    model, loss, examples = finetune.build(config(folder, window=(0,), freeze=True))
    assert isinstance(model, DSTA) and model.spec.offsets == (0,)
    assert not any(name.startswith("backbone.") for name in learned(model, loss, examples))
    still, _, _ = finetune.build(config(folder, init="listpose-small", token_init="learnable"))
    assert isinstance(still, ListPose) and still.initialise is None


def test_small_networks_are_trained_anew(folder: Path) -> None:
    for network in ("simple-small", "rle-small"):
        model, loss, examples = finetune.build(config(folder, network=network))
        assert learned(model, loss, examples) == {name for name, _ in model.named_parameters()}
        trunk, anew = (dict(one.backbone.named_parameters()) for one in (model, _anew(folder, network)))
        for name, tensor in load("dsta-small").model.backbone.named_parameters():
            torch.testing.assert_close(trunk[name], tensor)
        assert not any(torch.equal(anew[name], trunk[name]) for name in trunk if trunk[name].ndim == 4)


def _anew(folder: Path, network: str) -> Any:
    return finetune.build(config(folder, network=network, init="random"))[0]


def test_the_card_adds_to_what_the_weights_said(folder: Path, tmp_path: Path) -> None:
    card = finetune.card(config(folder))
    assert card.data == f"{describe('dsta-small')[2].data}; then JHMDB, train1"
    assert finetune.card(config(folder, network="rle-small")).data == card.data  # by its backbone
    assert finetune.card(config(folder, network="rle-small", init="random")).data == "JHMDB, train1"
    model, _, _ = finetune.build(config(folder))
    save(model, tmp_path / "model.safetensors", Card(data="here"))
    assert finetune.card(config(folder, init=str(tmp_path))).data == "here; then JHMDB, train1"


def test_what_cannot_be_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"--data\.folder FOLDER"):
        finetune.build(Config())
    with pytest.raises(InputError, match="init: random weights are those of a network"):
        finetune.build(config(folder, init="random"))
    with pytest.raises(InputError, match="no network 'resnet'"):
        finetune.build(config(folder, network="resnet"))
    with pytest.raises(InputError, match="window: a SimpleBaselineConfig sees one frame"):
        finetune.build(config(folder, network="simple-small", window=(-1, 0)))
    with pytest.raises(InputError, match="token_init: a DSTAConfig carries no tokens"):
        finetune.build(config(folder, token_init="copy"))
    with pytest.raises(InputError, match="'chin' to be renamed"):
        finetune.build(dataclasses.replace(config(folder), data=LabelledData(folder=folder, joints={"chin": "nose"})))
