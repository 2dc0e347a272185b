"""What the pose models learn from: every folder takes its share, the card names the data."""

from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.data.training import Share
from chronopose.recipes import mixture
from chronopose.recipes.mixture import MixtureConfig
from tests.recipes.tiny_folders import jhmdb, lspet, rendered


def settings(**data: object) -> MixtureConfig:
    return MixtureConfig(**data)  # type: ignore[arg-type]


def shares(config: MixtureConfig) -> tuple[Share, ...]:
    return mixture.shares(config, "posetrack-15", seed=1)


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
    found = shares(config)
    assert [share.dataset.name for share in found] == ["lspet", "rendered", "rendered", "jhmdb", "synthetic"]
    np.testing.assert_allclose([share.weight for share in found], [2, 1, 3, 3, 1])
    card = mixture.card(config)
    for words in ("LSP-extended", "rendered by chronopose.synth", "JHMDB", "drawn by"):
        assert words in card.data
    for words in ("CC0", "mocap.cs.cmu.edu", "NSF EIA-0196217", "JHMDB: research use", "LSP-extended: research use"):
        assert words in card.data_licence


def test_a_weight_of_zero_leaves_a_source_out_of_the_data_and_the_card(tmp_path: Path) -> None:
    config = settings(
        rendered=(rendered(tmp_path / "clips"),), jhmdb=tmp_path / "nowhere", jhmdb_weight=0, drawn_weight=0
    )
    assert [share.dataset.name for share in shares(config)] == ["rendered"]
    card = mixture.card(config)
    assert card.data == "people rendered by chronopose.synth" and "JHMDB" not in card.data_licence


def test_without_folders_it_learns_from_drawn_people_alone() -> None:
    (share,) = shares(settings())
    assert share.dataset.name == "synthetic" and len(share.dataset) == MixtureConfig().drawn_clips


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nobody to learn from: give data\.lspet"):
        shares(settings(drawn_weight=0))
    with pytest.raises(InputError, match=r"unseen: nobody in these rendered clips"):
        shares(settings(rendered=(rendered(tmp_path / "unseen", seen=0.1),)))
    with pytest.raises(InputError, match=r"nowhere"):
        shares(settings(rendered=(tmp_path / "nowhere",)))
    for name in ("lspet_weight", "rendered_weight", "jhmdb_weight", "drawn_weight"):
        for value in (-1.0, float("nan"), float("inf")):
            with pytest.raises(InputError, match=rf"data\.{name} must be a number of at least 0"):
                MixtureConfig(**{name: value})
