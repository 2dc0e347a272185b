"""Fewer frames are those nearest to the key frame, and the gain of more has an interval that is right."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.contract import PoseOutput
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.synthetic import SyntheticPeople
from chronopose.data.videos import Key
from chronopose.evaluation.persons import Answers, answer, answer_each
from chronopose.evaluation.temporal import FewerFrames, gain
from chronopose.inference.predictor import Predictor
from chronopose.metrics.conventions import BOX
from tests.evaluation.drawn import drawn_people, tiny_predictor
from tests.inference.tiny_pose import Counting, model_in


@pytest.fixture
def people() -> SyntheticPeople:
    return drawn_people()


@pytest.fixture
def predictor() -> Predictor:
    return tiny_predictor()


def test_the_ablation_answers_as_the_model_does_where_nothing_moves(predictor: Predictor) -> None:
    spec = predictor.spec
    still = np.random.default_rng(0).integers(0, 255, (2, 1, spec.height, spec.width, 3), dtype=np.uint8)
    alone = Predictor(FewerFrames(model_in(predictor)), "cpu")
    to_image = np.tile(np.eye(2, 3), (2, 1, 1))
    wanted = predictor.clips(np.repeat(still, len(spec.offsets), axis=1), to_image)
    given = alone.clips(still, to_image)
    np.testing.assert_allclose(given.xy, wanted.xy, atol=1e-3)
    assert alone.spec.offsets == (0,) and alone.spec.look_ahead == 0
    called = model_in(alone)(torch.from_numpy(still).permute(0, 1, 4, 2, 3))
    np.testing.assert_allclose(called.xy_crop[:, 0].numpy(force=True), given.xy, atol=1e-3)


def test_the_ablation_of_a_recurrent_model_knows_first_frames_alone(people: SyntheticPeople) -> None:
    model = Counting()
    whole, alone = Predictor(model, "cpu"), Predictor(FewerFrames(model), "cpu")
    assert alone.spec.offsets == (0,) and not alone.spec.recurrent
    moving = np.random.default_rng(0).integers(0, 255, (2, 3, 32, 24, 3), dtype=np.uint8)
    to_image = np.tile(np.eye(2, 3), (2, 1, 1))
    assert (whole.clips(moving, to_image).score * 1024 == 3).all()  # the key frame is the last of three
    given = alone.clips(moving[:, 2:], to_image)
    assert (given.score * 1024 == 1).all()
    np.testing.assert_allclose(given.xy, np.broadcast_to(moving[:, 2, ..., 0].mean((1, 2))[:, None, None], (2, 15, 2)))
    called = model_in(alone)(torch.from_numpy(moving[:, 2:]).permute(0, 1, 4, 2, 3))
    np.testing.assert_allclose(called.xy_crop[:, 0].numpy(), given.xy)
    answers = [answer(one, people) for one in (whole, alone)]
    np.testing.assert_array_equal(answers[0].truth, answers[1].truth)
    assert (np.abs(answers[0].xy - answers[1].xy)[:, 0] > 0.1).all()


class Seen(nn.Module):
    """A model whose joints stand at the place that the red of each frame it is shown spells, digit by digit."""

    def __init__(self, recurrent: bool = False) -> None:
        super().__init__()
        offsets = (-2, -1, 0) if recurrent else (-2, -1, 0, 1, 2)
        self.spec = ClipSpec(
            offsets=offsets, predicts=offsets if recurrent else (0,), height=16, width=16, recurrent=recurrent
        )
        self.skeleton = POSETRACK_15

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels[:, 0].float().mean((1, 2)).round()

    def fuse(self, features: Tensor, state: None = None) -> tuple[PoseOutput, None]:
        spelled = [[int("".join(str(int(red)) for red in row))] for row in features]
        place = torch.tensor(spelled, dtype=torch.float64)[:, :, None, None].expand(-1, -1, 15, 2)
        answered = len(self.spec.predicts) if not self.spec.recurrent else features.shape[1]
        return PoseOutput(
            xy_crop=place.expand(-1, answered, -1, -1), score=place[..., 0].expand(-1, answered, -1)
        ), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]


def spelled(model: FewerFrames, reds: list[int]) -> int:
    pixels = torch.tensor(reds, dtype=torch.uint8)[None, :, None, None, None].expand(1, -1, 3, 16, 16)
    return int(model(pixels).xy_crop[0, 0, 0, 0])


@pytest.mark.parametrize(
    ("frames", "offsets", "shown", "window"),
    [
        (1, (0,), [3], 33333),
        (2, (-1, 0), [2, 3], 32333),
        (3, (-1, 0, 1), [2, 3, 4], 32343),
        (4, (-2, -1, 0, 1), [1, 2, 3, 4], 12343),
        (5, (-2, -1, 0, 1, 2), [1, 2, 3, 4, 5], 12345),
    ],
)
def test_the_nearest_frames_are_shown_and_the_key_frame_for_the_others(
    frames: int, offsets: tuple[int, ...], shown: list[int], window: int
) -> None:
    fewer = FewerFrames(Seen(), frames)
    assert fewer.spec.offsets == offsets and fewer.spec.predicts == (0,)
    assert spelled(fewer, shown) == window


@pytest.mark.parametrize(("frames", "shown"), [(1, [7]), (2, [6, 7]), (3, [5, 6, 7]), (5, [3, 4, 5, 6, 7])])
def test_a_recurrent_model_runs_over_the_last_frames_and_may_have_more(frames: int, shown: list[int]) -> None:
    fewer = FewerFrames(Seen(recurrent=True), frames)
    assert fewer.spec.offsets == tuple(range(1 - frames, 1)) and not fewer.spec.recurrent
    assert spelled(fewer, shown) == int("".join(map(str, shown)))


@pytest.mark.parametrize("frames", [0, -1, 6])
def test_no_frames_and_more_than_the_window_are_refused(frames: int) -> None:
    with pytest.raises(InputError, match=f"frames: {frames} of a window of 5; wanted 1 to 5"):
        FewerFrames(Seen(), frames)


def test_all_frames_of_the_window_are_the_model_itself(people: SyntheticPeople, predictor: Predictor) -> None:
    few = [Predictor(FewerFrames(model_in(predictor), frames), "cpu") for frames in (3, 1)]
    whole, alone = answer_each(few, people, limit=2)
    wanted = answer(predictor, people, limit=2)
    np.testing.assert_allclose(whole.xy, wanted.xy, atol=1e-3)
    np.testing.assert_allclose(alone.xy, answer(few[1], people, limit=2).xy, atol=1e-3)
    assert np.abs(alone.xy - whole.xy).max() > 1e-2


def in_videos(shifts: list[list[float]]) -> Answers:
    """Answers in several videos of one person each with a box of 100 px, so many pixels off in each frame."""
    keys = tuple(Key(f"v{video}", frame, 0) for video, row in enumerate(shifts) for frame in range(len(row)))
    truth = np.zeros((len(keys), 15, 2))
    xy = truth + np.concatenate([np.array(row) for row in shifts])[:, None, None] * [1, 0]
    box = np.tile([0.0, 0.0, 100.0, 100.0], (len(keys), 1))
    return Answers(
        skeleton=POSETRACK_15, xy=xy, sigma=None, truth=truth, visible=truth[..., 0] == 0, box=box, keys=keys
    )


def test_the_gain_is_the_difference_of_the_shares() -> None:
    worse, better = in_videos([[0, 15], [30, 30]]), in_videos([[0, 0], [0, 30]])
    found = gain(better, worse, BOX, np.random.default_rng(0))
    # At 0.2: three of four against two of four; at 0.1 three against one.
    np.testing.assert_allclose(found.difference, [0.25, 0.5, 0.5])
    assert (found.interval[:, 0] <= found.difference).all() and (found.difference <= found.interval[:, 1]).all()
    np.testing.assert_allclose(gain(worse, better, BOX, np.random.default_rng(0)).difference, -found.difference)


def test_whole_videos_are_drawn() -> None:
    # All frames of a video are alike: with its frames drawn one by one, 40 videos of 25 would look like 1,000.
    rng = np.random.default_rng(1)
    better = [[0.0] * 25 if right else [90.0] * 25 for right in rng.random(40) < 0.5]
    found = gain(in_videos(better), in_videos([[90.0] * 25] * 40), BOX, np.random.default_rng(0))
    low, high = found.interval[0]
    assert 0.2 < high - low < 0.4  # of a share of a half among 40: 2 x 1.96 x 0.079
    alone = gain(in_videos([[0.0, 0.0]]), in_videos([[0.0, 90.0]]), BOX, np.random.default_rng(0))
    assert alone.difference[0] == 0.5 and np.isnan(alone.interval).all()


def test_joints_that_only_one_of_the_two_has_do_not_count() -> None:
    one, other = in_videos([[0], [0]]), in_videos([[90], [90]])
    other.xy[:, 3:] = np.nan
    one.xy[:, 0] = 90
    np.testing.assert_allclose(gain(one, other, BOX, np.random.default_rng(0)).difference, [2 / 3] * 3)
