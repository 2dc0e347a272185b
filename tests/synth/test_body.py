"""Random people are people: joints in order, weights that sum to one, limbs where limbs are, skinning that follows."""

import os
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.assets import read_assets
from chronopose.synth.body import AGES, BONES, LANDMARKS, Body, Shape
from chronopose.synth.mesh import normals
from tests.synth.tiny import tiny_assets


def real_body() -> Body:
    return Body(read_assets(Path(os.environ["CHRONOPOSE_DATA"]) / "people_assets"))


@pytest.fixture(scope="module", params=["tiny", pytest.param("real", marks=pytest.mark.data)])
def body(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Body:
    if request.param == "real":
        return real_body()
    return Body(read_assets(tiny_assets(tmp_path_factory.mktemp("assets"))))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Body:
    return Body(read_assets(tiny_assets(tmp_path_factory.mktemp("assets"))))


def people(body: Body, count: int = 12) -> list[Shape]:
    rng = np.random.default_rng(4)
    return [body.shape(rng) for _ in range(count)]


def resting(body: Body, instants: int = 1) -> Floats:
    return np.tile(np.eye(3, 4, dtype=np.float32), (instants, len(body.bones), 1, 1))


def test_all_bones_are_there(body: Body) -> None:
    assert len(BONES) == 38 and set(BONES) == set(body.bones)
    assert [body.bones[body.index(bone)] for bone in BONES] == list(BONES)
    assert body.parents[body.index("lowerarm01.L")] == body.index("upperarm02.L")


def test_skin_weights_sum_to_one(body: Body) -> None:
    np.testing.assert_allclose(body.skin_weights.sum(axis=1), 1, atol=1e-6)
    assert body.skin_bones.max() < len(body.bones)


def test_joints_stand_in_order_from_the_floor_up(body: Body) -> None:
    """Joints that are means of more than eight vertices once came out half a metre off."""
    for shape in people(body):
        heights = {bone: float(shape.heads[body.index(bone), 1]) for bone in BONES}
        crown = float(shape.vertices[body.landmarks["head_top"], 1].mean())
        for side in "LR":
            legs = [heights[f"{bone}.{side}"] for bone in ("foot", "lowerleg01", "upperleg01")]
            order = [
                shape.floor_m,
                *legs,
                *(heights[f"{bone}"] for bone in ("neck01", "neck02", "neck03", "head")),
                crown,
            ]
            assert (np.diff(order) > 0).all(), order
            assert heights[f"wrist.{side}"] < heights[f"lowerarm01.{side}"] < heights[f"upperarm01.{side}"] < crown
        spine = [heights[bone] for bone in ("root", "spine05", "spine04", "spine03", "spine02", "spine01", "neck01")]
        assert (np.diff(spine) > 0).all(), spine


def test_bones_lie_in_the_middle_and_mirror(body: Body) -> None:
    for shape in people(body):
        for bone in BONES:
            place = shape.heads[body.index(bone)]
            if "." in bone:
                other = shape.heads[body.index(bone[:-1] + {"L": "R", "R": "L"}[bone[-1]])]
                np.testing.assert_allclose(place, other * [-1, 1, 1], atol=0.01)
                assert place[0] * (1 if bone.endswith(".L") else -1) > -1e-3
            else:
                assert abs(place[0]) < 0.01


def test_every_bone_has_a_length(body: Body) -> None:
    for shape in people(body, 3):
        lengths = np.linalg.norm(shape.tails - shape.heads, axis=1)
        assert lengths.min() > 0.01 and lengths.max() < 0.6


def test_means_of_many_vertices_are_whole(tiny: Body) -> None:
    """neck02 is the mean of three cubes far apart, neck01 of one: both must lie on the made-up spine."""
    shape = tiny.shaped({}, female=True, age="young")
    np.testing.assert_allclose(shape.heads[tiny.index("neck01")], [0, 0.50, 0], atol=1e-5)
    np.testing.assert_allclose(shape.heads[tiny.index("neck02")], [0, 0.54, 0], atol=1e-5)
    np.testing.assert_allclose(shape.tails[tiny.index("neck03")], [0, 0.62, 0], atol=1e-5)


def test_people_differ_and_the_seed_decides(body: Body) -> None:
    first, again = (body.shape(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    some = people(body, 40)
    heights = [shape.height_m for shape in some]
    assert 0.9 < min(heights) < 1.45 and 1.6 < max(heights) < 2.2
    assert {shape.female for shape in some} == {True, False} and {shape.age for shape in some} == set(AGES)
    children = [shape.height_m for shape in some if shape.age == "child"]
    assert np.mean(children) < np.mean([shape.height_m for shape in some if shape.age != "child"]) - 0.1


def test_one_person_leaves_the_next_alone(body: Body) -> None:
    before = body.template.copy()
    people(body, 3)
    np.testing.assert_array_equal(body.template, before)
    np.testing.assert_array_equal(body.shaped({}, female=True, age="old").vertices, before)


def test_the_floor_is_under_the_skin_alone(body: Body) -> None:
    for shape in people(body, 4):
        skin = shape.vertices[body.skin_vertices, 1]
        assert shape.floor_m == pytest.approx(skin.min())
        assert shape.height_m == pytest.approx(skin.max() - skin.min())


def test_limb_coordinates_grow_along_the_limbs(body: Body) -> None:
    torso, arm, leg, scalp = body.limbs.T
    places = body.template
    shape = body.shaped({}, female=True, age="young")
    for axis, bones in ((1, ("upperarm01", "lowerarm01", "wrist")), (2, ("upperleg01", "lowerleg01", "foot"))):
        for number, bone in enumerate(bones):
            joint = shape.heads[body.index(f"{bone}.L")]
            limb = np.flatnonzero(body.limbs[:, axis] > -0.5)
            near = limb[np.linalg.norm(places[limb] - joint, axis=1).argsort()[:4]]
            assert body.limbs[near, axis].mean() == pytest.approx(number, abs=0.35), bone
    head = body.landmarks["nose"]
    assert (arm[head] == -1).all() and (leg[head] == -1).all() and (torso[head] > 1).all()
    assert scalp[body.landmarks["head_top"]].min() > 0
    assert scalp[head].max() <= 0 and scalp[leg > 0].max() == -1
    assert not ((arm > -0.5) & (leg > -0.5)).any()


def test_landmarks_are_where_a_face_has_them(body: Body) -> None:
    assert tuple(body.landmarks) == LANDMARKS
    for shape in people(body, 6):
        at = {name: shape.vertices[vertices].mean(axis=0) for name, vertices in body.landmarks.items()}
        head = shape.heads[body.index("head")]
        assert at["left_ear"][0] > at["left_eye"][0] > at["nose"][0] > at["right_eye"][0] > at["right_ear"][0]
        assert at["nose"][2] > at["left_eye"][2] > at["left_ear"][2]
        assert at["head_top"][1] > at["left_eye"][1] > at["nose"][1] > head[1] - 0.03
        assert abs(at["left_ear"][1] - at["left_eye"][1]) < 0.05
        np.testing.assert_allclose(at["left_eye"], at["right_eye"] * [-1, 1, 1], atol=0.01)
        assert abs(at["nose"][0]) < 0.01


def test_surfaces_are_thin_and_their_normals_point_outwards(body: Body) -> None:
    assert set(body.surfaces) == {"skin", "tights", "skirt", "hair", "eyes"}
    for name, triangles in body.surfaces.items():
        assert triangles.dtype == np.int32 and len(triangles), name
        assert (np.diff(np.sort(triangles, axis=1), axis=1) > 0).all(), name
    skin = body.surfaces["skin"]
    assert set(np.unique(skin)) <= set(body.skin_vertices)
    a, b, c = (body.template[skin[:, k]] for k in range(3))
    volume = float((a * np.cross(b, c)).sum() / 6)
    assert 0.04 < volume < 0.12  # cubic metres: a person of 40 to 120 litres, not inside out
    shin = np.flatnonzero(
        (body.limbs[:, 2] > 1.3) & (body.limbs[:, 2] < 1.7) & np.isin(np.arange(len(body.limbs)), skin)
    )
    outward = normals(body.template, skin)[shin]
    middle = np.where(body.template[shin, :1] > 0, body.template[shin[body.template[shin, 0] > 0]].mean(axis=0), 0)
    left = body.template[shin, 0] > 0
    assert ((outward[left] * (body.template[shin[left]] - middle[left])).sum(axis=1) > 0).mean() > 0.9


def test_no_triangle_ties_the_legs_together(body: Body) -> None:
    below = body.surfaces["skin"][(body.limbs[body.surfaces["skin"], 2] > 0.15).all(axis=1)]
    side = body.template[below, 0] > 0
    assert (side.all(axis=1) | ~side.any(axis=1)).all()


def test_bones_at_rest_move_nothing(body: Body) -> None:
    shape = people(body, 1)[0]
    moved = body.skin(shape, resting(body, 2))
    assert moved.shape == (2, len(body.template), 3) and moved.dtype == np.float32
    np.testing.assert_allclose(moved, np.stack([shape.vertices] * 2), atol=1e-5)


def test_skinning_blends_bone_by_bone(body: Body) -> None:
    """Against the plain sum, at random matrices."""
    shape = people(body, 1)[0]
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(3, len(body.bones), 3, 4)).astype(np.float32)
    some = np.sort(rng.choice(len(body.template), 50, replace=False))
    wanted = np.zeros((3, 50, 3))
    for k in range(4):
        bone, weight = body.skin_bones[some, k], body.skin_weights[some, k]
        by_bone = np.einsum("tnij,nj->tni", matrices[:, bone, :, :3], shape.vertices[some]) + matrices[..., 3][:, bone]
        wanted += weight[:, None] * by_bone
    np.testing.assert_allclose(body.skin(shape, matrices, some), wanted, atol=1e-4)
    np.testing.assert_allclose(body.skin(shape, matrices)[:, some], wanted, atol=1e-4)
    np.testing.assert_allclose(body.skin(shape, matrices, [int(some[5])])[:, 0], wanted[:, 5], atol=1e-4)


def test_a_turned_hand_moves_the_hand_alone(body: Body) -> None:
    shape = people(body, 1)[0]
    matrices = resting(body)
    matrices[0, body.index("wrist.L"), 1, 3] = 0.5
    moved = body.skin(shape, matrices)[0] - shape.vertices
    skin = np.zeros(len(moved), bool)
    skin[body.skin_vertices] = True
    assert moved[skin & (body.limbs[:, 1] > 2.3) & (body.template[:, 0] > 0), 1].min() > 0.4
    assert np.abs(moved[body.template[:, 0] < 0]).max() < 1e-5


def _change(folder: Path, name: str, field: str, old: str, new: str) -> None:
    with np.load(folder / name) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays[field] = np.array([new if str(word) == old else str(word) for word in arrays[field]])
    np.savez_compressed(folder / name, **arrays)


def test_a_rig_without_a_bone_is_refused(tmp_path: Path) -> None:
    _change(tiny_assets(tmp_path), "body.npz", "bone_names", "wrist.R", "paw.R")
    with pytest.raises(InputError, match=r"body\.npz: bone_names: no bone 'wrist\.R'$"):
        Body(read_assets(tmp_path))


def test_a_shape_that_is_missing_is_refused(tmp_path: Path) -> None:
    _change(tiny_assets(tmp_path), "shape_targets.npz", "names", "asian-male-old", "asian-male-ancient")
    with pytest.raises(InputError, match=r"shape_targets\.npz: names: no shape 'asian-male-old'$"):
        Body(read_assets(tmp_path))


def test_a_head_without_eyes_is_refused(tmp_path: Path) -> None:
    folder = tiny_assets(tmp_path)
    with np.load(folder / "body.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays["face_group"][arrays["face_group"] == 4] = 3
    np.savez_compressed(folder / "body.npz", **arrays)
    with pytest.raises(InputError, match="no face of the eyes"):
        Body(read_assets(folder))
