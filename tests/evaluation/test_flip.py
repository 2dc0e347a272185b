"""The flip test mirrors back what it mirrored: of a model that does so itself, it changes nothing."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.contract import PoseOutput
from chronopose.clips.spec import ClipSpec
from chronopose.core.skeleton import POSETRACK_15
from chronopose.evaluation.flip import FlipTested
from chronopose.evaluation.persons import answer
from chronopose.evaluation.temporal import FewerFrames
from chronopose.inference.predictor import Predictor
from tests.evaluation.drawn import drawn_people, tiny_predictor
from tests.inference.tiny_pose import model_in, recurrent

WIDTH = 12


class Brightest(nn.Module):
    """Finds left joints at the brightest red pixel and right joints at the brightest green one, seen from the person.

    In a mirrored picture left and right change places, so it has to look for the other colour there: a mark in the
    first column tells it, unless it is to be fooled.
    """

    def __init__(self, fooled: bool = False) -> None:
        super().__init__()
        self.spec = ClipSpec(offsets=(0,), height=8, width=WIDTH)
        self.skeleton = POSETRACK_15
        self.fooled = fooled

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels.float()

    def fuse(self, features: Tensor, state: None = None) -> tuple[PoseOutput, None]:
        images = features[:, 0]
        mirrored = torch.zeros(len(images), dtype=torch.bool) if self.fooled else images[:, 2, 0, 0] == 0
        places = images[:, :2].flatten(2).argmax(-1)  # (B, 2) of red and green
        points = torch.stack([places % WIDTH, places // WIDTH], dim=-1).float()
        points = torch.where(mirrored[:, None, None], points.flip(1), points)
        side = torch.tensor([int(joint.startswith("right_")) for joint in self.skeleton.joints])
        xy = points[:, side][:, None]
        score = torch.where(side == 1, 0.4, 0.8).expand(len(images), 1, -1)
        return PoseOutput(
            xy_crop=xy, score=score, sigma=(1 + side)[:, None].expand(len(images), 1, 15, 2).float()
        ), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        return self.fuse(pixels.float())[0]


def picture() -> Tensor:
    """A red dot at (3, 2), a green one at (8, 5), and a blue mark in the corner."""
    pixels = torch.zeros(1, 1, 3, 8, WIDTH, dtype=torch.uint8)
    pixels[0, 0, 0, 2, 3] = pixels[0, 0, 1, 5, 8] = pixels[0, 0, 2, 0, 0] = 255
    return pixels


def test_a_model_that_minds_the_mirror_answers_as_before() -> None:
    plain, tested = Brightest()(picture()), FlipTested(Brightest())(picture())
    assert plain.xy_crop[0, 0, POSETRACK_15.index("left_hip")].tolist() == [3, 2]
    sided = [joint for joint, name in enumerate(POSETRACK_15.joints) if name.startswith(("left_", "right_"))]
    np.testing.assert_array_equal(tested.xy_crop[0, 0, sided], plain.xy_crop[0, 0, sided])


def test_coordinates_scores_and_sigmas_are_averaged() -> None:
    tested = FlipTested(Brightest(fooled=True))(picture())
    # Fooled, it takes the mirrored picture's red dot for the left: put back on its side, that is where the right was.
    for name in ("left_knee", "right_knee"):
        np.testing.assert_allclose(tested.xy_crop[0, 0, POSETRACK_15.index(name)], [(3 + 8) / 2, (2 + 5) / 2])
        assert tested.score[0, 0, POSETRACK_15.index(name)] == pytest.approx(0.6)
        assert tested.sigma is not None
        np.testing.assert_allclose(tested.sigma[0, 0, POSETRACK_15.index(name)], [1.5, 1.5])


@pytest.mark.parametrize(
    "model", [model_in(tiny_predictor()), FewerFrames(model_in(tiny_predictor())), model_in(recurrent())]
)
def test_windows_and_recurrent_models_can_be_flip_tested(model: nn.Module) -> None:
    tested = Predictor(FlipTested(model), "cpu")
    pixels = np.random.default_rng(0).integers(
        0, 256, (2, len(model.spec.offsets), model.spec.height, model.spec.width, 3), dtype=np.uint8
    )
    to_image = np.tile(np.eye(2, 3), (2, 1, 1))
    there = tested.clips(pixels, to_image)
    back = tested.clips(pixels[:, :, :, ::-1].copy(), to_image)
    flipped = back.xy[:, model.skeleton.flip_order]
    flipped[..., 0] = model.spec.width - 1 - flipped[..., 0]
    np.testing.assert_allclose(there.xy, flipped, atol=1e-3)
    plain = Predictor(model, "cpu").clips(pixels, to_image)
    assert np.abs(there.xy - plain.xy).max() > 0.01
    assert there.sigma is not None and plain.sigma is not None


def test_a_data_set_is_answered_by_it() -> None:
    tested = answer(Predictor(FlipTested(model_in(tiny_predictor())), "cpu"), drawn_people(), limit=2)
    assert tested.xy.shape == (2, 15, 2) and np.isfinite(tested.xy).all()
