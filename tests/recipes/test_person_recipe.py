"""The person detector's recipe: it builds, and says what is missing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.data.crowd import CrowdConfig
from chronopose.models.person import PersonConfig
from chronopose.recipes import person
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import jhmdb, lspet, rendered


def test_model_loss_and_data_fit_each_other(tmp_path: Path) -> None:
    lspet(tmp_path / "photographs")
    config = person.Config(
        model=PersonConfig(width=8),
        data=person.DataConfig(
            lspet=tmp_path / "photographs",
            jhmdb=jhmdb(tmp_path / "clips"),
            rendered=(rendered(tmp_path / "rendered"),),
            places=tmp_path / "photographs" / "images",
            drawn_weight=0,
            crowd=CrowdConfig(size=64),
        ),
    )
    model, loss, data = person.build(config)
    assert len(data.people) == 2 and len(data.scenes) == 1
    batch = collate([data.sample(0, np.random.default_rng(number)) for number in range(2)])
    parts = loss(model(batch.pixels), batch)
    assert set(parts) == {"score", "box"}
    assert all(torch.isfinite(part) for part in parts.values())


def test_rendered_scenes_alone_are_enough_and_the_card_names_them(tmp_path: Path) -> None:
    folders = (rendered(tmp_path / "few", 1), rendered(tmp_path / "many", 3))
    config = person.Config(
        model=PersonConfig(width=8),
        data=person.DataConfig(rendered=folders, drawn_weight=0, crowd=CrowdConfig(size=64)),
    )
    _, _, data = person.build(config)
    assert [weight for _, weight in data.scenes] == [1, 3]
    assert sum(data.sample(0, np.random.default_rng(number)).known.sum() for number in range(8)) >= 4
    card = person.card(config)
    assert card.data == "people rendered by chronopose.synth" and "mocap.cs.cmu.edu" in card.data_licence


def test_the_card_names_what_was_learned_from_and_nothing_else(tmp_path: Path) -> None:
    data = person.DataConfig(jhmdb=tmp_path, places=tmp_path, lspet=tmp_path, lspet_weight=0)
    card = person.card(person.Config(data=data))
    assert "JHMDB" in card.data and "panoramas" in card.data and "drawn" in card.data
    assert "LSP" not in card.data + card.data_licence and "rendered" not in card.data
    with pytest.raises(InputError, match=r"data\.jhmdb_weight"):
        person.DataConfig(jhmdb_weight=-1)


def test_without_anybody_it_says_which_folder_is_wanted() -> None:
    with pytest.raises(InputError, match=r"data\.lspet or data\.jhmdb"):
        person.build(person.Config(data=person.DataConfig(drawn_weight=0)))


def test_without_folders_it_learns_from_drawn_people() -> None:
    config = person.Config(model=PersonConfig(width=8), data=person.DataConfig(crowd=CrowdConfig(size=64)))
    _, _, data = person.build(config)
    sample = data.sample(0, np.random.default_rng(0))
    assert sample.pixels.shape == (3, 64, 64) and sample.known.max() <= 1
