import numpy as np
import pytest

from chronopose.synth.keyframes import FLIPPED, Draw, Key, Score, perform, two_bones
from chronopose.synth.puppet import Pose, point

STILL = np.random.default_rng(0)


def pose_of(key: Key, **score: object) -> np.ndarray:
    """(23, 3) points of one key pose without random differences."""
    held = Score(seconds=1.0, keys=[(0.0, key), (0.5, key)], **score)  # type: ignore[arg-type]
    return perform(held, np.random.default_rng(0), 0.5, vary=0.0).points()[10]


def at(points: np.ndarray, name: str) -> np.ndarray:
    return point(points, name)


def test_standing_is_upright_faces_forward_and_has_its_left_on_the_left() -> None:
    points = pose_of({})
    assert at(points, "headtop")[1] == pytest.approx(1.77, abs=0.04)
    assert at(points, "face")[2] > at(points, "head")[2] + 0.05
    assert at(points, "lsho")[0] > 0.1 and at(points, "rhip")[0] < -0.05
    for side in "lr":
        assert at(points, side + "toe")[1] == pytest.approx(0.02, abs=0.005)
        assert at(points, side + "toe")[2] > at(points, side + "ankle")[2] + 0.1


@pytest.mark.parametrize(
    ("key", "upper", "lower", "axis", "sign"),
    [
        ({"l_elbow": 90, "l_lift": 0}, "lelb", "lwri", 2, 1),  # hanging arm: forearm ahead
        ({"r_elbow": 90, "r_lift": 90, "r_plane": 0}, "relb", "rwri", 1, 1),  # arm ahead: forearm up
        ({"l_elbow": 90, "l_lift": 90, "l_plane": 90}, "lelb", "lwri", 2, 1),  # arm aside: forearm ahead
        ({"l_elbow": 90, "l_lift": 90, "l_plane": 90, "l_roll_arm": 90}, "lelb", "lwri", 1, 1),  # and up
        ({"r_elbow": 90, "r_lift": 90, "r_plane": 90, "r_roll_arm": 90}, "relb", "rwri", 1, 1),
        ({"r_elbow": 90, "r_lift": 90, "r_plane": 90, "r_roll_arm": -90}, "relb", "rwri", 1, -1),
        ({"l_lift": 90, "l_plane": 90, "l_elbow": 2}, "lsho", "lelb", 0, 1),
        ({"r_lift": 90, "r_plane": 90, "r_elbow": 2}, "rsho", "relb", 0, -1),
        ({"l_hip": 90, "l_flat": 0}, "lhip", "lknee", 2, 1),  # thigh ahead
        ({"l_knee": 90, "l_flat": 0}, "lknee", "lankle", 2, -1),  # shin behind
        ({"r_out": 40}, "rhip", "rknee", 0, -1),
        ({"l_out": 40}, "lhip", "lknee", 0, 1),
        ({"bend": 40}, "spine", "neck", 2, 1),
        ({"side": 40}, "spine", "neck", 0, 1),
        ({"nod": 40}, "head", "headtop", 2, 1),
        ({"look": 60}, "head", "face", 0, 1),
    ],
)
def test_a_channel_moves_its_limb_where_its_description_says(
    key: Key, upper: str, lower: str, axis: int, sign: int
) -> None:
    points = pose_of(key)
    moved = at(points, lower) - at(points, upper)
    moved /= np.linalg.norm(moved)
    assert sign * moved[axis] > 0.55


def test_the_whole_body_lies_on_its_face_back_and_side() -> None:
    face, back, side = (pose_of(key, ground="body") for key in ({"pitch": 90}, {"pitch": -90}, {"roll": 90}))
    assert at(face, "face")[1] < at(face, "head")[1] - 0.05
    assert at(back, "face")[1] > at(back, "head")[1] + 0.05
    assert at(side, "lsho")[1] < at(side, "rsho")[1] - 0.2
    for points in (face, back, side):
        assert points[:, 1].max() < 0.75 and points[:, 1].min() > 0.0


def test_a_channel_without_a_side_is_both_and_a_side_overrides_it() -> None:
    points = pose_of({"lift": 90, "plane": 90, "elbow": 5, "r_lift": 5})
    assert at(points, "lelb")[1] > 1.3 and at(points, "relb")[1] < 1.25
    symmetric = pose_of(
        {"lift": 70, "hip": 20, "hand": (0.2, 0.1, 0.3), "grip": 1}, holds={"l_hand": "chest", "r_hand": "chest"}
    )
    np.testing.assert_allclose(at(symmetric, "lwri"), at(symmetric, "rwri") * [-1, 1, 1], atol=1e-6)


def test_an_unknown_channel_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="elbows"):
        pose_of({"elbows": 3.0})


def test_a_held_hand_and_a_held_foot_are_where_they_are_held() -> None:
    key: Key = {"y": 0.7, "grip": 1, "step": 1, "l_hand": (0.3, 1.0, 0.35), "foot_at": (0.2, 0.08, 0.1)}
    points = pose_of(key, root="keyed", holds={"l_hand": "world", "l_foot": "world", "r_foot": "world"})
    np.testing.assert_allclose(at(points, "lwri"), [0.3, 1.0, 0.35], atol=1e-6)
    np.testing.assert_allclose(at(points, "rankle"), [-0.2, 0.08, 0.1], atol=1e-6)
    assert at(points, "lknee")[2] > 0.15  # bent forwards


def test_a_target_out_of_reach_leaves_the_limb_straight_towards_it() -> None:
    start, target, pole = (np.array([v], dtype=float) for v in ([0, 0, 0], [5, 0, 0], [0, 1, 0]))
    first, second = two_bones(start, target, 0.4, 0.3, pole)
    np.testing.assert_allclose(first + second, [[2, 0, 0]], atol=0.12)
    first, second = two_bones(start, np.array([[0.5, 0.0, 0.0]]), 0.4, 0.3, pole)
    np.testing.assert_allclose(0.4 * first + 0.3 * second, [[0.5, 0, 0]], atol=1e-9)
    assert first[0, 1] > 0.1  # the middle joint is on the pole's side


def test_hands_and_feet_below_the_floor_are_laid_on_it() -> None:
    points = pose_of({"y": 0.3, "lift": 0, "elbow": 2}, root="keyed")
    for side in "lr":
        assert at(points, side + "wri")[1] > 0.03 and at(points, side + "hand")[1] > 0.015
        assert at(points, side + "ankle")[1] > 0.05 and at(points, side + "toe")[1] > 0.015


def _walk() -> Score:
    step: Key = {"l_hip": 28, "l_knee": 5, "r_hip": -15, "r_knee": 20, "twist": 6, "roll": 3, "flat": 0}
    return Score(seconds=1.0, keys=[(0.0, step), (0.25, {"r_hip": 25, "r_knee": 60, "flat": 0})], loop="mirror")


def test_a_mirrored_round_ends_with_left_and_right_exchanged() -> None:
    pose = perform(_walk(), np.random.default_rng(1), 3.0, vary=0.0)
    early, late = (
        Pose(root=pose.root[s], frames=pose.frames[s], limbs=pose.limbs[s]) for s in (slice(20, 40), slice(50, 70))
    )
    np.testing.assert_allclose(late.limbs, early.mirrored().limbs, atol=1e-6)
    assert {"twist", "roll", "yaw"} <= set(FLIPPED)


def test_a_cycle_repeats_itself_and_is_smooth() -> None:
    score = Score(seconds=1.0, keys=[(0.0, {"l_lift": 10}), (0.4, {"l_lift": 150}), (0.7, {"l_lift": 60})])
    limbs = perform(score, np.random.default_rng(2), 3.0, vary=0.0).limbs
    np.testing.assert_allclose(limbs[60:120], limbs[:60], atol=1e-6)
    jumps = np.linalg.norm(np.diff(limbs, axis=0), axis=-1)
    assert jumps.max() < 0.25 and jumps.max() > 0.02


def test_walking_goes_forward_without_sliding() -> None:
    points = perform(_walk(), np.random.default_rng(3), 3.0, vary=0.0).points()
    pelvis = point(points, "pelvis")
    assert 0.5 < pelvis[-1, 2] - pelvis[0, 2] < 6 and abs(pelvis[-1, 0] - pelvis[0, 0]) < 0.3
    feet = np.stack([(point(points, s + "ankle") + point(points, s + "toe")) / 2 for s in "lr"])
    heights = np.stack(
        [np.minimum(point(points, s + "ankle")[:, 1] - 0.08, point(points, s + "toe")[:, 1] - 0.02) for s in "lr"]
    )
    standing = heights[:, 1:] < 0.005
    speed = 60 * np.linalg.norm(np.diff(feet, axis=1), axis=-1)
    assert np.median(speed[standing]) < 0.25
    assert np.median(speed[~standing]) > 0.7


def test_a_repeated_round_travels_on_and_turns_whole_turns() -> None:
    keys: list[tuple[float, Key]] = [
        (0.0, {"z": 0.0}),
        (0.5, {"pitch": 180, "z": 0.5}),
        (1.0, {"pitch": 360, "z": 1.0}),
    ]
    score = Score(seconds=1.0, keys=keys, base={"flat": 0}, loop="repeat", root="keyed")
    pose = perform(score, np.random.default_rng(4), 2.5, vary=0.0)
    assert pose.root[-1, 2] - pose.root[0, 2] == pytest.approx(2.5, abs=0.2)
    assert np.linalg.norm(np.diff(pose.limbs, axis=0), axis=-1).max() < 0.3


def test_a_performance_is_a_pure_function_of_the_generator_and_varies_with_it() -> None:
    once, again, other = (perform(_walk(), np.random.default_rng(s), 1.0).points() for s in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 0.05


def test_draws_are_in_their_range() -> None:
    draw = Draw(np.random.default_rng(0))
    assert all(2 <= draw(2, 3) <= 3 for _ in range(50))
    assert {draw.one(3) for _ in range(60)} == {0, 1, 2}
    assert 5 < sum(draw.chance(0.3) for _ in range(60)) < 35
