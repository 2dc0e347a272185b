from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from chronopose.synth import furniture
from chronopose.synth.props import random_handheld, random_props, random_scenery
from chronopose.synth.setting import Prop
from chronopose.synth.swatches import random_texture

Array = NDArray[np.float64]
TIMES = np.arange(21) / 25
MIDDLE = len(TIMES) // 2
CAMERA = np.tile([0.0, 1.4, 4.0], (len(TIMES), 1))
CENTRE = np.tile([0.0, 0.9, 0.0], (len(TIMES), 1))
# Points of a standing body, a little denser than its joints.
BODY = np.array([(x, y, 0.0) for x in (-0.25, -0.1, 0.0, 0.1, 0.25) for y in np.arange(0.1, 1.8, 0.1)])


def hidden(props: tuple[Prop, ...], camera: Array = CAMERA) -> NDArray[np.bool_]:
    """(N, J) which body points a prop hides at each instant: the line to the camera cuts the box that holds it."""
    covered = np.zeros((len(camera), len(BODY)), dtype=bool)
    for prop in props:
        inverse = np.linalg.inv(prop.placement)
        for instant, own in enumerate(inverse):
            start = own[:3, :3] @ camera[instant] + own[:3, 3]
            way = BODY @ own[:3, :3].T + own[:3, 3] - start
            with np.errstate(divide="ignore"):
                ends = np.stack([(-0.5 - start) / way, (0.5 - start) / way])
            enter, leave = ends.min(axis=0).max(axis=1), ends.max(axis=0).min(axis=1)
            covered[instant] |= (enter <= leave) & (leave > 0) & (enter < 1)
    return covered


def thick(props: tuple[Prop, ...]) -> tuple[Prop, ...]:
    """Cards have no thickness of their own; the test above wants some."""
    return tuple(
        replace(prop, placement=prop.placement @ np.diag([1, 1, 0.01, 1])) if prop.shape == "card" else prop
        for prop in props
    )


def made(seed: int) -> tuple[Prop, ...]:
    return thick(random_props(np.random.default_rng(seed), CAMERA, CENTRE, TIMES))


def test_the_same_chance_gives_the_same_props() -> None:
    for seed in range(20):
        first, second = made(seed), made(seed)
        assert [prop.texture.key for prop in first] == [prop.texture.key for prop in second]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.placement, other.placement)


def test_share_is_the_chance_of_any() -> None:
    rng = np.random.default_rng(0)
    count = sum(bool(random_props(rng, CAMERA, CENTRE, TIMES, share=0.3)) for _ in range(300))
    assert 60 < count < 120
    assert not random_props(rng, CAMERA, CENTRE, TIMES, share=0.0)


def test_every_prop_has_a_place_at_every_instant() -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        props = random_props(rng, CAMERA, CENTRE, TIMES) + random_scenery(rng, CAMERA, CENTRE, TIMES)
        assert props
        for prop in props + random_handheld(rng, len(TIMES)):
            assert prop.placement.shape == (len(TIMES), 4, 4) and np.isfinite(prop.placement).all()
            np.testing.assert_array_equal(prop.placement[:, 3], np.tile([0, 0, 0, 1.0], (len(TIMES), 1)))
            assert (np.abs(np.linalg.det(prop.placement[:, :3, :3])) > 1e-9).all()
            x, y, wide, high = prop.window
            assert x >= 0 and y >= 0 and x + wide <= 1 and y + high <= 1
            assert prop.texture.pixels.dtype == np.uint8 and prop.texture.pixels.ndim == 3


def test_half_of_the_occluders_are_fast_and_show_soon_what_they_hide_in_the_middle() -> None:
    fast, shown, brief = 0, 0, 0
    count = 160
    for seed in range(count):
        covered = hidden(made(seed))
        still = (covered == covered[:1]).all()
        # Which instants hide something, apart from what drifts by slowly: a fast thing comes and goes.
        near = covered[MIDDLE - 3 : MIDDLE + 4]
        if still or not near.any() or covered[0].any():
            continue
        fast += 1
        at_middle = covered[MIDDLE - 1 : MIDDLE + 2].any(axis=0)
        shown += bool((at_middle & ~near.all(axis=0)).any())
        brief += bool(covered.sum(axis=0).max() <= 8)
    assert fast > 0.3 * count
    assert shown > 0.85 * fast
    assert brief > 0.75 * fast


def test_standing_things_hide_some_of_the_person_and_do_not_move() -> None:
    share = []
    for seed in range(160):
        props = made(seed)
        if all((prop.placement == prop.placement[:1]).all() for prop in props):
            share.append(hidden(props)[MIDDLE].mean())
    assert len(share) > 30
    assert np.mean(np.array(share) > 0) > 0.6  # most hide something
    assert np.mean(np.array(share) > 0.8) < 0.1  # hardly one hides nearly all


def test_a_fast_thing_follows_a_moving_camera_and_person() -> None:
    run = np.outer(TIMES - TIMES[MIDDLE], [6.0, 0.0, 0.0])
    hit = 0
    for seed in range(60):
        props = random_props(np.random.default_rng(seed), CAMERA + run, CENTRE + run, TIMES)
        there = tuple(replace(prop, placement=np.linalg.inv(_shift(run)) @ prop.placement) for prop in thick(props))
        hit += bool(hidden(there)[MIDDLE - 3 : MIDDLE + 4].any())
    assert hit > 40


def _shift(run: Array) -> Array:
    frames = np.tile(np.eye(4), (len(run), 1, 1))
    frames[:, :3, 3] = run
    return frames


def test_scenery_stands_behind_the_person_on_the_floor() -> None:
    for seed in range(50):
        props = thick(random_scenery(np.random.default_rng(seed), CAMERA, CENTRE, TIMES))
        assert all((prop.placement == prop.placement[:1]).all() for prop in props)
        corner = np.array([(x, y, z, 2.0) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
        low = min(float((prop.placement[0] @ corner.T)[1].min()) for prop in props)
        assert low > -0.5


def test_things_are_held_in_the_palm_by_either_hand() -> None:
    hands = set()
    for seed in range(80):
        props = random_handheld(np.random.default_rng(seed), 3)
        assert props and all(prop.bone in ("wrist.L", "wrist.R") for prop in props)
        hands |= {prop.bone for prop in props}
        for bone in {prop.bone for prop in props}:
            near = min(
                _distance(prop, np.array([0.013 if bone == "wrist.L" else -0.013, -0.087, 0.071]))
                for prop in props
                if prop.bone == bone
            )
            assert near < 0.06, seed  # metres from the middle of the palm to the thing
    assert hands == {"wrist.L", "wrist.R"}


def _distance(prop: Prop, point: Array) -> float:
    """Metres from a point (3,) to the box that holds a prop."""
    own = np.linalg.inv(prop.placement[0]) @ np.append(point, 1)
    nearest = np.append(np.clip(own[:3], -0.5, 0.5), 1)
    return float(np.linalg.norm((prop.placement[0] @ nearest)[:3] - point))


@pytest.mark.parametrize("make", furniture.FURNITURE)
def test_furniture_stands_on_the_floor(make: furniture.Maker) -> None:
    for seed in range(20):
        thing = make(np.random.default_rng(seed))
        assert 0.1 < furniture.height_m(thing) < 4
        corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
        low = min(float((corners * part.size @ part.turn.T + part.at)[:, 1].min()) for part in thing)
        assert -0.4 < low < 0.4
        assert all(np.allclose(part.turn @ part.turn.T, np.eye(3)) for part in thing)


def test_stuff_is_mostly_what_was_wanted() -> None:
    rng = np.random.default_rng(0)
    leaves = np.array([random_texture(rng, "leaves").pixels.mean(axis=(0, 1)) for _ in range(60)])
    assert np.mean((leaves[:, 1] > leaves[:, 0] - 8) & (leaves[:, 1] > leaves[:, 2])) > 0.6
    assert len({random_texture(rng).key for _ in range(300)}) > 80
