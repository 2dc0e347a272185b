"""Augmented clips: labels follow the pixels whatever is drawn, left and right change places, one draw serves a clip."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.clips.augment import AugmentConfig, Example, example
from chronopose.clips.crop import crop_clip
from chronopose.clips.occlude import cover
from chronopose.clips.spec import ClipSpec, LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, LSP_14, PENN_13, POSETRACK_15, Skeleton

SPEC = ClipSpec(offsets=(-1, 0, 1), height=160, width=120)
STILL = AugmentConfig(
    scale=0, shift=0, rotate=0, flip=0, half_body=0, drift=0, colour=0, grey=0, noise=0, erase=0, rotate_deg=0
)
WILD = dataclasses.replace(
    STILL, scale=0.25, shift=0.08, rotate_deg=40, rotate=1, upside_down=0.5, flip=0.5, half_body=0.3, drift=0.02
)
RADIUS = 6.0


def colours(skeleton: Skeleton) -> np.ndarray:
    """A hue of its own (K, 3) for every joint, at full brightness: no mixture with black looks like another."""
    hues = np.arange(len(skeleton))[:, None] / len(skeleton) * 6 + np.array([0, 4, 2])
    return (255 * np.clip(np.abs(hues % 6 - 3) - 1, 0, 1)).round().astype(np.uint8)


def painted(xy: np.ndarray, skeleton: Skeleton, height: int = 400, width: int = 400) -> np.ndarray:
    """A black picture with a disc in the joint's colour at each joint."""
    picture = np.zeros((height, width, 3), np.uint8)
    for (x, y), colour in zip(xy, colours(skeleton)):
        left, top = int(x) - 8, int(y) - 8
        rows, columns = np.indices((17, 17))
        disc = (columns + left - x) ** 2 + (rows + top - y) ** 2 <= RADIUS**2
        picture[top : top + 17, left : left + 17][disc] = colour
    return picture


def figure(skeleton: Skeleton = POSETRACK_15, seed: int = 0) -> LabelledClip:
    """Joints on a jittered lattice, no two closer than three radii, in three frames that differ by a little motion."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(np.arange(4), np.arange(5)), -1).reshape(-1, 2) * 36.0 + [145, 120]
    xy = rng.permutation(places)[: len(skeleton)] + rng.uniform(-5, 5, (len(skeleton), 2))
    moved = np.stack([xy + step * np.array([4.0, -3.0]) for step in (-1, 0, 1)]).astype(np.float32)
    return LabelledClip(
        name="figure",
        frames=tuple(painted(frame, skeleton) for frame in moved),
        skeleton=skeleton,
        xy_image=moved,
        visible=np.ones(moved.shape[:2], bool),
        box=np.array([130, 105, 270, 285], np.float32),
    )


def found(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray | None:
    """Middle (x, y) of the pixels (3, H, W) near a colour; None where there are too few to be a whole disc."""
    near = (np.abs(pixels - colour[:, None, None].astype(np.int16)) < 15).all(0)
    rows, columns = np.nonzero(near)
    # The strongest shrinking leaves a whole disc seven pixels.
    return np.array([columns.mean(), rows.mean()]) if len(rows) >= 5 else None


def check_labels(made: Example, skeleton: Skeleton, mirrored: bool | None = None) -> int:
    """Every labelled joint well inside the crop lies on its colour, or all lie on their mirror joint's; how many."""
    palette = colours(skeleton)
    pixels = made.pixels[1].astype(np.int16)
    straight, swapped, count = [], [], 0
    for joint in range(len(skeleton)):
        x, y = made.xy_crop[0, joint]
        if not made.weight[0, joint] or not (9 < x < SPEC.width - 10 and 9 < y < SPEC.height - 10):
            continue
        count += 1
        for errors, colour in ((straight, palette[joint]), (swapped, palette[skeleton.flip_order[joint]])):
            place = found(pixels, colour)
            errors.append(math.inf if place is None else np.abs(place - (x, y)).max())
    best = min(max(straight), max(swapped)) if mirrored is None else max(swapped if mirrored else straight)
    assert best < 1.0, (straight, swapped)
    return count


def run(clip: LabelledClip, augment: AugmentConfig | None, seed: int = 0, skeleton: Skeleton = POSETRACK_15) -> Example:
    return example(clip, SPEC, skeleton, augment, np.random.default_rng(seed))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_labels_follow_the_pixels_under_every_geometric_augmentation_together(seed: int) -> None:
    made = run(figure(seed=seed % 5), WILD, seed)
    if made.weight.sum() >= 6:
        check_labels(made, POSETRACK_15)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.3},
        {"shift": 0.2},
        {"rotate": 1.0, "rotate_deg": 45.0},
        {"upside_down": 1.0},
        {"flip": 1.0},
        {"half_body": 1.0},
        {"drift": 0.05},
    ],
    ids=lambda change: next(iter(change)),
)
def test_labels_follow_the_pixels_under_each_augmentation_alone(change: dict[str, float]) -> None:
    augment = dataclasses.replace(STILL, **change)
    counts = [check_labels(run(figure(), augment, seed), POSETRACK_15, "flip" in change) for seed in range(4)]
    assert max(counts) >= 6
    plain = run(figure(), None)
    assert any(not np.array_equal(run(figure(), augment, seed).pixels, plain.pixels) for seed in range(4))


def test_a_mirrored_clip_swaps_left_and_right_by_name() -> None:
    clip = figure()
    straight, mirrored = run(clip, STILL), run(clip, dataclasses.replace(STILL, flip=1))
    difference = np.abs(mirrored.pixels.astype(int) - straight.pixels[..., ::-1])
    assert difference.max() <= 1  # the warp rounds once more
    left, right = POSETRACK_15.index("left_wrist"), POSETRACK_15.index("right_wrist")
    nose = POSETRACK_15.index("nose")
    width = SPEC.width - 1
    for to, source in ((left, right), (right, left), (nose, nose)):
        expected = (width - straight.xy_crop[0, source, 0], straight.xy_crop[0, source, 1])
        np.testing.assert_allclose(mirrored.xy_crop[0, to], expected, atol=1e-3)


def test_the_drift_moves_the_neighbours_and_never_the_key_frame() -> None:
    clip = figure()
    plain, drifted = run(clip, None), run(clip, dataclasses.replace(STILL, drift=0.05))
    np.testing.assert_array_equal(drifted.pixels[1], plain.pixels[1])
    np.testing.assert_allclose(drifted.xy_crop, plain.xy_crop, atol=1e-4)
    for neighbour in (0, 2):
        assert not np.array_equal(drifted.pixels[neighbour], plain.pixels[neighbour])


def test_the_drift_is_a_walk_whose_ends_stray_further_than_its_middle() -> None:
    spec = ClipSpec(offsets=(-3, -2, -1, 0), height=160, width=120)
    base = figure()
    clip = dataclasses.replace(base, frames=(base.frames[1],) * 4, xy_image=base.xy_image[[1, 1, 1, 1]])
    strayed = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        pixels = example(clip, spec, POSETRACK_15, dataclasses.replace(STILL, drift=0.01), rng).pixels.astype(int)
        strayed.append([np.abs(pixels[frame] - pixels[3]).mean() for frame in (0, 2)])
    far, near = np.mean(strayed, axis=0)
    assert far > near > 0


def test_no_augmentation_is_the_plain_crop() -> None:
    clip = figure()
    cut = crop_clip(clip.frames, clip.box, SPEC)
    for made in (run(clip, None), run(clip, STILL)):
        assert made.pixels.shape == (3, 3, SPEC.height, SPEC.width)
        assert made.pixels.dtype == np.uint8
        assert made.xy_crop.dtype == made.weight.dtype == np.float32
        np.testing.assert_array_equal(made.pixels.transpose(0, 2, 3, 1), cut.pixels)
        assert check_labels(made, POSETRACK_15, mirrored=False) == 15


def test_the_draw_depends_on_the_generator_alone() -> None:
    clip, augment = figure(), dataclasses.replace(WILD, colour=0.4, grey=0.2, noise=8, erase=0.5)
    for one, two in zip(run(clip, augment, 7), run(clip, augment, 7)):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(run(clip, augment, 7).pixels, run(clip, augment, 8).pixels)


def test_the_frames_of_the_clip_are_left_as_they_were() -> None:
    clip = figure()
    before = [frame.copy() for frame in clip.frames]
    run(clip, AugmentConfig(erase=1.0), 3)
    for frame, copy in zip(clip.frames, before):
        np.testing.assert_array_equal(frame, copy)


def test_joints_unknown_or_outside_the_crop_have_weight_and_coordinate_zero() -> None:
    clip = figure()
    clip.xy_image[:, 3] = np.nan
    clip.xy_image[:, 4] = [9.0, 9.0]
    made = run(clip, None)
    assert made.weight[0, 3] == made.weight[0, 4] == 0
    assert (made.xy_crop[0, 3:5] == 0).all()
    assert made.weight.sum() == 13
    assert np.isfinite(made.xy_crop).all()


def test_joints_are_taken_over_by_name_and_those_the_labels_lack_have_no_weight() -> None:
    clip = figure(LSP_14)
    made = run(clip, None, skeleton=POSETRACK_15)
    assert made.weight[0, POSETRACK_15.index("nose")] == 0
    assert made.weight.sum() == 14
    same = run(clip, None, skeleton=LSP_14)
    for joint in LSP_14.joints:
        np.testing.assert_array_equal(made.xy_crop[0, POSETRACK_15.index(joint)], same.xy_crop[0, LSP_14.index(joint)])


@pytest.mark.parametrize("skeleton", [COCO_17, PENN_13], ids=lambda skeleton: skeleton.name)
def test_labels_follow_the_pixels_for_other_skeletons(skeleton: Skeleton) -> None:
    augment = dataclasses.replace(STILL, flip=1, rotate=1, rotate_deg=20)
    made = run(figure(skeleton), augment, 2, skeleton)
    assert check_labels(made, skeleton, mirrored=True) >= 8


def test_every_answered_frame_has_labels_of_its_own() -> None:
    spec = ClipSpec(offsets=(-1, 0, 1), predicts=(-1, 0, 1), height=160, width=120)
    clip = figure()
    made = example(clip, spec, POSETRACK_15, None, np.random.default_rng(0))
    assert made.xy_crop.shape == (3, 15, 2)
    steps = np.diff(made.xy_crop, axis=0)
    scale = np.max([140 / spec.width, 180 / spec.height]) * spec.margin
    np.testing.assert_allclose(steps, np.broadcast_to([4 / scale, -3 / scale], steps.shape), atol=1e-3)


def test_colour_keeps_the_geometry_and_grey_takes_the_colour() -> None:
    clip = figure()
    plain = run(clip, None)
    loud = run(clip, dataclasses.replace(STILL, colour=1.0), 1)
    np.testing.assert_array_equal(loud.xy_crop, plain.xy_crop)
    assert not np.array_equal(loud.pixels, plain.pixels)
    grey = run(clip, dataclasses.replace(STILL, grey=1.0)).pixels.astype(int)
    assert np.ptp(grey, axis=1).max() <= 1
    assert np.ptp(plain.pixels.astype(int), axis=1).max() > 100


def test_noise_differs_between_frames_and_stays_within_its_bound() -> None:
    clip = dataclasses.replace(figure(), frames=(np.full((400, 400, 3), 128, np.uint8),) * 3)
    made = run(clip, dataclasses.replace(STILL, noise=6.0), 4).pixels.astype(int)
    assert not np.array_equal(made[0], made[1])
    assert 0 < (made - 128).std() <= 6.0
    assert abs((made - 128).mean()) < 0.2


def test_a_hidden_rectangle_lies_at_the_same_place_in_every_frame() -> None:
    clip = dataclasses.replace(figure(), frames=(np.full((400, 400, 3), 128, np.uint8),) * 3)
    flat = [run(clip, dataclasses.replace(STILL, erase=1.0), seed).pixels != 128 for seed in range(12)]
    hidden = [changed for changed in flat if changed.any()]
    assert len(hidden) >= 3
    for changed in hidden:
        np.testing.assert_array_equal(changed[0], changed[1])
        assert changed[0].any(0).mean() <= 0.25


def test_a_half_body_is_cut_only_where_more_than_eight_joints_are_known() -> None:
    augment, clip = dataclasses.replace(STILL, half_body=1), figure()
    plain = run(clip, None)
    assert not np.array_equal(run(clip, augment).pixels, plain.pixels)
    clip.xy_image[:, :7] = np.nan
    np.testing.assert_array_equal(run(clip, augment).pixels, plain.pixels)


def test_a_moving_thing_hides_a_joint_of_the_key_frame_and_shows_it_in_a_neighbour() -> None:
    clip = dataclasses.replace(figure(), frames=(np.full((400, 400, 3), 128, np.uint8),) * 3)
    augment = dataclasses.replace(STILL, erase=1.0, erase_moving=1.0, erase_textured=1.0)
    plain = run(clip, None)
    hidden, seen = 0, 0
    for seed in range(60):
        made = run(clip, augment, seed)
        np.testing.assert_array_equal(made.xy_crop, plain.xy_crop)
        columns, rows = made.xy_crop[0].round().astype(int).T
        covered = (made.pixels != 128).any(1)[:, rows, columns]  # (T, K)
        hidden += covered[1].any()
        seen += (covered[1] & ~covered.all(0)).any()
    assert hidden > 45 and seen > 0.85 * hidden


def test_without_moving_things_a_rectangle_rests_on_the_clip_and_is_the_last_thing_drawn() -> None:
    clip = figure()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        plain = example(clip, SPEC, POSETRACK_15, STILL, rng).pixels
        values = plain.astype(np.float32).transpose(0, 2, 3, 1)
        cover(values, rng)
        hidden = (values + 0.5).astype(np.uint8).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(run(clip, dataclasses.replace(STILL, erase=1.0), seed).pixels, hidden)


@pytest.mark.parametrize(
    "name", ["rotate", "upside_down", "flip", "half_body", "grey", "erase", "erase_moving", "erase_textured", "colour"]
)
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_probability_beyond_zero_to_one_is_named(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"augment.{name} must lie in 0 to 1, got"):
        AugmentConfig(**{name: value})


@pytest.mark.parametrize("name", ["scale", "shift", "rotate_deg", "drift", "noise"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_a_negative_or_endless_strength_is_named(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"augment.{name} must be a number of at least 0, got"):
        AugmentConfig(**{name: value})
