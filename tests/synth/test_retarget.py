import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chronopose.synth.assets import read_assets
from chronopose.synth.authored import MOTIONS
from chronopose.synth.body import Body, Shape
from chronopose.synth.keyframes import Draw, perform
from chronopose.synth.puppet import POINTS, REFERENCE
from chronopose.synth.retarget import bone_matrices
from tests.synth.tiny import tiny_assets

# Which bone's head a point is at.
LEG = {"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "toe": "toes"}
ARM = {"sho": "upperarm01", "elb": "lowerarm01", "wri": "wrist"}
TRUNK = {"pelvis": "root", "spine": "spine03", "chest": "spine02", "neck": "neck01", "head": "head"}
BONES = TRUNK | {s + point: f"{bone}.{s.upper()}" for s in "lr" for point, bone in (LEG | ARM).items()}


@pytest.fixture(scope="module", params=["tiny", pytest.param("real", marks=pytest.mark.data)])
def body(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Body:
    if request.param == "real":
        return Body(read_assets(Path(os.environ["CHRONOPOSE_DATA"]) / "people_assets"))
    return Body(read_assets(tiny_assets(tmp_path_factory.mktemp("assets"))))


@pytest.fixture(scope="module")
def shape(body: Body) -> Shape:
    return body.shape(np.random.default_rng(0))


def moves(name: str, seed: int = 0, seconds: float = 1.0) -> tuple[np.ndarray, str]:
    rng = np.random.default_rng(seed)
    score = MOTIONS[name](Draw(rng))
    return perform(score, rng, seconds).points()[::4], score.ground


def joints(body: Body, shape: Shape, matrices: np.ndarray) -> np.ndarray:
    """(T, B, 3) heads of the bones."""
    return np.einsum("tbij,bj->tbi", matrices[..., :3], shape.heads) + matrices[..., 3]


def points_of(body: Body, shape: Shape, matrices: np.ndarray) -> np.ndarray:
    """(T, 23, 3) the canonical points of a posed body."""
    heads = joints(body, shape, matrices)
    points = np.zeros((len(matrices), len(POINTS), 3))
    for name, bone in BONES.items():
        points[:, POINTS.index(name)] = heads[:, body.index(bone)]
    for bone, name, offset in (("head", "headtop", [0, 0.2, 0]), ("head", "face", [0, 0, 0.1])):
        turned = matrices[:, body.index(bone), :, :3] @ np.array(offset)
        points[:, POINTS.index(name)] = heads[:, body.index(bone)] + turned
    for side in "lr":
        bone = body.index(f"wrist.{side.upper()}")
        points[:, POINTS.index(side + "hand")] = matrices[:, bone, :, :3] @ shape.tails[bone] + matrices[:, bone, :, 3]
    return points


def posed(body: Body, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """(1, B, 3, 4) a body turned as a whole, with limbs swung and knees and elbows bent, by rotating its bones."""
    whole = Rotation.from_euler("yxz", rng.uniform(-1, 1, 3) * [3, 0.6, 0.6])
    rotations = [whole] * len(body.bones)
    for side, sign in (("L", 1), ("R", -1)):
        arm = whole * Rotation.from_rotvec(rng.uniform(-0.9, 0.9, 3))
        fore = arm * Rotation.from_rotvec(rng.uniform(0.2, 1.2) * np.array([-0.8, -0.6 * sign, 0]))
        leg = whole * Rotation.from_euler("xz", [rng.uniform(-1.2, 0.3), sign * rng.uniform(0, 0.5)])
        shin = leg * Rotation.from_euler("x", rng.uniform(0.3, 1.5))
        groups = {
            "upperarm": arm,
            "lowerarm": fore,
            "wrist": fore,
            "upperleg": leg,
            "lowerleg": shin,
            "foot": shin,
            "toes": shin,
        }
        for i, bone in enumerate(body.bones):
            if bone.endswith("." + side):
                rotations[i] = next((r for stem, r in groups.items() if bone.startswith(stem)), rotations[i])
    turns = np.stack([rotation.as_matrix() for rotation in rotations])
    places = np.zeros((len(body.bones), 3))
    places[0] = [0, 1, 0]
    for i, parent in enumerate(body.parents):
        if parent >= 0:
            places[i] = places[parent] + turns[parent] @ (shape.heads[i] - shape.heads[parent])
    moved = places - np.einsum("bij,bj->bi", turns, shape.heads)
    return np.concatenate([turns, moved[..., None]], axis=-1)[None]


def rest_reference(body: Body, shape: Shape) -> np.ndarray:
    at = {name: shape.heads[body.index(bone)] for name, bone in BONES.items()}
    return np.stack([at["spine"] - (at["lhip"] + at["rhip"]) / 2, at["neck"] - at["spine"]])


@pytest.mark.parametrize("seed", range(6))
def test_a_posed_body_is_recovered_from_its_own_points(body: Body, shape: Shape, seed: int) -> None:
    wanted = posed(body, shape, np.random.default_rng(seed))
    found = bone_matrices(body, shape, points_of(body, shape, wanted), rest_reference(body, shape), "air")
    difference = joints(body, shape, found) - joints(body, shape, wanted)
    difference -= difference[:, :1]
    names = [body.index(bone) for bone in BONES.values()]
    assert np.linalg.norm(difference[:, names], axis=-1).max() < 0.03
    knee = body.index("lowerleg01.L")  # its twist comes from the plane it bends in
    turn = Rotation.from_matrix(found[0, knee, :, :3].T.astype(float) @ wanted[0, knee, :, :3])
    assert np.degrees(turn.magnitude()) < 8


@pytest.mark.parametrize("name", ["walk", "cartwheel", "handstand", "golf", "push_up", "pull_up", "lie_side", "sit"])
def test_matrices_are_rotations(body: Body, shape: Shape, name: str) -> None:
    points, ground = moves(name)
    matrices = bone_matrices(body, shape, points, REFERENCE, ground)
    assert matrices.shape == (len(points), len(body.bones), 3, 4) and matrices.dtype == np.float32
    turns = matrices[..., :3].astype(np.float64)
    identity = turns @ np.swapaxes(turns, -1, -2)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(turns), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", ["walk", "boxing", "sit", "cartwheel"])
def test_limbs_point_where_the_points_do_and_bones_stay_joined(body: Body, shape: Shape, name: str) -> None:
    points, ground = moves(name)
    heads = joints(body, shape, bone_matrices(body, shape, points, REFERENCE, ground))
    for side in "lr":
        for start, end in (("hip", "knee"), ("knee", "ankle"), ("sho", "elb"), ("elb", "wri")):
            wanted = points[:, POINTS.index(side + end)] - points[:, POINTS.index(side + start)]
            found = heads[:, body.index(BONES[side + end])] - heads[:, body.index(BONES[side + start])]
            cosine = (wanted * found).sum(-1) / np.linalg.norm(wanted, axis=-1) / np.linalg.norm(found, axis=-1)
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 12, (side, start)
    lengths = np.linalg.norm(heads[:, 1:] - heads[:, list(body.parents[1:])], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-3)


@pytest.mark.parametrize("name", ["walk", "squat", "stand_up", "idle", "kick_ball", "lie_back", "push_up", "crawl"])
def test_nobody_sinks_into_the_floor_or_floats(body: Body, shape: Shape, name: str) -> None:
    points, ground = moves(name, seconds=2.0)
    matrices = bone_matrices(body, shape, points, REFERENCE, ground)
    lowest = body.skin(shape, matrices, np.unique(body.surfaces["skin"]))[..., 1].min(axis=1)
    assert lowest.min() > -0.04
    assert np.median(np.abs(lowest)) < 0.02


def test_a_jump_leaves_the_floor(body: Body, shape: Shape) -> None:
    points, ground = moves("walk")
    up = points + np.array([0, 0.4, 0])
    soles = np.unique(body.surfaces["skin"])
    low = [
        body.skin(shape, bone_matrices(body, shape, p, REFERENCE, ground), soles)[..., 1].min() for p in (points, up)
    ]
    legs = np.linalg.norm(shape.heads[body.index("foot.L")] - shape.heads[body.index("upperleg01.L")]) / 0.85
    assert low[1] - low[0] == pytest.approx(0.36 * legs, abs=0.06)


def test_planted_feet_stay_in_place_on_other_proportions(body: Body, shape: Shape) -> None:
    points, ground = moves("squat", seconds=3.0)
    stretched = points.copy()
    hips = (points[:, [1]] + points[:, [5]]) / 2
    upper = [i for i in range(23) if i not in range(1, 9)]
    stretched[:, upper] = hips + (points[:, upper] - hips) * 1.2
    heads = joints(body, shape, bone_matrices(body, shape, stretched, REFERENCE, ground))
    feet = (heads[:, body.index("foot.L")] + heads[:, body.index("foot.R")]) / 2
    assert np.ptp(feet[:, [0, 2]], axis=0).max() < 0.03


def test_a_straight_limb_takes_its_twist_from_the_bent_instants_around_it(body: Body, shape: Shape) -> None:
    points, _ = moves("idle", seconds=2.0)
    count = len(points)
    shoulder = points[:, POINTS.index("lsho")]
    bend = np.deg2rad(np.abs(np.linspace(-50, 50, count)))  # bent, straight in the middle, bent again the same way
    along = np.array([0.0, -1.0, 0.0])
    aside = np.array([1.0, 0.0, 0.0])
    elbow = shoulder + 0.29 * along
    points[:, POINTS.index("lelb")] = elbow
    points[:, POINTS.index("lwri")] = elbow + 0.25 * (np.cos(bend)[:, None] * along + np.sin(bend)[:, None] * aside)
    points[:, POINTS.index("lhand")] = points[:, POINTS.index("lwri")] + 0.1 * along
    turns = bone_matrices(body, shape, points, REFERENCE, "air")[:, body.index("upperarm02.L"), :, :3].astype(float)
    steps = Rotation.from_matrix(np.swapaxes(turns[:-1], -1, -2) @ turns[1:]).magnitude()
    assert np.degrees(steps).max() < 12
    whole = Rotation.from_matrix(turns[0].T @ turns[-1]).magnitude()
    assert np.degrees(whole) < 20


def test_in_the_air_the_height_is_kept_but_never_below_the_floor(body: Body, shape: Shape) -> None:
    points, ground = moves("pull_up")
    assert ground == "air"
    skin = np.unique(body.surfaces["skin"])
    high, higher, deep = (
        body.skin(shape, bone_matrices(body, shape, points + np.array([0, up, 0]), REFERENCE, ground), skin)[
            ..., 1
        ].min()
        for up in (0.0, 1.0, -3.0)
    )
    assert high > 0.01 and higher > high + 0.7
    assert deep == pytest.approx(0.0, abs=0.01)
