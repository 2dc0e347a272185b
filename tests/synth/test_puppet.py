import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chronopose.synth.authored import MOTIONS
from chronopose.synth.keyframes import Draw, perform
from chronopose.synth.puppet import (
    LENGTHS_M,
    MIRRORED,
    POINTS,
    REFERENCE,
    Pose,
    blend,
    foot_clearance,
    habits,
    point,
    read_pose,
    recombine,
    shake,
    swing,
)

BONES = [
    *(("lsho", "lelb", "upper"), ("relb", "rwri", "fore"), ("lwri", "lhand", "hand")),
    *(("rhip", "rknee", "thigh"), ("lknee", "lankle", "shin"), ("rankle", "rtoe", "foot")),
    *(("neck", "rsho", "collar"),),
]


def posed(name: str = "dance", seed: int = 0) -> Pose:
    rng = np.random.default_rng(seed)
    return perform(MOTIONS[name](Draw(rng)), rng, 1.5)


def assert_lengths(points: np.ndarray) -> None:
    for start, end, bone in BONES:
        lengths = np.linalg.norm(point(points, end) - point(points, start), axis=1)
        np.testing.assert_allclose(lengths, LENGTHS_M[bone], atol=1e-9)


@pytest.mark.parametrize("name", ["dance", "cartwheel", "golf", "push_up", "sit"])
def test_bones_keep_their_length_when_posed_shaken_mixed_and_recombined(name: str) -> None:
    pose, other = posed(name), posed("walk")
    count = min(len(pose.root), len(other.root))
    pose, other = (Pose(root=p.root[:count], frames=p.frames[:count], limbs=p.limbs[:count]) for p in (pose, other))
    for changed in (
        pose,
        shake(pose, np.random.default_rng(1), 5.0, 60.0),
        blend(pose, other, np.linspace(0, 1, count)),
        recombine(other, pose),
    ):
        assert_lengths(changed.points())
        identity = changed.frames @ np.swapaxes(changed.frames, -1, -2)
        np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-9)


def test_shaking_moves_but_only_a_little_and_keeps_knees_and_elbows() -> None:
    pose = posed()
    shaken = shake(pose, np.random.default_rng(1), 3.0, 60.0)
    moved = np.linalg.norm(shaken.points() - pose.points(), axis=-1)
    assert 0.003 < moved.mean() < 0.1
    for first, second in ((1, 2), (4, 5)):  # upper and fore, thigh and shin of the left side
        before = (pose.limbs[:, first] * pose.limbs[:, second]).sum(-1)
        after = (shaken.limbs[:, first] * shaken.limbs[:, second]).sum(-1)
        np.testing.assert_allclose(after, before, atol=1e-9)


def test_mirrored_twice_is_the_same_and_once_is_the_mirrored_points() -> None:
    pose = posed("baseball_pitch")
    np.testing.assert_allclose(pose.mirrored().mirrored().points(), pose.points(), atol=1e-12)
    np.testing.assert_allclose(pose.mirrored().points(), pose.points()[:, MIRRORED] * [-1, 1, 1], atol=1e-9)


def test_every_point_has_its_mirror() -> None:
    assert [POINTS[i] for i in MIRRORED][:6] == ["pelvis", "rhip", "rknee", "rankle", "rtoe", "lhip"]
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(len(POINTS)))


def test_a_pose_is_read_back_from_its_points() -> None:
    pose = posed("boxing")
    source = habits(np.zeros((0, 23, 3)), REFERENCE)
    again = read_pose(pose.points(), source)
    np.testing.assert_allclose(again.frames[:, 0], pose.frames[:, 0], atol=1e-6)
    np.testing.assert_allclose(again.limbs, pose.limbs, atol=1e-6)
    # Shoulders that reach turn the chest a little, for it is read from their line.
    assert np.abs(again.frames[:, 1] - pose.frames[:, 1]).max() < 0.3
    assert np.linalg.norm(again.points() - pose.points(), axis=-1).max() < 0.06


def test_a_larger_skeleton_gives_the_same_canonical_pose() -> None:
    pose = posed("walk")
    again = read_pose(pose.points() * 1.3, habits(np.zeros((0, 23, 3)), REFERENCE))
    same = read_pose(pose.points(), habits(np.zeros((0, 23, 3)), REFERENCE))
    np.testing.assert_allclose(again.points(), same.points(), atol=1e-6)


def test_a_recording_whose_heads_hang_is_levelled() -> None:
    pose = posed("walk")
    nodding = Rotation.from_euler("x", 30, degrees=True).as_matrix()
    frames = pose.frames.copy()
    frames[:, 2] = frames[:, 1] @ nodding
    points = Pose(root=pose.root, frames=frames, limbs=pose.limbs).points()
    source = habits(points, REFERENCE)
    assert source.nod == pytest.approx(np.deg2rad(30), abs=0.05)
    level = read_pose(points, source)
    np.testing.assert_allclose(level.frames[:, 2], level.frames[:, 1], atol=0.06)


def test_a_blend_ends_in_both_poses() -> None:
    first, second = posed("squat"), posed("walk")
    count = min(len(first.root), len(second.root))
    first, second = (Pose(root=p.root[:count], frames=p.frames[:count], limbs=p.limbs[:count]) for p in (first, second))
    for share, wanted in ((0.0, first), (1.0, second)):
        np.testing.assert_allclose(blend(first, second, np.full(count, share)).points(), wanted.points(), atol=1e-9)


def test_recombined_legs_are_the_ones_and_bent_elbows_the_others() -> None:
    walk, wave = posed("walk"), posed("boxing")
    count = min(len(walk.root), len(wave.root))
    walk, wave = (Pose(root=p.root[:count], frames=p.frames[:count], limbs=p.limbs[:count]) for p in (walk, wave))
    mixed = recombine(walk, wave)
    for name in ("lhip", "lknee", "lankle", "rtoe"):
        np.testing.assert_allclose(point(mixed.points(), name), point(walk.points(), name), atol=1e-9)
    bent = (mixed.limbs[:, 1] * mixed.limbs[:, 2]).sum(-1)
    np.testing.assert_allclose(bent, (wave.limbs[:, 1] * wave.limbs[:, 2]).sum(-1), atol=1e-9)


def test_clearance_is_zero_of_standing_feet_and_the_height_of_lifted_ones() -> None:
    points = posed("walk").points()
    assert np.abs(foot_clearance(points)).max() < 0.005
    lifted = points + np.array([0, 0.3, 0])
    np.testing.assert_allclose(foot_clearance(lifted), foot_clearance(points) + 0.3)


def test_swing_brings_a_direction_onto_another() -> None:
    rng = np.random.default_rng(0)
    start, end = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in rng.normal(size=(2, 50, 3)))
    rotation = swing(start, end)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", rotation, start), end, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
