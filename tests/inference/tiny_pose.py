"""What the tests of inference and of the command line share: tiny models, short rendered clips, and their boxes."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from chronopose.clips.contract import Carried, PoseOutput
from chronopose.clips.spec import ClipSpec
from chronopose.core.skeleton import JHMDB_15
from chronopose.core.types import Floats, Frame, FramePoses, Pixels
from chronopose.data.synthetic import SyntheticClip, SyntheticConfig, render_clip
from chronopose.formats import weights_file
from chronopose.inference.predictor import Predictor
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import checkpoint
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.models.listpose import ListPose, ListPoseConfig
from chronopose.runtimes.in_torch import TorchRuntime
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


def model_in(predictor: Predictor) -> Any:
    """The module that a predictor asks in torch."""
    assert isinstance(predictor.runtime, TorchRuntime)
    return predictor.runtime.model


@cache
def predictor(offsets: tuple[int, ...] = WINDOW) -> Predictor:
    return Predictor(tiny_model(offsets), "cpu")


@cache
def movable(offsets: tuple[int, ...] = WINDOW) -> Predictor:
    """Likewise, of a map with so many cells that its features can be moved."""
    torch.manual_seed(1)
    backbone = BackboneConfig(name="mobilenetv4_conv_small_050", stride=16)
    config = DSTAConfig(backbone=backbone, height=64, width=48, jfd="integral_fc", offsets=offsets, drop_path=0.0)
    found = Predictor(DSTA(config), "cpu")
    assert found.runtime.moving is not None
    return found


def save_tiny(path: Path, offsets: tuple[int, ...] = WINDOW) -> Path:
    checkpoint.save(tiny_model(offsets), path, weights_file.Card(data="nothing", licence="none"))
    return path


@torch.no_grad()
def tiny_listpose() -> ListPose:
    """Random weights, always the same, and so large that the frames before move an answer by many pixels."""
    torch.manual_seed(1)
    config = ListPoseConfig(
        encoder="raw", patch=(16, 12), height=64, width=48, token_width=32, depth=2, heads=4, maps="log", gate_init=1.0
    )
    model = ListPose(config).eval()
    for weight in model.parameters():
        weight.mul_(8.0 if weight.ndim > 1 else 1.0)
    return model


@cache
def recurrent() -> Predictor:
    return Predictor(tiny_listpose(), "cpu")


def save_listpose(path: Path) -> Path:
    checkpoint.save(tiny_listpose(), path, weights_file.Card(data="nothing", licence="none"))
    return path


class Counting(nn.Module):
    """A recurrent model whose score tells how many frames led to an answer, and whose joints how bright they were.

    The score is the number of frames since the person was new, over 1024; all joints stand at the mean of the red of
    those frames' crops, in crop pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spec = ClipSpec(offsets=(-2, -1, 0), predicts=(-2, -1, 0), height=32, width=24, recurrent=True)
        self.skeleton = JHMDB_15
        self.batches: list[int] = []  # persons of each call of `fuse`

    def fresh(self, batch: int) -> Carried:
        return Carried(torch.full((batch, 2), 99.0), torch.zeros(batch, dtype=torch.bool))

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels[:, 0].float().mean((1, 2))

    def fuse(self, features: Tensor, state: Carried | None = None) -> tuple[PoseOutput, Carried]:
        self.batches.append(len(features))
        before = self.fresh(len(features)) if state is None else state
        tokens = torch.where(before.valid[:, None], before.tokens, 0.0)
        answers = []
        for red in features.unbind(1):
            tokens = tokens + torch.stack([torch.ones_like(red), red], dim=1)
            answers.append(tokens)
        count, total = torch.stack(answers, dim=1).unbind(-1)  # (B, T)
        place = (total / count)[..., None, None].expand(-1, -1, len(self.skeleton), 2)
        score = (count / 1024)[..., None].expand(-1, -1, len(self.skeleton))
        return PoseOutput(xy_crop=place, score=score), Carried(tokens, torch.ones_like(before.valid))

    def forward(self, pixels: Tensor) -> PoseOutput:
        return self.fuse(self.encode(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2]))[0]


def counts(found: Iterable[FramePoses]) -> list[list[int]]:
    """The frames that led to each answer of `Counting`, person by person."""
    return [[round(float(pose.score[0]) * 1024) for pose in answer.poses] for answer in found]


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


def identical(one: Sequence[FramePoses], other: Sequence[FramePoses]) -> None:
    """Asserts that the two name the same frames and persons with the same numbers, bit for bit."""
    same(one, other, 1e-3)
    for mine, theirs in zip(one, other, strict=True):
        for a, b in zip(mine.poses, theirs.poses, strict=True):
            for name in ("xy", "score", "sigma", "box"):
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=f"frame {mine.frame}")
