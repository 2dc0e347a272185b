"""Composed training pictures: samples are repeatable, rows are padded as promised, every way is drawn."""

import dataclasses

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.data.board import Picture, Scene
from chronopose.data.crowd import Crowd, CrowdConfig, noise, photometric


class RedPeople:
    """Green photographs with a red rectangle whose corners are the joints."""

    def __len__(self) -> int:
        return 5

    def picture(self, index: int) -> Picture:
        pixels = np.zeros((80, 60, 3), dtype=np.uint8)
        pixels[..., 1] = 120
        x1, y1, x2, y2 = 15 + index, 10, 40 + index, 70
        pixels[y1 : y2 + 1, x1 : x2 + 1] = (250, 0, 0)
        xy = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], dtype=np.float64)
        return Picture(pixels=pixels, xy_image=xy, bar=0.3)


class Nothing:
    def __len__(self) -> int:
        return 0

    def picture(self, index: int) -> Picture:
        raise IndexError(index)


class Pairs:
    """Dark scenes with a bright person at the left and one at the right, of whom the fourth part is seen."""

    def __len__(self) -> int:
        return 7

    def scene(self, index: int, rng: np.random.Generator) -> Scene:
        pixels = np.full((60, 80, 3), 10, dtype=np.uint8)
        left = int(rng.integers(5, 15))
        pixels[8:52, left : left + 20] = 240
        boxes = np.array([[left - 0.5, 7.5, left + 19.5, 51.5], [50, 10, 75, 50]])
        return Scene(pixels=pixels, boxes=boxes, seen=np.array([1.0, 0.25]))


@pytest.fixture(scope="module")
def config() -> CrowdConfig:
    return CrowdConfig(size=96, turn_deg=0.0)


def test_samples_are_repeatable_and_within_the_canvas(config: CrowdConfig) -> None:
    crowd = Crowd([(RedPeople(), 1.0), (Nothing(), 1.0)], None, dataclasses.replace(config, turn_deg=10))
    assert len(crowd) == 5
    persons = 0
    for number in range(30):
        sample = crowd.sample(0, np.random.default_rng(number))
        again = crowd.sample(0, np.random.default_rng(number))
        assert all((a == b).all() for a, b in zip(sample, again))
        assert sample.pixels.shape == (3, 96, 96) and sample.pixels.dtype == np.uint8
        assert sample.truth.shape == (12, 4) and sample.doubt.shape == (16, 5)
        boxes = sample.truth[sample.known > 0]
        assert (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= -0.5).all() and (boxes <= 95.5).all()
        assert not sample.truth[sample.known == 0].any()
        persons += len(boxes)
    assert persons > 30


def test_a_flipped_sample_has_its_boxes_flipped(config: CrowdConfig) -> None:
    crowd = Crowd([(RedPeople(), 1.0)], None, dataclasses.replace(config, ways=(1, 0, 0, 0), smallest=0.4, largest=0.8))
    seen = 0
    for number in range(20):
        sample = crowd.sample(0, np.random.default_rng(number))
        if sample.known[0]:
            x1, y1, x2, y2 = np.clip(np.round(sample.truth[0]), 0, 95).astype(int)
            patch = sample.pixels[:, y1 + 2 : y2 - 1, x1 + 2 : x2 - 1].astype(float)
            margin = np.delete(sample.pixels[0].astype(float), np.s_[y1:y2], axis=0)
            # Light and colour change from sample to sample: inside the box the picture is nearly even.
            seen += patch.size > 0 and margin.size > 0 and patch.std(axis=(1, 2)).max() < 40
    assert seen >= 15


def test_another_camera_changes_values_not_shape() -> None:
    rng = np.random.default_rng(0)
    picture = noise(rng, 64)
    seen = [photometric(picture, rng) for _ in range(20)]
    assert all(one.shape == (64, 64, 3) and one.dtype == np.uint8 for one in seen)
    assert len({one.tobytes() for one in seen}) == 20


def test_mistakes_are_named(config: CrowdConfig) -> None:
    with pytest.raises(InputError, match="at least one folder with labelled persons"):
        Crowd([(Nothing(), 1.0)], None, config)
    with pytest.raises(InputError, match=r"data\.size"):
        CrowdConfig(size=100)
    with pytest.raises(InputError, match=r"data\.smallest"):
        CrowdConfig(smallest=2.0)
    with pytest.raises(InputError, match=r"data\.ways"):
        CrowdConfig(ways=(0, 0, 0, 0))
    with pytest.raises(InputError, match=r"data\.ways must be four weights"):
        CrowdConfig(ways=(1, 1, 1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"data\.ways is .*none of these"):
        Crowd([(RedPeople(), 1.0)], None, dataclasses.replace(config, ways=(0, 0, 0, 1)))
    with pytest.raises(InputError, match=r"data\.ways is .*none of these"):
        Crowd([], None, dataclasses.replace(config, ways=(1, 0, 0, 0)), [(Pairs(), 1.0)])


def test_without_scenes_the_fourth_way_changes_nothing(config: CrowdConfig) -> None:
    some, none = (Crowd([(RedPeople(), 1.0)], None, dataclasses.replace(config, ways=(1, 1, 1, w))) for w in (5, 0))
    for number in range(12):
        pair = (crowd.sample(0, np.random.default_rng(number)) for crowd in (some, none))
        assert all((a == b).all() for a, b in zip(*pair, strict=True))


def test_a_scene_shows_its_persons_with_their_boxes_and_the_hardly_seen_as_doubtful(config: CrowdConfig) -> None:
    crowd = Crowd([], None, dataclasses.replace(config, ways=(0, 0, 0, 1)), [(Pairs(), 1.0)])
    assert len(crowd) == 7
    shown, doubtful, lit, sides = 0, 0, 0, []
    for number in range(60):
        sample = crowd.sample(0, np.random.default_rng(number))
        again = crowd.sample(0, np.random.default_rng(number))
        assert all((a == b).all() for a, b in zip(sample, again))
        assert sample.known.sum() <= 1
        doubtful += (sample.doubt[:, 4] == 0).any()
        for x1, y1, x2, y2 in sample.truth[sample.known > 0]:
            shown += 1
            sides.append(y2 - y1)
            inner = sample.pixels[:, int(y1 + 3) : int(y2 - 2), int(x1 + 3) : int(x2 - 2)].astype(float)
            lit += inner.std(axis=(1, 2)).max() < 40
    assert shown >= 45 and lit >= 0.9 * shown and doubtful >= 30
    assert max(sides) / min(sides) > 2


def test_scenes_take_part_in_mosaics_and_their_share_of_the_samples(config: CrowdConfig) -> None:
    drawn = []

    class Counted(Pairs):
        def scene(self, index: int, rng: np.random.Generator) -> Scene:
            drawn.append(index)
            return super().scene(index, rng)

    crowd = Crowd([(RedPeople(), 1.0)], None, dataclasses.replace(config, ways=(1, 0, 0, 1)), [(Counted(), 1.0)])
    for number in range(100):
        crowd.sample(0, np.random.default_rng(number))
    assert 35 <= len(drawn) <= 65 and len(set(drawn)) == 7
    alone = Crowd([], None, dataclasses.replace(config, ways=(1, 1, 1, 0)), [(Pairs(), 1.0)])
    persons = sum(alone.sample(0, np.random.default_rng(number)).known.sum() for number in range(20))
    assert persons > 10
