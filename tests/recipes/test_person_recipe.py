"""The person detector's recipe: it builds, and says what is missing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.data.crowd import CrowdConfig, noise
from chronopose.models.person import PersonConfig
from chronopose.recipes import person
from chronopose.training.sampler import collate


def test_model_loss_and_data_fit_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    Image.fromarray(noise(rng, 40)).save(tmp_path / "images" / "00001.jpg")
    xy = rng.uniform(5, 35, (1, 14, 2)).astype(np.float32)
    np.savez(tmp_path / "joints.npz", image=np.array([1], dtype=np.int32), xy=xy)
    config = person.Config(
        model=PersonConfig(width=8),
        data=person.DataConfig(lspet=tmp_path, places=tmp_path / "images", drawn_weight=0, crowd=CrowdConfig(size=64)),
    )
    model, loss, data = person.build(config)
    batch = collate([data.sample(0, np.random.default_rng(number)) for number in range(2)])
    parts = loss(model(batch.pixels), batch)
    assert set(parts) == {"score", "box"}
    assert all(torch.isfinite(part) for part in parts.values())


def test_without_anybody_it_says_which_folder_is_wanted() -> None:
    with pytest.raises(InputError, match=r"data\.lspet or data\.jhmdb"):
        person.build(person.Config(data=person.DataConfig(drawn_weight=0)))


def test_without_folders_it_learns_from_drawn_people() -> None:
    config = person.Config(model=PersonConfig(width=8), data=person.DataConfig(crowd=CrowdConfig(size=64)))
    _, _, data = person.build(config)
    sample = data.sample(0, np.random.default_rng(0))
    assert sample.pixels.shape == (3, 64, 64) and sample.known.max() <= 1
