"""Clips of labelled videos: the right persons, frames, labels and boxes, as a plain loop over the labels finds them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_around
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.dataset import PoseDataset
from chronopose.data.videos import Key, LabelledPerson, LabelledVideo, VideoClips

WIDTH, HEIGHT = 60, 40
K = len(POSETRACK_15)


def person(
    rng: np.random.Generator, frames: list[int], track_id: int = 0, boxed: bool = True, spread: float = 0.0
) -> LabelledPerson:
    """A person with joints at random, those beyond the image's edge by `spread` outside it."""
    count = len(frames)
    xy = rng.uniform([-spread, -spread], [WIDTH - 1 + spread, HEIGHT - 1 + spread], (count, K, 2)).astype(np.float32)
    visible = rng.random((count, K)) < 0.7
    low = rng.uniform(0, 10, (count, 2))
    box = np.concatenate([low, low + rng.uniform(5, 40, (count, 2))], axis=1).astype(np.float32)
    return LabelledPerson(
        track_id=track_id,
        frames=np.array(frames, dtype=np.int64),
        xy_image=xy,
        visible=visible,
        box=box if boxed else np.full_like(box, np.nan),
    )


def video(
    folder: Path, name: str, labelled: list[bool], persons: list[LabelledPerson], size: bool = True
) -> LabelledVideo:
    """A video of pictures, frame n of grey n."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    images = tuple(folder / name / f"{number}.png" for number in range(len(labelled)))
    for number, image in enumerate(images):
        Image.new("RGB", (WIDTH, HEIGHT), (number,) * 3).save(image)
    return LabelledVideo(
        name=name,
        images=images,
        length=len(images),
        size=(WIDTH, HEIGHT) if size else None,
        labelled=np.array(labelled, dtype=bool),
        persons=tuple(persons),
    )


@pytest.fixture
def two(tmp_path: Path) -> tuple[LabelledVideo, ...]:
    """A video with two persons, of 10 frames of which 1 to 8 are labelled; and one with a single person."""
    rng = np.random.default_rng(0)
    first = [person(rng, [1, 2, 3, 5, 6], 7), person(rng, list(range(1, 9)), 2, boxed=False)]
    return (
        video(tmp_path, "crowd", [0 < number < 9 for number in range(10)], first),
        video(tmp_path, "alone", [True] * 3, [person(rng, [0, 2])], size=False),
    )


def test_there_is_an_example_for_each_person_in_each_labelled_frame(two: tuple[LabelledVideo, ...]) -> None:
    clips = VideoClips("two", POSETRACK_15, two)
    assert isinstance(clips, PoseDataset) and clips.videos == two
    wanted = [
        Key("crowd", frame, who) for frame in range(1, 9) for who in (7, 2) if who == 2 or frame in (1, 2, 3, 5, 6)
    ]
    assert [clips.key(index) for index in range(len(clips))] == [*wanted, Key("alone", 0, 0), Key("alone", 2, 0)]
    names = [clips.clip(index, (0,)).name for index in range(len(clips))]
    assert names[0] == "two/crowd/1/7" and names[-1] == "two/alone/2" and len(set(names)) == len(names)


def test_a_clip_shows_the_window_with_the_labels_that_there_are(two: tuple[LabelledVideo, ...]) -> None:
    clips = VideoClips("two", POSETRACK_15, two)
    offsets = (-3, -1, 0, 1, 20)
    for index in np.random.default_rng(1).permutation(len(clips)):
        key, clip = clips.key(int(index)), clips.clip(int(index), offsets)
        shown = two[key.video == "alone"]
        who = next(one for one in shown.persons if one.track_id == key.track_id)
        labels = {frame: row for row, frame in enumerate(who.frames.tolist())}
        assert clip.skeleton is POSETRACK_15
        for place, offset in enumerate(offsets):
            number = min(max(key.frame + offset, 0), shown.length - 1)
            assert (clip.frames[place] == number).all()
            if number in labels:
                np.testing.assert_array_equal(clip.xy_image[place], who.xy_image[labels[number]])
                np.testing.assert_array_equal(clip.visible[place], who.visible[labels[number]])
            else:
                assert np.isnan(clip.xy_image[place]).all() and not clip.visible[place].any()
        row = labels[key.frame]
        box = box_around(who.xy_image[row]) if np.isnan(who.box).any() else who.box[row]
        np.testing.assert_array_equal(clip.box, box)
        assert clip.xy_image.dtype == clip.box.dtype == np.float32


def test_what_a_clip_gives_may_be_written_to(two: tuple[LabelledVideo, ...]) -> None:
    clips = VideoClips("two", POSETRACK_15, two)
    clip = clips.clip(0, (0, 1))
    before = clip.xy_image.copy(), clip.visible.copy(), clip.box.copy()
    clip.xy_image[:], clip.visible[:], clip.box[:] = -1, False, -1
    again = clips.clip(0, (0, 1))
    for one, other in zip(before, (again.xy_image, again.visible, again.box)):
        np.testing.assert_array_equal(one, other)


def test_every_counts_labelled_frames(tmp_path: Path) -> None:
    labelled = [number % 3 == 1 for number in range(12)]  # 1, 4, 7, 10
    who = person(np.random.default_rng(0), list(range(12)))
    clips = VideoClips("a", POSETRACK_15, [video(tmp_path, "a", labelled, [who])], every=2)
    assert [clips.key(index).frame for index in range(len(clips))] == [1, 7]
    assert np.isfinite(clips.clip(0, (-1, 0, 1)).xy_image).all()  # labels of frames that were not asked for help too


@given(seed=st.integers(0, 10**6), at_least=st.integers(1, K))
@settings(max_examples=25)
def test_joints_outside_the_image_are_unknown_and_do_not_count(
    tmp_path_factory: pytest.TempPathFactory, seed: int, at_least: int
) -> None:
    rng = np.random.default_rng(seed)
    who = person(rng, [0, 1, 2], boxed=False, spread=15)
    who.xy_image[1, rng.integers(K)] = np.nan
    clips = VideoClips(
        "a",
        POSETRACK_15,
        [video(tmp_path_factory.getbasetemp() / "outside", "a", [True] * 3, [who])],
        at_least=at_least,
    )
    x, y = who.xy_image[..., 0], who.xy_image[..., 1]
    inside = (x >= -0.5) & (x < WIDTH - 0.5) & (y >= -0.5) & (y < HEIGHT - 0.5)
    assert [clips.key(index).frame for index in range(len(clips))] == np.flatnonzero(inside.sum(1) >= at_least).tolist()
    for index in range(len(clips)):
        frame, clip = clips.key(index).frame, clips.clip(index, (0,))
        np.testing.assert_array_equal(~np.isnan(clip.xy_image[0]).any(axis=1), inside[frame])
        np.testing.assert_array_equal(clip.visible[0], inside[frame] & who.visible[frame])
        np.testing.assert_array_equal(
            clip.box, box_around(np.where(inside[frame, :, None], who.xy_image[frame], np.nan))
        )


def test_nobody_labelled_is_no_example(tmp_path: Path) -> None:
    assert len(VideoClips("a", POSETRACK_15, [])) == 0
    assert len(VideoClips("a", POSETRACK_15, [video(tmp_path, "a", [True, False], [])])) == 0


@pytest.mark.parametrize(
    ("by", "message"),
    [({"every": 0}, "every must be"), ({"at_least": 0}, "at_least must be"), ({"cache_mb": -1}, "cache_mb must be")],
)
def test_settings_that_make_no_sense_are_named(
    two: tuple[LabelledVideo, ...], by: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        VideoClips("a", POSETRACK_15, two, **by)


def test_a_copy_gives_the_same_clips(two: tuple[LabelledVideo, ...]) -> None:
    clips = VideoClips("two", POSETRACK_15, two)
    copy = pickle.loads(pickle.dumps(clips))
    one, other = clips.clip(3, (-1, 0)), copy.clip(3, (-1, 0))
    np.testing.assert_array_equal(one.xy_image, other.xy_image)
    np.testing.assert_array_equal(np.stack(one.frames), np.stack(other.frames))
