import numpy as np
import pytest

from chronopose.synth.authored import HELDOUT, MOTIONS
from chronopose.synth.keyframes import RADII_M, Draw, perform
from chronopose.synth.puppet import POINTS, Pose, foot_clearance, point

SEEDS = range(3)


def performed(name: str, seed: int) -> tuple[str, Pose]:
    rng = np.random.default_rng(seed)
    score = MOTIONS[name](Draw(rng))
    return score.ground, perform(score, rng, score.seconds)


def test_there_are_motions_of_every_kind_and_the_held_out_ones_exist() -> None:
    wanted = {
        "walk",
        "run",
        "sit",
        "stand_up",
        "lie_back",
        "lie_side",
        "lie_front",
        "crawl",
        "push_up",
        "sit_up",
        "squat",
    }
    wanted |= {
        "lunge",
        "jumping_jack",
        "pull_up",
        "bench_press",
        "golf",
        "tennis_serve",
        "baseball_bat",
        "bowling",
        "throw",
    }
    assert wanted <= set(MOTIONS)
    assert set(MOTIONS) >= HELDOUT and 0.05 < len(HELDOUT) / len(MOTIONS) < 0.2


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_no_limb_is_in_the_floor_and_something_touches_it(name: str) -> None:
    for seed in SEEDS:
        ground, pose = performed(name, seed)
        points = pose.points()
        assert np.isfinite(points).all()
        # Elbows and knees have flesh around them, so the bone of none comes to the floor.
        names = [POINTS.index(s + n) for s in "lr" for n in ("wri", "hand", "elb", "knee", "ankle", "toe")]
        assert points[:, [*names, POINTS.index("head")], 1].min() > -0.02, seed
        if ground == "feet":
            assert foot_clearance(points).min() > -0.025
            assert np.percentile(foot_clearance(points), 10) < 0.06, seed
        elif ground == "body":
            lowest = (points[..., 1] - RADII_M).min(axis=1)
            assert np.percentile(lowest, 50) < 0.1, seed


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_knees_bend_backwards_only_and_no_joint_is_folded_shut(name: str) -> None:
    for seed in SEEDS:
        _, pose = performed(name, seed)
        points = pose.points()
        across = pose.frames[:, 0, :, 0]
        for side in "lr":
            thigh, shin = (
                point(points, side + b) - point(points, side + a) for a, b in (("hip", "knee"), ("knee", "ankle"))
            )
            hinge = (np.cross(thigh, shin) * across).sum(-1) / (0.43 * 0.42)
            assert hinge.min() > -0.1, (seed, side)
            for start, middle, end in (("hip", "knee", "ankle"), ("sho", "elb", "wri")):
                first, second = (
                    point(points, side + middle) - point(points, side + start),
                    point(points, side + end) - point(points, side + middle),
                )
                cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
                assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 172, (seed, side, middle)


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_nothing_moves_faster_than_people_do(name: str) -> None:
    for seed in SEEDS:
        _, pose = performed(name, seed)
        speed = 60 * np.linalg.norm(np.diff(pose.points(), axis=0), axis=-1)
        assert speed.max() < 30, seed
        assert np.percentile(speed, 90) < 13, seed


def test_two_performances_of_a_motion_differ() -> None:
    poses = [performed("golf", seed)[1].points() for seed in SEEDS]
    count = min(len(points) for points in poses)
    assert np.abs(poses[0][:count] - poses[1][:count]).max() > 0.1
