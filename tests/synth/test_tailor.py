"""Clothes end where they are cut, lie over each other in order, and hide no skin that can be seen."""

import numpy as np
import pytest

from chronopose.synth.assets import read_assets
from chronopose.synth.body import LEG_AXIS, Body
from chronopose.synth.look import Face, Part, Surface
from chronopose.synth.tailor import Cut, Tailor
from tests.synth.tiny import tiny_assets


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    return Body(read_assets(tiny_assets(tmp_path_factory.mktemp("assets"))))


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


def test_a_skirt_reaches_its_length(body: Body) -> None:
    shape = body.shape(np.random.default_rng(4))
    hip, knee = (shape.heads[body.index(bone), 1] for bone in ("upperleg01.L", "lowerleg01.L"))
    piece = Tailor(body).hanging(np.random.default_rng(0), shape, Part.BOTTOM, 0.5, slit=False)
    inside = piece.mesh.limbs[:, 3] - Part.BOTTOM - 0.5 > 0
    assert piece.mesh.kind == Surface.SKIRT
    assert (piece.mesh.positions[inside, 1] > hip - 0.5 * (hip - knee) - 0.02).all()


def test_glasses_and_bags_move_with_head_and_back(body: Body) -> None:
    tailor, shape = Tailor(body), body.shape(np.random.default_rng(5))
    eyes = [shape.vertices[body.landmarks[name]].mean(axis=0) for name in ("left_eye", "right_eye")]
    between = (eyes[0] + eyes[1]).astype(float) / 2
    nose = shape.vertices[body.landmarks["nose"]].mean(axis=0).astype(float)
    face = Face(nose=nose, between=between, apart_m=float(np.linalg.norm(eyes[0] - eyes[1])), chin_y=nose[1] - 0.05)
    glasses = tailor.glasses(shape, face).mesh
    assert (glasses.bones[:, 0] == body.index("head")).all()
    assert glasses.positions[:, 2].max() > between[2]
    bag = tailor.backpack(np.random.default_rng(0), shape).mesh
    assert set(np.unique(bag.bones[:, :2])) == {body.index("spine01"), body.index("spine02")}
    assert bag.positions[:, 2].mean() < shape.heads[body.index("spine02"), 2]
