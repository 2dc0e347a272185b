"""What tests of evaluation share: drawn people, walkers in dark videos, models of little cost, a truth as an answer."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from chronopose.clips.contract import PoseOutput
from chronopose.clips.spec import ClipSpec
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.videos import LabelledPerson, LabelledVideo, VideoClips
from chronopose.evaluation.persons import Answers
from chronopose.inference.predictor import Predictor
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.dsta import DSTA, DSTAConfig

SMALL = SyntheticConfig(seed=2, clips=6, frames=3, width=96, height=96, people=(1, 2))


@cache
def drawn_people() -> SyntheticPeople:
    """Six persons, drawn once."""
    return SyntheticPeople(SMALL)


@cache
def tiny_predictor() -> Predictor:
    """A window model of random weights, always the same, for posetrack-15."""
    torch.manual_seed(0)
    backbone = BackboneConfig(name="mobilenetv4_conv_small_050")
    return Predictor(DSTA(DSTAConfig(backbone=backbone, height=64, width=48, jfd="integral_fc")), "cpu")


def true_answers(people: SyntheticPeople, shift_px: float = 0.0) -> Answers:
    """The truth as if a model had answered it, every joint `shift_px` to the right."""
    clips = [people.clip(index, (0,)) for index in range(len(people))]
    xy = np.stack([clip.xy_image[0] for clip in clips])
    return Answers(
        skeleton=people.skeleton,
        xy=xy + np.array([shift_px, 0.0]),
        sigma=np.full_like(xy, 2.0),
        truth=xy,
        visible=np.stack([clip.visible[0] for clip in clips]),
        box=np.stack([clip.box for clip in clips]),
    )


# A data set -------------------------------------------------------------------------------------------------------


class Middle(nn.Module):
    """A window model for posetrack-15 that puts every joint into the middle of the crop, which is that of the box."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = ClipSpec(offsets=(-1, 0, 1), height=16, width=16)
        self.skeleton = POSETRACK_15

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels.float().mean((2, 3))

    def fuse(self, features: Tensor, state: None = None) -> tuple[PoseOutput, None]:
        shape = (len(features), 1, len(self.skeleton))
        middle = torch.full((*shape, 2), 7.5)
        return PoseOutput(xy_crop=middle, score=torch.full(shape, 0.5), sigma=torch.full((*shape, 2), 2.0)), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        return self.fuse(self.encode(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2]))[0]


@cache
def middle() -> Predictor:
    return Predictor(Middle(), "cpu")


def box_around(centre: tuple[float, float], side: float = 20.0) -> np.ndarray:
    return np.array(
        [centre[0] - side / 2, centre[1] - side / 2, centre[0] + side / 2, centre[1] + side / 2], np.float32
    )


def walking(
    folder: Path, name: str, steps: Sequence[tuple[float, float]], error_px: float = 0.0, people: int = 1
) -> LabelledVideo:
    """A video of dark pictures in which people of 20 px walk, the second and further ones 40 px below the one before.

    Their joints stand in the middle of their boxes, but in odd frames so many pixels to the right of it.
    """
    (folder / name).mkdir()
    images = []
    for number in range(len(steps)):
        images.append(folder / name / f"{number:06d}.png")
        Image.new("RGB", (96, 96), (number, 0, 0)).save(images[-1])
    persons = []
    for person in range(people):
        places = np.array(steps, dtype=np.float32) + np.array([0, 40 * person], dtype=np.float32)
        xy = np.repeat(places[:, None], 15, axis=1)
        xy[1::2, :, 0] += error_px
        persons.append(
            LabelledPerson(
                track_id=person,
                frames=np.arange(len(steps)),
                xy_image=xy,
                visible=np.ones(xy.shape[:2], dtype=bool),
                box=np.stack([box_around((float(x), float(y))) for x, y in places]),
            )
        )
    return LabelledVideo(
        name=name,
        images=tuple(images),
        length=len(steps),
        size=(96, 96),
        labelled=np.ones(len(steps), dtype=bool),
        persons=tuple(persons),
    )


def as_data(*videos: LabelledVideo) -> VideoClips:
    return VideoClips("walkers", POSETRACK_15, videos)
