import numpy as np
import pytest

from chronopose.core.skeleton import SKELETONS
from chronopose.synth import labels
from chronopose.synth.assets import read_assets
from chronopose.synth.body import Body, Shape
from chronopose.synth.camera import Camera, look_at
from chronopose.synth.mesh import Mesh
from tests.synth.tiny import tiny_assets


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    return Body(read_assets(tiny_assets(tmp_path_factory.mktemp("assets"))))


@pytest.fixture(scope="module")
def shape(body: Body) -> Shape:
    return body.shape(np.random.default_rng(0))


def still(body: Body, frames: int = 1) -> np.ndarray:
    matrices = np.zeros((frames, len(body.bones), 3, 4), dtype=np.float32)
    matrices[..., :3] = np.eye(3)
    return matrices


def front(distance_m: float = 4.0) -> Camera:
    return look_at(np.array([0.0, 1.0, distance_m]), np.array([0.0, 1.0, 0.0]), 0.0, 1.0, 100, 100)


def test_every_schema_of_the_house_is_covered() -> None:
    for skeleton in SKELETONS.values():
        assert set(skeleton.joints) <= set(labels.JOINTS), skeleton.name


def test_bones_that_carry_a_joint_share_it_wholly(body: Body, shape: Shape) -> None:
    _, bones = labels.rest_joints(body, shape)
    assert bones.shape == (len(labels.JOINTS), len(body.bones))
    np.testing.assert_allclose(bones.sum(1), 1, atol=1e-9)


def test_a_standing_body_has_its_joints_in_order(body: Body, shape: Shape) -> None:
    at = dict(zip(labels.JOINTS, labels.joint_paths(body, shape, still(body))[0], strict=True))
    heights = [at[name][1] for name in ("left_ankle", "left_knee", "left_hip", "belly", "neck", "nose", "head_top")]
    assert heights == sorted(heights)
    assert at["left_hip"][0] > 0 > at["right_hip"][0]  # it faces us, its left is +x
    np.testing.assert_allclose(at["left_knee"] * [-1, 1, 1], at["right_knee"], atol=0.03)


def test_joints_follow_their_bones(body: Body, shape: Shape) -> None:
    matrices = still(body, 2)
    matrices[1, :, :, 3] += [1.0, 2.0, 3.0]
    matrices[1, body.index("wrist.L"), 0, 3] += 5.0
    moved = np.diff(labels.joint_paths(body, shape, matrices), axis=0)[0]
    wrist = labels.JOINTS.index("left_wrist")
    np.testing.assert_allclose(moved[wrist], [6, 2, 3], atol=1e-6)
    np.testing.assert_allclose(moved[labels.JOINTS.index("right_wrist")], [1, 2, 3], atol=1e-6)


def test_a_habit_moves_both_hips_outwards(body: Body, shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(labels._HABITS, "hip", (0.0, 0.0))
    plain, _ = labels.rest_joints(body, shape)
    monkeypatch.setitem(labels._HABITS, "hip", (0.1, 0.2))
    moved, _ = labels.rest_joints(body, shape)
    left, right = (
        moved[labels.JOINTS.index(f"{s}_hip")] - plain[labels.JOINTS.index(f"{s}_hip")] for s in ("left", "right")
    )
    assert left[0] > 0 > right[0] and left[1] == pytest.approx(2 * left[0])
    np.testing.assert_allclose(left * [-1, 1, 1], right)
    changed = np.flatnonzero(np.abs(moved - plain).max(1) > 0)
    assert {labels.JOINTS[j] for j in changed} == {"left_hip", "right_hip"}


def test_what_is_seen_hidden_and_outside() -> None:
    points = np.zeros((len(labels.JOINTS), 3))
    points[:, 1] = 1.0
    points[1] = [50.0, 1.0, 0.0]  # far to the side
    points[2] = [0.0, 1.0, 9.0]  # behind the camera
    camera = front()
    clear = labels.visibility(points, camera, np.full((150, 150), 3.95, dtype=np.float32))
    assert clear[0] == 2 and clear[1] == 0 and clear[2] == 0
    covered = labels.visibility(points, camera, np.full((150, 150), 2.0, dtype=np.float32))
    assert covered[0] == 1 and covered[1] == 0


def test_half_a_covered_body_is_half_seen() -> None:
    points = np.stack([np.linspace(-1, 1, 200), np.ones(200), np.zeros(200)], axis=1)
    distance = np.full((100, 100), 10.0, dtype=np.float32)
    distance[:, :50] = 1.0
    assert labels.seen_share(points, front(), distance) == pytest.approx(0.5, abs=0.02)


def test_boxes_hold_every_point_in_front_of_the_camera() -> None:
    xy = np.array([[1.0, 2.0], [np.nan, np.nan], [5.0, -3.0]])
    np.testing.assert_array_equal(labels.box(xy), np.array([1, -3, 5, 2], dtype=np.float32))
    np.testing.assert_array_equal(labels.box(xy[1:2]), np.zeros(4))


def test_surface_points_move_with_the_bones(body: Body, shape: Shape) -> None:
    count = len(shape.vertices)
    mesh = Mesh(
        kind=0,
        positions=shape.vertices,
        normals=np.zeros((count, 3), dtype=np.float32),
        bones=body.skin_bones,
        weights=body.skin_weights,
        limbs=body.limbs,
        triangles=body.surfaces["skin"],
    )
    matrices = still(body, 2)
    matrices[1, :, :, 3] += [0.0, 0.5, 0.0]
    points = labels.surface_paths([mesh, mesh], matrices, most=10)
    assert points.shape[0] == 2 and 10 <= points.shape[1] <= 60
    np.testing.assert_allclose(np.diff(points, axis=0)[0], [[0, 0.5, 0]] * points.shape[1], atol=1e-5)
