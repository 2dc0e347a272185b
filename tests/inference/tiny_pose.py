"""What the tests of inference and of the command line share: a tiny model, short rendered clips, and their boxes."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from chronopose.core.types import Floats, Frame, FramePoses, Pixels
from chronopose.data.synthetic import SyntheticClip, SyntheticConfig, render_clip
from chronopose.inference.predictor import Predictor
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import checkpoint
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.tracking.detector import BoxFile
from chronopose.tracking.tracker import Detections
from chronopose.video.writer import VideoWriter

WINDOW = (-2, -1, 0, 1, 2)


def tiny_model(offsets: tuple[int, ...] = WINDOW) -> DSTA:
    """Random weights, always the same. Its answers stray by some pixels with the pixels of any frame of the window."""
    torch.manual_seed(1)
    backbone = BackboneConfig(name="mobilenetv4_conv_small_050")
    config = DSTAConfig(backbone=backbone, height=64, width=48, jfd="integral_fc", offsets=offsets, drop_path=0.0)
    return DSTA(config).eval()


@cache
def predictor(offsets: tuple[int, ...] = WINDOW) -> Predictor:
    return Predictor(tiny_model(offsets), "cpu")


def save_tiny(path: Path, offsets: tuple[int, ...] = WINDOW) -> Path:
    checkpoint.save(tiny_model(offsets), path, checkpoint.Card(data="nothing", licence="none"))
    return path


@cache
def rendered(frames: int, people: int = 2, *, width: int = 96, height: int = 64) -> SyntheticClip:
    """A clip of people who walk and wave."""
    motions = ("walking", "waving")
    return render_clip(
        SyntheticConfig(
            seed=3,
            frames=frames,
            width=width,
            height=height,
            people=(people, people),
            occluders=(0, 0),
            motions=motions,
        ),
        0,
    )


def as_frames(pixels: Iterable[Pixels], fps: float = 25.0) -> list[Frame]:
    return [Frame(index, index / fps, picture) for index, picture in enumerate(pixels)]


def given(boxes: NDArray[np.floating], *, ids: bool = True) -> BoxFile:
    """The boxes (T, P, 4) of P persons as a user's file, a person's number being the id."""
    number = np.arange(boxes.shape[1]) if ids else np.full(boxes.shape[1], -1)
    return BoxFile(
        {frame: (here.astype(np.float32), np.ones(len(here), np.float32), number) for frame, here in enumerate(boxes)}
    )


def still(clip: SyntheticClip) -> Floats:
    """(T, P, 4): every person in the box of the first frame for the whole clip."""
    return np.repeat(clip.boxes[:1], len(clip.frames), axis=0)


def write_video(pixels: Sequence[Pixels], path: Path, times_s: Sequence[float] | None = None) -> Path:
    height, width = pixels[0].shape[:2]
    with VideoWriter(path, width, height, 25.0) as writer:
        for index, picture in enumerate(pixels):
            writer.write(picture, index / 25 if times_s is None else times_s[index])
    return path


class BrightSpots:
    """A detector for pictures of `moving_spots`: every connected bright area is a person, its brightness the score."""

    name = "bright-spots"

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
        self.seen += len(frames)
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Pixels) -> Detections:
        lit = frame.max(axis=-1) >= 128
        areas = ndimage.find_objects(ndimage.label(lit)[0])
        boxes = [[x.start - 0.5, y.start - 0.5, x.stop - 0.5, y.stop - 0.5] for y, x in areas]
        scores = [frame[y, x].max() / 255 for y, x in areas]
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32))


def moving_spots(
    frames: int, spots: Sequence[tuple[int, int, int, int]], size: tuple[int, int] = (64, 128)
) -> list[Frame]:
    """Dark noise with bright noisy rectangles of 12 x 20 pixels: (x, y at frame 0, x step, brightness 128 to 255)."""
    rng = np.random.default_rng(5)
    pictures = []
    for index in range(frames):
        picture = rng.integers(0, 60, (*size, 3), dtype=np.uint8)
        for x, y, step, brightness in spots:
            left = x + step * index
            texture = rng.integers(130, brightness + 1, (20, 12, 3), dtype=np.uint8)
            texture[0, 0] = brightness
            picture[y : y + 20, left : left + 12] = texture
        pictures.append(picture)
    return as_frames(pictures)


def same(one: Sequence[FramePoses], other: Sequence[FramePoses], within_px: float) -> None:
    """Asserts that the two name the same frames and persons, with joints, sigmas and boxes as near as that."""
    assert [answer.frame for answer in one] == [answer.frame for answer in other]
    for mine, theirs in zip(one, other, strict=True):
        assert [pose.track_id for pose in mine.poses] == [pose.track_id for pose in theirs.poses], mine.frame
        assert mine.time_s == theirs.time_s
        for a, b in zip(mine.poses, theirs.poses, strict=True):
            np.testing.assert_allclose(a.xy, b.xy, atol=within_px, err_msg=f"frame {mine.frame}")
            np.testing.assert_allclose(a.box, b.box, atol=within_px)
            np.testing.assert_allclose(a.score, b.score, atol=1e-4)
            assert a.sigma is not None and b.sigma is not None
            np.testing.assert_allclose(a.sigma, b.sigma, atol=within_px)
