import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth import labels
from chronopose.synth.film import Studio, _shrink
from chronopose.synth.ranges import SceneConfig
from tests.synth.studio import renderer
from tests.synth.tiny import tiny_assets

CONFIG = SceneConfig(split="all", frames=3, width=96, height=80, people=(2, 2), person=(0.5, 0.7), truncated=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with renderer():  # skips where there is nothing to draw with
        return tiny_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Studio]:
    with Studio(folder, CONFIG) as made:
        yield made


def test_a_clip_has_pictures_and_labels_of_everybody(studio: Studio) -> None:
    clip = studio.clip(0)
    assert clip.frames.shape == (3, 80, 96, 3) and clip.frames.std() > 5
    assert clip.joints == labels.JOINTS and clip.key == 1 and clip.number == 0
    assert clip.xy.shape == (3, 2, len(labels.JOINTS), 2) and clip.visible.shape == clip.xy.shape[:3]
    assert len(clip.motions) == 2 and 10 <= clip.fps <= 30
    assert set(np.unique(clip.visible)) <= {0, 1, 2}


def test_joints_lie_in_the_boxes_of_their_persons(studio: Studio) -> None:
    for number in range(4):
        clip = studio.clip(number)
        low, high = clip.boxes[..., None, :2] - 3, clip.boxes[..., None, 2:] + 3
        assert ((clip.xy >= low) & (clip.xy <= high)).all(-1).mean() > 0.95


def test_the_same_number_is_the_same_clip(folder: Path, studio: Studio) -> None:
    with Studio(folder, CONFIG) as other:
        once, again = studio.clip(5), other.clip(5)
    np.testing.assert_array_equal(once.xy, again.xy)
    np.testing.assert_array_equal(once.visible, again.visible)
    np.testing.assert_array_equal(once.frames, again.frames)
    assert np.abs(studio.clip(6).xy - once.xy).max() > 1


def test_a_sharp_clip_knows_no_blur_and_a_soft_one_does(folder: Path) -> None:
    def longest(blurred: float) -> float:
        config = dataclasses.replace(CONFIG, blurred=blurred, motions=("walk",), fps=(10.0, 10.0))
        with Studio(folder, config) as studio:
            return float(studio.clip(1).blur.max())

    assert longest(0.0) == 0.0
    assert longest(1.0) > 0.5


def test_things_before_the_people_hide_joints(folder: Path) -> None:
    def hidden(occluded: float) -> float:
        config = dataclasses.replace(CONFIG, occluded=occluded, people=(1, 1), furnished=0.0, handheld=0.0)
        with Studio(folder, config) as studio:
            clips = [studio.clip(number) for number in range(12)]
        return float(np.mean([(clip.visible == 1).mean() for clip in clips]))

    assert hidden(1.0) > hidden(0.0) + 0.05


def test_a_visible_body_is_mostly_seen(folder: Path) -> None:
    config = dataclasses.replace(CONFIG, people=(1, 1), occluded=0.0, furnished=0.0, handheld=0.0, motions=("idle",))
    with Studio(folder, config) as studio:
        seen = [studio.clip(number).seen[1, 0] for number in range(6)]
    assert np.median(seen) > 0.95


def test_negative_numbers_are_refused(studio: Studio) -> None:
    with pytest.raises(InputError, match="at least 0, got -1"):
        studio.clip(-1)


def test_shrinking_moves_nothing() -> None:
    rows, columns = np.mgrid[0:120, 0:144]
    spot = np.exp(-((rows - 59.5) ** 2 + (columns - 75.5) ** 2) / 60)
    picture = np.repeat((spot * 255).astype(np.uint8)[..., None], 3, axis=2)
    small = _shrink(picture, 96, 80)[..., 0].astype(np.float64)
    middle = [(small * axis).sum() / small.sum() for axis in np.mgrid[0:80, 0:96]]
    np.testing.assert_allclose(middle, [(59.5 + 0.5) / 1.5 - 0.5, (75.5 + 0.5) / 1.5 - 0.5], atol=0.03)
