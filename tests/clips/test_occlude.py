"""Things in the way: what is hidden in the key frame is seen in another, and every look is drawn."""

import numpy as np
import pytest

from chronopose.clips.occlude import cover, pass_by, pattern

HEIGHT, WIDTH = 80, 60
STEPS = (-2, -1, 0, 1, 2)
JOINT = np.array([[31.0, 42.0]])


def still(frames: int = 5) -> np.ndarray:
    """An even clip of a level that no occluder has by chance: they are drawn from 0 to 255."""
    return np.full((frames, HEIGHT, WIDTH, 3), -7, np.float32)


def passed(seed: int, steps: tuple[int, ...] = STEPS, near: np.ndarray = JOINT, textured: float = 1.0) -> np.ndarray:
    """(T, H, W) where something was drawn."""
    values = still(len(steps))
    pass_by(values, steps, near, np.random.default_rng(seed), textured)
    return (values != -7).any(-1)


def test_what_is_hidden_in_the_key_frame_is_seen_in_a_neighbour() -> None:
    hidden, seen_next, seen_ever = 0, 0, 0
    for seed in range(300):
        there = passed(seed)[:, 42, 31]
        hidden += there[2]
        seen_next += there[2] and not (there[1] and there[3])
        seen_ever += there[2] and not there.all()
    assert hidden > 240  # a slanting bar or an ellipse may miss it
    assert seen_ever / hidden > 0.97 and 0.6 < seen_next / hidden < 0.97


def test_some_pass_by_and_some_are_there_for_a_while() -> None:
    runs, walks = 0, 0
    for seed in range(100):
        drawn = passed(seed)
        there = drawn.any((1, 2))
        assert there[2]
        assert (np.diff(np.flatnonzero(there)) == 1).all()
        places = [np.argwhere(frame).mean(0) for frame in drawn[there]]
        if there.sum() > 1 and np.abs(np.diff(places, axis=0)).max() > 3:
            walks += 1
        elif not there.all():
            runs += 1
    assert walks > 25 and runs > 25


def test_speed_is_per_frame_of_the_video_not_per_frame_shown() -> None:
    near, far = passed(4, (0, 1)), passed(4, (0, 2))
    seeds = [seed for seed in range(40) if passed(seed, (-1, 0, 1)).any((1, 2)).all()]
    assert near[0].any() and np.array_equal(near[0], far[0])
    moved = []
    for seed in seeds:
        shift = []
        for steps in ((-1, 0, 1), (-2, 0, 2)):
            drawn = passed(seed, steps, np.array([[30.0, 40.0]]))
            if not drawn.any((1, 2)).all() or any(
                frame[0].any() or frame[-1].any() or frame[:, 0].any() or frame[:, -1].any() for frame in drawn
            ):
                break
            shift.append(np.argwhere(drawn[2]).mean(0) - np.argwhere(drawn[0]).mean(0))
        if len(shift) == 2:
            moved.append(shift)
    assert moved
    for once, twice in moved:
        np.testing.assert_allclose(twice, 2 * once, atol=2)


def test_a_single_frame_has_a_thing_at_rest_and_nowhere_known_is_anywhere() -> None:
    assert all(passed(seed, (0,))[0].any() for seed in range(20))
    middles = [np.argwhere(passed(seed, near=np.empty((0, 2)))[2]).mean(0) for seed in range(40)]
    assert np.std(middles, axis=0).min() > 10


def test_nothing_is_larger_than_two_fifths_of_the_frame_each_way() -> None:
    for seed in range(60):
        for frame in passed(seed):
            rows, columns = np.nonzero(frame.any(1))[0], np.nonzero(frame.any(0))[0]
            if len(rows):
                assert np.ptp(rows) < 0.4 * HEIGHT and np.ptp(columns) < 0.4 * WIDTH


def test_a_patch_of_the_clip_hides_too() -> None:
    rng = np.random.default_rng(0)
    for seed in range(10):
        values = rng.uniform(0, 255, (5, HEIGHT, WIDTH, 3)).astype(np.float32)
        before = values.copy()
        pass_by(values, STEPS, JOINT, np.random.default_rng(seed), textured=0.0)
        changed = (values[2] != before[2]).any(-1)
        assert 0 < changed.mean() < 0.2


def test_a_cover_is_the_same_rectangle_in_every_frame_whatever_its_look() -> None:
    looks = set()
    for seed in range(40):
        values = still()
        values[:] = np.random.default_rng(99).uniform(0, 255, values.shape)
        before = values.copy()
        cover(values, np.random.default_rng(seed), textured=1.0)
        changed = (values != before).any(-1)
        np.testing.assert_array_equal(changed.any(0), changed.all(0))
        rows, columns = np.nonzero(changed[0].any(1))[0], np.nonzero(changed[0].any(0))[0]
        hole = values[0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert changed[0].sum() == hole.shape[0] * hole.shape[1] <= HEIGHT * WIDTH / 4
        looks.add(round(float(hole.std())))
    assert len(looks) > 10


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 9), (40, 3), (64, 48)])
def test_patterns_are_of_the_size_asked_for_and_within_grey_levels(rows: int, columns: int) -> None:
    for seed in range(40):
        drawn = pattern(rows, columns, np.random.default_rng(seed))
        assert drawn.shape == (rows, columns, 3)
        assert np.isfinite(drawn).all() and drawn.min() >= 0 and drawn.max() <= 255
