"""Mixtures: each data set is shown in its proportion, and an example follows from its index and generator alone."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from chronopose.clips.augment import AugmentConfig
from chronopose.clips.spec import ClipSpec, LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import PENN_13, POSETRACK_15
from chronopose.data.dataset import PoseDataset
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.training import Share, TrainingClips

SPEC = ClipSpec(offsets=(-1, 0, 1), height=32, width=24)


class Shades:
    """Clip number i is a picture of grey value `first` + i."""

    skeleton = PENN_13

    def __init__(self, name: str, first: int, count: int) -> None:
        self.name, self.first, self.count = name, first, count

    def __len__(self) -> int:
        return self.count

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        picture = np.full((40, 40, 3), self.first + index, np.uint8)
        xy = np.full((len(offsets), 13, 2), 20, np.float32)
        return LabelledClip(
            name=f"{self.name}/{index}",
            frames=(picture,) * len(offsets),
            skeleton=self.skeleton,
            xy_image=xy,
            visible=np.ones(xy.shape[:2], bool),
            box=np.array([8, 4, 32, 36], np.float32),
        )


def mixture(*shares: Share, augment: AugmentConfig | None = None) -> TrainingClips:
    return TrainingClips(shares, SPEC, POSETRACK_15, augment)


def shown(clips: TrainingClips, index: int, seed: int) -> int:
    """The grey value that an example shows."""
    return int(clips.sample(index, np.random.default_rng(seed)).pixels[1, 0, 16, 12])


FEW, MANY = Shades("few", 10, 5), Shades("many", 100, 40)


def test_the_stand_in_is_a_data_set() -> None:
    assert isinstance(FEW, PoseDataset)


@pytest.mark.parametrize(("weight", "share"), [(1.0, 0.5), (3.0, 0.75), (1 / 9, 0.1)])
def test_data_sets_are_shown_in_proportion_to_their_weights(weight: float, share: float) -> None:
    clips = mixture(Share(dataset=FEW, weight=weight), Share(dataset=MANY))
    drawn = Counter("few" if shown(clips, 0, seed) < 100 else "many" for seed in range(1000))
    assert drawn["few"] / 1000 == pytest.approx(share, abs=0.05)


def test_it_is_as_long_as_its_largest_part_and_the_smaller_ones_go_round() -> None:
    clips = mixture(Share(dataset=FEW), Share(dataset=MANY))
    assert len(clips) == 40
    values = {shown(clips, 33, seed) for seed in range(30)}
    assert values == {10 + 33 % 5, 100 + 33}


def test_an_epoch_over_one_data_set_shows_each_clip_once() -> None:
    clips = mixture(Share(dataset=MANY))
    assert sorted(shown(clips, index, index) for index in range(len(clips))) == list(range(100, 140))


def test_an_example_follows_from_its_index_and_generator_alone() -> None:
    people = SyntheticPeople(SyntheticConfig(clips=6, frames=5, width=96, height=96))
    clips = mixture(Share(dataset=people), Share(dataset=MANY), augment=AugmentConfig())
    first = clips.sample(2, np.random.default_rng(5))
    clips.sample(4, np.random.default_rng(6))
    for one, two in zip(first, clips.sample(2, np.random.default_rng(5)), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.pixels, clips.sample(2, np.random.default_rng(7)).pixels)


def test_an_example_has_the_shapes_and_types_of_a_row_of_a_batch() -> None:
    made = mixture(Share(dataset=FEW)).sample(0, np.random.default_rng(0))
    assert (made.pixels.shape, made.pixels.dtype) == ((3, 3, 32, 24), np.uint8)
    assert (made.xy_crop.shape, made.xy_crop.dtype) == ((1, 15, 2), np.float32)
    assert (made.weight.shape, made.weight.dtype) == ((1, 15), np.float32)
    assert made.weight.sum() == 12  # Penn's head is none of PoseTrack's joints


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_proportion_is_refused(weight: float) -> None:
    with pytest.raises(InputError, match="weight of few must be above 0"):
        Share(dataset=FEW, weight=weight)


def test_an_empty_data_set_and_an_empty_mixture_are_refused() -> None:
    with pytest.raises(InputError, match="data set none is empty"):
        Share(dataset=Shades("none", 0, 0))
    with pytest.raises(InputError, match="at least one data set"):
        mixture()
