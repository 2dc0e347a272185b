from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from chronopose.core.types import Pixels
from chronopose.synth.clutter import random_clutter
from chronopose.synth.sensor import Codec, Sensor, random_sensor

PERFECT = Sensor(
    gain=np.ones(3),
    gamma=1.0,
    contrast=1.0,
    grey=0.0,
    vignette=0.0,
    flicker=0.0,
    blur_px=0.0,
    sharpen=0.0,
    noise=0.0,
    shot=0.0,
    blotches=0.0,
    scale=1.0,
    codec="none",
    quality=0,
)


def clip(height: int = 64, width: int = 96, frames: int = 4) -> Pixels:
    return np.stack([np.roll(random_clutter(np.random.default_rng(2), width, height), 2 * t, 1) for t in range(frames)])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def error(kept: Pixels, frames: Pixels) -> float:
    return float(np.abs(kept.astype(int) - frames).mean())


def test_a_perfect_camera_changes_nothing() -> None:
    frames = clip()
    np.testing.assert_array_equal(PERFECT.record(frames, rng()), frames)
    np.testing.assert_array_equal(PERFECT.record(frames.astype(np.float32), rng()), frames)


def test_means_of_frames_are_rounded_only_at_the_end() -> None:
    frames = np.full((1, 32, 32, 3), 100.25, dtype=np.float32)
    assert PERFECT.record(frames, rng())[0, 0, 0, 0] == 100
    assert replace(PERFECT, gain=np.full(3, 2.0)).record(frames, rng())[0, 0, 0, 0] in (200, 201)
    frames[:] = 255.0
    assert PERFECT.record(frames, rng()).min() == 255


@pytest.mark.parametrize("seed", range(25))
def test_any_camera_keeps_size_and_kind_and_what_is_seen(seed: int) -> None:
    frames = clip(50, 71)
    sensor = random_sensor(np.random.default_rng(seed))
    kept = sensor.record(frames, rng())
    assert kept.shape == frames.shape and kept.dtype == np.uint8
    np.testing.assert_array_equal(kept, sensor.record(frames, rng()))
    both = np.corrcoef(kept.mean(axis=-1).ravel(), frames.mean(axis=-1).ravel())
    assert both[0, 1] > 0.8


@pytest.mark.parametrize(("codec", "good", "bad"), [("jpeg", 95, 10), ("mpeg4", 2, 31), ("h264", 10, 45)])
def test_a_codec_loses_more_at_poorer_quality(codec: Codec, good: int, bad: int) -> None:
    frames = clip()
    fine = error(replace(PERFECT, codec=codec, quality=good).record(frames, rng()), frames)
    poor = error(replace(PERFECT, codec=codec, quality=bad).record(frames, rng()), frames)
    assert fine < 6 and poor > fine + 1


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
@pytest.mark.parametrize(("height", "width"), [(33, 47), (8, 9), (16, 16)])
def test_videos_of_odd_and_small_sizes_keep_their_frames_in_order(codec: Codec, height: int, width: int) -> None:
    frames = np.stack([np.full((height, width, 3), 20 + 40 * t, dtype=np.uint8) for t in range(6)])
    kept = replace(PERFECT, codec=codec, quality=20).record(frames, rng())
    assert kept.shape == frames.shape
    assert error(kept, frames) < 8


def test_one_frame_is_a_video_too() -> None:
    for codec in ("mpeg4", "h264"):
        assert replace(PERFECT, codec=codec, quality=20).record(clip(frames=1), rng()).shape == (1, 64, 96, 3)


def middle(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """x, y of what is bright."""
    weight = np.maximum(picture[..., 1].astype(float) - 10, 0)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


@pytest.mark.parametrize(
    "flaw", [{"scale": 0.5}, {"scale": 0.43}, {"blur_px": 1.3}, {"codec": "h264", "quality": 24}, {"sharpen": 1.0}]
)
def test_labels_stay_right_because_nothing_moves(flaw: dict[str, float]) -> None:
    y, x = np.mgrid[:61, :83]
    blob = 220 * np.exp(-((x - 55) ** 2 + (y - 25) ** 2) / (2 * 5**2))
    frames = np.tile(blob.astype(np.uint8)[None, ..., None], (2, 1, 1, 3))
    kept = replace(PERFECT, **flaw).record(frames, rng())
    np.testing.assert_allclose(middle(kept[1]), middle(frames[1]), atol=0.12)


def test_blur_keeps_brightness_and_softens_edges() -> None:
    frames = np.zeros((1, 40, 40, 3), dtype=np.uint8)
    frames[:, :, 20:] = 200
    kept = replace(PERFECT, blur_px=1.2).record(frames, rng())[0, 20, :, 0].astype(float)
    assert abs(kept.mean() - 100) < 1.5
    spread = np.diff(kept) / 200
    place = np.arange(39) - 19
    assert abs(np.sqrt((spread * place**2).sum()) - 1.2) < 0.1


def test_noise_has_the_wanted_strength_and_changes_from_frame_to_frame() -> None:
    frames = np.full((3, 96, 96, 3), 128, dtype=np.uint8)
    kept = replace(PERFECT, noise=6.0, blotches=0.4).record(frames, rng()).astype(float)
    assert abs(kept.std() - 6) < 0.6
    assert abs(np.corrcoef(kept[0].ravel(), kept[1].ravel())[0, 1]) < 0.1
    dark = replace(PERFECT, shot=10.0).record(np.full_like(frames, 20), rng()).std()
    assert dark < 0.5 * replace(PERFECT, shot=10.0).record(frames, rng()).std()


def test_grey_gain_gamma_and_corners() -> None:
    frames = clip()
    grey = replace(PERFECT, grey=1.0).record(frames, rng()).astype(int)
    assert np.ptp(grey, axis=-1).max() <= 1
    red = replace(PERFECT, gain=np.array([1.2, 1.0, 1.0])).record(frames, rng())
    assert red[..., 0].mean() > frames[..., 0].mean() + 3 and (red[..., 1:] == frames[..., 1:]).all()
    assert replace(PERFECT, gamma=1.5).record(frames, rng()).mean() < frames.mean() - 5
    even = np.full((1, 40, 60, 3), 200, dtype=np.uint8)
    dark = replace(PERFECT, vignette=0.5).record(even, rng())[0, :, :, 0]
    assert dark[20, 30] >= 199 and abs(int(dark[0, 0]) - 100) <= 2


def test_a_third_of_the_cameras_store_video() -> None:
    chance = np.random.default_rng(0)
    codecs = [random_sensor(chance).codec for _ in range(600)]
    assert 0.28 < sum(codec in ("mpeg4", "h264") for codec in codecs) / 600 < 0.42
    assert codecs.count("jpeg") > 0.45 * 600
