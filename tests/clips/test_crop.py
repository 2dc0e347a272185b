"""The one crop: known points land where the transform says, at every scale, and outside the picture it is black."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.clips.crop import crop_clip, cut
from chronopose.clips.spec import ClipSpec
from chronopose.core.geometry import apply, compose, crop_to_image, invert
from chronopose.core.types import Pixels

SPEC = ClipSpec(offsets=(0,), height=64, width=48, margin=1.0)
ONE = np.array([[1.0, 0, 0], [0, 1, 0]])
MIRROR = np.array([[-1.0, 0, SPEC.width - 1], [0, 1, 0]])


def blob(height: int, width: int, x: float, y: float, deviation: float) -> Pixels:
    """A picture of a white Gaussian spot with its middle at (x, y)."""
    down = np.exp(-0.5 * ((np.arange(height) - y) / deviation) ** 2)
    across = np.exp(-0.5 * ((np.arange(width) - x) / deviation) ** 2)
    return np.repeat((255 * down[:, None] * across).round().astype(np.uint8)[..., None], 3, axis=2)


def middle(crop: Pixels) -> np.ndarray:
    """Centre of mass (x, y) of a crop's brightness."""
    mass = crop[..., 0].astype(np.float64)
    y, x = np.indices(mass.shape)
    return np.array([(mass * x).sum(), (mass * y).sum()]) / mass.sum()


def transform(scale: float, centre: tuple[float, float], turn: float = 0.0) -> np.ndarray:
    """From crop to image pixels: `scale` picture pixels for a crop pixel, about the point `centre` of the picture."""
    half = np.array([SPEC.width, SPEC.height]) * scale / 2
    box = np.concatenate([np.array(centre) - half, np.array(centre) + half])
    return crop_to_image(box, SPEC.height, SPEC.width, 1.0, turn)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.6, 2.0, 2.5, 3.0, 3.9, 4.2, 6.0])
@pytest.mark.parametrize("turn", [0.0, 0.5, math.pi / 2, math.pi])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_spot_lands_within_a_tenth_of_a_pixel_of_its_place(scale: float, turn: float, mirrored: bool) -> None:
    crop_to_picture = transform(scale, (230.3, 251.8), turn)
    if mirrored:
        crop_to_picture = compose(crop_to_picture, MIRROR)
    for place in ([24.0, 30.0], [11.3, 14.6], [36.4, 50.2]):
        x, y = apply(crop_to_picture, np.array([place]))[0]
        picture = blob(500, 460, x, y, 3 * scale)
        crop = cut([picture], crop_to_picture[None], SPEC.height, SPEC.width)[0]
        assert np.abs(middle(crop) - place).max() < 0.1


@settings(max_examples=40)
@given(scale=st.floats(0.5, 6), turn=st.floats(-math.pi, math.pi), seed=st.integers(0, 2**31))
def test_a_spot_lands_within_half_a_pixel_also_where_the_crop_leaves_the_picture(
    scale: float, turn: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    spot = rng.uniform(6 * scale + 20, 300 - 6 * scale, 2) if scale < 4 else np.array([150.0, 150.0])
    place = rng.uniform([12, 12], [36, 52])
    shift = apply(transform(scale, (0, 0), turn), place[None])[0]
    crop_to_picture = transform(scale, tuple(spot - shift), turn)
    crop = cut([blob(301, 303, *spot, 2 * scale)], crop_to_picture[None], SPEC.height, SPEC.width)[0]
    assert np.abs(middle(crop) - place).max() < 0.5


@pytest.mark.parametrize("scale", [1.0, 2.0, 2.7, 5.5])
@pytest.mark.parametrize("turn", [0.0, math.pi / 2, math.pi, -math.pi / 2, 0.4])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_inside_a_white_picture_is_white_to_its_last_pixel(scale: float, turn: float, mirrored: bool) -> None:
    white = np.full((460, 461, 3), 255, np.uint8)
    for shift in np.linspace(0, 6, 13):
        crop_to_picture = transform(scale, (228.4 + shift, 227.7 + shift / 2), turn)
        if mirrored:
            crop_to_picture = compose(crop_to_picture, MIRROR)
        assert cut([white], crop_to_picture[None], SPEC.height, SPEC.width).min() == 255


@pytest.mark.parametrize("scale", [1.0, 2.3, 3.7, 5.9])
@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4])
def test_no_light_is_lost_at_the_pictures_last_rows_and_columns(scale: float, spare: int) -> None:
    white = np.full((200 + spare, 200 + spare, 3), 255, np.uint8)
    corner = 199.5 + spare  # of the picture's area, put into the middle of the crop
    crop = cut([white], transform(scale, (corner, corner))[None], SPEC.height, SPEC.width)[0]
    assert crop[..., 0].sum() / 255 == pytest.approx(SPEC.width * SPEC.height / 4, abs=8)


@pytest.mark.parametrize("scale", [1.0, 2.3, 3.7, 5.9])
def test_outside_the_picture_it_is_black_and_inside_it_is_not(scale: float) -> None:
    white = np.full((101, 97, 3), 255, np.uint8)
    crop_to_picture = transform(scale, (96.0, 100.0))  # the picture's last corner in the middle of the crop
    crop = cut([white], crop_to_picture[None], SPEC.height, SPEC.width)[0]
    y, x = np.indices(crop.shape[:2])
    at = apply(crop_to_picture, np.stack([x, y], -1).reshape(-1, 2).astype(float)).reshape(*crop.shape[:2], 2)
    # One crop pixel on each side of the edge may be grey.
    well_inside = ((at > -0.5 + scale) & (at < np.array([96.5, 100.5]) - scale)).all(-1)
    well_outside = ((at < -0.5 - scale) | (at > np.array([96.5, 100.5]) + scale)).any(-1)
    assert well_inside.sum() > 100 and well_outside.sum() > 100
    assert crop[well_inside].min() == 255
    assert crop[well_outside].max() == 0


def test_under_the_identity_the_crop_is_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SPEC.height, SPEC.width, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut([picture], ONE[None], SPEC.height, SPEC.width)[0], picture)


def test_the_box_of_the_whole_picture_gives_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SPEC.height, SPEC.width, 3), dtype=np.uint8)
    clip = crop_clip([picture], np.array([-0.5, -0.5, SPEC.width - 0.5, SPEC.height - 0.5], np.float32), SPEC)
    np.testing.assert_allclose(clip.crop_to_image[0], ONE, atol=1e-12)
    np.testing.assert_array_equal(clip.pixels[0], picture)


@pytest.mark.parametrize(
    "box", [(500, 500, 548, 564), (-900, 10, -10, 90), (10, 4000, 500, 9000), (1e7, 1e7, 2e7, 2e7)]
)
def test_a_box_beside_the_picture_gives_a_black_crop(box: tuple[float, ...]) -> None:
    white = np.full((90, 100, 3), 255, np.uint8)
    assert crop_clip([white], np.array(box, np.float32), SPEC).pixels.max() == 0


def test_a_strong_shrink_averages_and_does_not_pick_single_pixels() -> None:
    board = np.zeros((400, 400, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255  # a fine chequerboard: its mean is a grey of 127.5
    for scale in (4.0, 5.3):
        crop = cut([board], transform(scale, (200.2, 200.7))[None], SPEC.height, SPEC.width)[0]
        assert np.abs(crop[8:-8, 8:-8].astype(int) - 127).max() <= 26


@pytest.mark.parametrize("step", [2, 4, 8])
def test_a_shrink_by_a_power_of_two_is_the_mean_of_each_block_to_a_grey_level(step: int) -> None:
    picture = np.random.default_rng(step).integers(0, 256, (64 * step, 48 * step, 3), dtype=np.uint8)
    scale = step + 1e-9  # a hair less would be halved once less
    onto_blocks = np.array([[scale, 0, (step - 1) / 2], [0, scale, (step - 1) / 2]], dtype=np.float64)
    means = picture.reshape(64, step, 48, step, 3).mean(axis=(1, 3)).round()
    assert np.abs(cut([picture], onto_blocks[None], 64, 48)[0] - means).max() <= 1


def test_one_box_serves_every_frame_and_boxes_of_their_own_are_used_frame_by_frame() -> None:
    frames = [blob(120, 120, 40, 60, 3), blob(120, 120, 70, 60, 3)]
    box = np.array([20.0, 30, 68, 94], np.float32)
    same = crop_clip(frames, box, SPEC)
    assert same.pixels.shape == (2, 64, 48, 3)
    np.testing.assert_array_equal(same.crop_to_image[0], same.crop_to_image[1])
    followed = crop_clip(frames, np.stack([box, box + np.array([30, 0, 30, 0], np.float32)]), SPEC)
    np.testing.assert_array_equal(followed.pixels[0], followed.pixels[1])
    assert not np.array_equal(same.pixels[0], same.pixels[1])


def test_the_transform_of_a_clip_takes_crop_points_back_to_the_picture() -> None:
    clip = crop_clip([blob(300, 300, 163.0, 121.0, 8)], np.array([60, 40, 240, 260], np.float32), SPEC)
    found = apply(clip.crop_to_image[0], middle(clip.pixels[0])[None])[0]
    assert np.abs(found - [163.0, 121.0]).max() < 0.5
    back = apply(invert(clip.crop_to_image[0]), found[None])[0]
    np.testing.assert_allclose(back, middle(clip.pixels[0]))


def test_too_many_frames_for_the_transforms_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        cut([np.zeros((9, 9, 3), np.uint8)] * 2, ONE[None], 16, 16)
