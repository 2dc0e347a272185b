"""Clothes: they fit, cover what they should, hide no skin that can be seen, and some are held out."""

import os
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.assets import Assets, read_assets
from chronopose.synth.body import Body
from chronopose.synth.look import FABRICS, Surface
from chronopose.synth.mesh import Mesh
from chronopose.synth.wardrobe import Wardrobe
from tests.synth.tiny import tiny_assets


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    return read_assets(tiny_assets(tmp_path_factory.mktemp("assets")))


@pytest.fixture(scope="module")
def body(assets: Assets) -> Body:
    return Body(assets)


@pytest.fixture(scope="module")
def wardrobe(body: Body, assets: Assets) -> Wardrobe:
    return Wardrobe(body, assets, "all")


def test_every_mesh_is_sound(body: Body, wardrobe: Wardrobe) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        meshes, look = wardrobe.dress(rng, body.shape(rng))
        assert [mesh.kind for mesh in meshes[:2]] == [Surface.SKIN, Surface.EYES]
        assert len(look.fabrics) == FABRICS
        for mesh in meshes:
            check(mesh, len(body.bones))


def check(mesh: Mesh, bones: int) -> None:
    count = len(mesh.positions)
    assert mesh.triangles.size == 0 or 0 <= mesh.triangles.min() <= mesh.triangles.max() < count
    assert mesh.positions.shape == mesh.normals.shape == (count, 3)
    assert mesh.positions.dtype == mesh.normals.dtype == mesh.weights.dtype == mesh.limbs.dtype == np.float32
    assert np.isfinite(mesh.positions).all()
    assert np.isfinite(mesh.limbs).all()
    assert mesh.bones.max() < bones
    assert np.allclose(mesh.weights.sum(axis=1), 1, atol=1e-4)
    if mesh.kind in (Surface.CLOTH, Surface.SKIRT):
        assert 0 <= np.floor(mesh.limbs[:, 3]).min() <= np.floor(mesh.limbs[:, 3]).max() < FABRICS


def test_the_same_seed_dresses_the_same(body: Body, wardrobe: Wardrobe) -> None:
    def dressed(seed: int) -> tuple[tuple[Mesh, ...], np.ndarray]:
        rng = np.random.default_rng(seed)
        meshes, look = wardrobe.dress(rng, body.shape(rng))
        return meshes, look.block()

    (first, paint), (second, again) = dressed(5), dressed(5)
    assert np.array_equal(paint, again)
    assert len(first) == len(second)
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, second, strict=True))


def test_nothing_of_train_is_heldout(body: Body, assets: Assets) -> None:
    train, heldout = (Wardrobe(body, assets, split) for split in ("train", "heldout"))
    for group in ("outfit", "shoes", "hair"):
        ours, theirs = set(train.names(group)), set(heldout.names(group))
        assert ours
        assert theirs
        assert not ours & theirs
        assert ours | theirs == set(Wardrobe(body, assets, "all").names(group))


def test_garments_are_told_apart_by_where_they_lie(wardrobe: Wardrobe) -> None:
    assert set(wardrobe.names("shoes")) == {"shoes01", "shoes02"}
    assert set(wardrobe.names("hair")) == {"bob01", "short01"}
    assert set(wardrobe.names("hat")) == {"fedora"}
    assert "male_worksuit01" in wardrobe.names("outfit")


def test_a_folder_without_shoes_is_named(body: Body, assets: Assets) -> None:
    from dataclasses import replace

    garments = {name: garment for name, garment in assets.garments.items() if not name.startswith("shoes")}
    with pytest.raises(InputError, match=r"clothes.npz.*shoes"):
        Wardrobe(body, replace(assets, garments=garments), "all")


@pytest.mark.data
def test_real_clothes_are_worn_close_to_the_body() -> None:
    found = read_assets(Path(os.environ["CHRONOPOSE_DATA"]) / "people_assets")
    real = Body(found)
    closet = Wardrobe(real, found, "all")
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shape = real.shape(rng)
        meshes, _ = closet.dress(rng, shape)
        for mesh in meshes:
            check(mesh, len(real.bones))
            low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
            assert (mesh.positions > low - 0.3).all()
            assert (mesh.positions < high + 0.3).all()
