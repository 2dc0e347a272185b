"""Clothes: they fit, cover what they should, hide no skin that can be seen, and some are held out."""

import sys
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.assets import Assets, read_assets
from chronopose.synth.body import LEG_AXIS, Body
from chronopose.synth.look import FABRICS, Part, Surface
from chronopose.synth.mesh import Mesh
from chronopose.synth.tailor import Cut, Tailor
from chronopose.synth.wardrobe import Wardrobe

sys.path.insert(0, str(Path(__file__).parent))  # for tiny, whatever pytest's import mode
from tiny import tiny_assets


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


def test_trousers_end_where_they_are_cut_and_cover_no_arm(body: Body) -> None:
    shape = body.shape(np.random.default_rng(1))
    cut = Cut(part=Part.BOTTOM, leg=1.0, high=0.2)
    (piece,) = Tailor(body).clothes(np.random.default_rng(0), shape, cut, None)
    inside = piece.mesh.limbs[:, 3] - Part.BOTTOM - 0.5 > 0
    assert inside.any()
    assert piece.mesh.limbs[inside, LEG_AXIS].max() < 1.0
    assert (piece.mesh.limbs[inside, 1] < -0.5).all()


def test_what_is_worn_over_lies_outside_what_is_worn_under(body: Body) -> None:
    shape = body.shape(np.random.default_rng(2))
    inner = Cut(part=Part.BOTTOM, leg=1.5, high=0.3, loose_m=0.03)
    outer = Cut(part=Part.TOP, sleeve=1.0, low=-0.3, high=1.0, loose_m=0.001)
    under, over = Tailor(body).clothes(np.random.default_rng(0), shape, inner, outer)
    middle = shape.heads[body.index("spine05")]
    both = (under.mesh.limbs[:, 3] - inner.part > 0.5) & (over.mesh.limbs[:, 3] - outer.part > 0.5)
    away = [np.linalg.norm((piece.mesh.positions - middle)[both][:, [0, 2]], axis=1) for piece in (under, over)]
    assert both.any()
    assert (away[1] >= away[0] - 1e-6).all()


def test_skin_under_clothes_is_pulled_in_and_bare_skin_is_not(body: Body) -> None:
    tailor, shape = Tailor(body), body.shape(np.random.default_rng(3))
    sinks = np.zeros(len(body.template), np.float32)
    legs = body.limbs[:, LEG_AXIS] > 0.3
    sinks[legs] = 0.01
    skin, _ = tailor.bare(shape, np.zeros(len(sinks), bool), sinks)
    moved = np.linalg.norm(skin.positions - shape.vertices[tailor.skin.vertices], axis=1)
    under = legs[tailor.skin.vertices]
    assert np.allclose(moved[under], 0.01, atol=1e-5)
    assert np.allclose(moved[~under], 0)


def test_hidden_skin_is_left_out_but_for_its_rim_and_the_waist(body: Body) -> None:
    tailor, shape = Tailor(body), body.shape(np.random.default_rng(3))
    nothing = np.zeros(len(body.template), np.float32)
    whole, _ = tailor.bare(shape, nothing > 1, nothing)
    bare, _ = tailor.bare(shape, body.limbs[:, LEG_AXIS] > 0.2, nothing)
    assert 0 < len(bare.triangles) < len(whole.triangles)
    kept = set(map(tuple, bare.triangles))
    waist = np.abs(tailor.skin.limbs[:, 0]) < 0.09
    assert all(tuple(corners) in kept for corners in whole.triangles[waist[whole.triangles].any(axis=1)])


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
    import os

    folder = Path(os.environ["CHRONOPOSE_ASSETS"]) if "CHRONOPOSE_ASSETS" in os.environ else None
    if folder is None:
        pytest.skip("CHRONOPOSE_ASSETS names no asset folder")
    found = read_assets(folder)
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
