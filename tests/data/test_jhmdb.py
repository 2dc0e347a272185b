"""JHMDB clips: the right frames with the right joints, clamped windows, bounded memory, errors that name the place."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15
from chronopose.data.dataset import PoseDataset
from chronopose.data.jhmdb import JHMDBClips, read_videos

WIDTH, HEIGHT, LENGTH = 64, 48, 6
PARTS = [("train", "train", "test"), ("test", "train", "train"), ("train", "test", "train")]


def grey(clip: int, frame: int) -> int:
    return 40 + clip * 60 + frame * 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips of six frames, folders of pictures in place of videos: each frame a grey of its own."""
    rng = np.random.default_rng(0)
    clips = []
    for number, splits in enumerate(PARTS):
        place = tmp_path / "videos" / f"clip{number}"
        place.mkdir(parents=True)
        for frame in range(LENGTH):
            Image.new("RGB", (WIDTH, HEIGHT), (grey(number, frame),) * 3).save(place / f"{frame}.png")
        xy = rng.uniform([5, 5], [WIDTH - 5, HEIGHT - 5], (LENGTH, 15, 2)).round(2)
        clips.append(
            {"name": f"clip{number}", "video": f"videos/clip{number}", "splits": splits, "keypoints": xy.tolist()}
        )
    table = {"image_size": [WIDTH, HEIGHT], "keypoint_names": list(JHMDB_15.joints), "clips": clips}
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    return tmp_path


def change(folder: Path, by: Callable[[Any], Any]) -> None:
    """Rewrites the annotations after `by` has changed them in place."""
    file = folder / "annotations.json"
    table = json.loads(file.read_text())
    by(table)
    file.write_text(json.dumps(table))


def labelled(folder: Path, clip: int) -> np.ndarray:
    return np.array(json.loads((folder / "annotations.json").read_text())["clips"][clip]["keypoints"])


def test_each_example_shows_the_frames_of_its_clip_with_their_joints(folder: Path) -> None:
    clips = JHMDBClips(folder, "train")
    assert isinstance(clips, PoseDataset) and len(clips) == 2 * LENGTH
    for index in np.random.default_rng(1).permutation(len(clips)):
        clip = clips.clip(int(index), (-1, 0, 1))
        number, key = (0, 2)[index // LENGTH], index % LENGTH
        shown = [min(max(key + offset, 0), LENGTH - 1) for offset in (-1, 0, 1)]
        assert clip.name == f"jhmdb/clip{number}/{key}"
        for frame, pixels, xy in zip(shown, clip.frames, clip.xy_image, strict=True):
            assert pixels.shape == (HEIGHT, WIDTH, 3) and pixels.dtype == np.uint8
            assert abs(float(pixels.mean()) - grey(number, frame)) < 2
            np.testing.assert_allclose(xy, labelled(folder, number)[frame], atol=1e-4)
        low, high = clip.box[:2], clip.box[2:]
        assert ((clip.xy_image[1] > low) & (clip.xy_image[1] < high)).all()


def test_the_splits_part_the_clips(folder: Path) -> None:
    for number in (1, 2, 3):
        train, test = (read_videos(folder, part, number)[1] for part in ("train", "test"))
        assert [video.name for video in test] == [f"clip{n}" for n in range(3) if PARTS[n][number - 1] == "test"]
        assert not {video.name for video in train} & {video.name for video in test}


def test_only_every_nth_frame_is_a_key_frame_and_neighbours_stay_neighbours(folder: Path) -> None:
    clips = JHMDBClips(folder, "test", every=4)
    assert [frame for _, frame in clips.keys] == [0, 4]
    greys = [round(float(pixels.mean())) for pixels in clips.clip(1, (-1, 0, 1)).frames]
    np.testing.assert_allclose(greys, [grey(1, 3), grey(1, 4), grey(1, 5)], atol=1)


def test_joints_outside_the_image_are_unknown_and_do_not_stretch_the_box(folder: Path) -> None:
    def move(table: Any) -> None:
        for frame in table["clips"][1]["keypoints"]:
            frame[3] = [WIDTH + 30, 10]
            frame[4] = [None, None]
        table["clips"][1]["keypoints"][2][5:] = [[-9, 10]] * 10

    change(folder, move)
    clips = JHMDBClips(folder, "test")
    clip = clips.clip(0, (0,))
    assert not clip.visible[0, 3:5].any() and np.isnan(clip.xy_image[0, 3:5]).all() and clip.visible.sum() == 13
    assert clip.box[2] < WIDTH + 10
    assert [frame for _, frame in clips.keys] == [0, 1, 3, 4, 5]  # three joints are too few
    assert len(JHMDBClips(folder, "test", at_least=3)) == LENGTH
    assert clips.videos[0].xy_image[0, 3, 0] == WIDTH + 30  # the raw labels stay as they are


def test_joints_are_taken_by_name_whatever_their_order(folder: Path) -> None:
    straight = JHMDBClips(folder, "test").clip(0, (0,)).xy_image

    def turn(table: Any) -> None:
        table["keypoint_names"].reverse()
        for clip in table["clips"]:
            for frame in clip["keypoints"]:
                frame.reverse()

    change(folder, turn)
    np.testing.assert_array_equal(JHMDBClips(folder, "test").clip(0, (0,)).xy_image, straight)


def test_a_clip_is_decoded_once_and_memory_is_bounded(folder: Path) -> None:
    clips = JHMDBClips(folder, "train")
    first = clips.clip(0, (0,)).frames[0]
    for picture in (folder / "videos" / "clip0").iterdir():
        picture.unlink()
    np.testing.assert_array_equal(clips.clip(0, (0,)).frames[0], first)
    with pytest.raises(InputError, match="clip0"):  # a copy, as a spawned worker gets it, starts without frames
        pickle.loads(pickle.dumps(clips)).clip(0, (0,))
    tight = JHMDBClips(folder, "train", cache_mb=0)
    with pytest.raises(InputError, match="clip0"):
        tight.clip(0, (0,))
    tight.clip(LENGTH, (0,))
    for picture in (folder / "videos" / "clip2").iterdir():
        picture.unlink()
    assert tight.clip(LENGTH + 1, (0,)).frames[0].mean() == pytest.approx(grey(2, 1), abs=1)


def test_what_is_longest_unused_goes_first(folder: Path) -> None:
    change(folder, lambda table: [clip.update(splits=["train"] * 3) for clip in table["clips"]])
    clips = JHMDBClips(folder, "train")
    clips.clip(0, (0,))
    clips._kept.room = int(clips._kept.taken * 2.5)
    for place in (1, 0, 2):
        clips.clip(place * LENGTH, (0,))
    assert list(clips._kept.clips) == [0, 2]
    assert clips._kept.taken == sum(len(packed) for kept in clips._kept.clips.values() for packed in kept)


def test_a_video_shorter_than_its_labels_or_of_another_size_is_named(folder: Path) -> None:
    (folder / "videos" / "clip1" / "5.png").unlink()
    with pytest.raises(InputError, match=r"clip1: 5 frames; the annotations have 6"):
        JHMDBClips(folder, "test").clip(0, (0,))
    change(folder, lambda table: table.update(image_size=[WIDTH, HEIGHT + 2]))
    with pytest.raises(InputError, match=r"clip1: frames of 64 x 48 pixels; wanted 64 x 50"):
        JHMDBClips(folder, "test").clip(0, (0,))


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (lambda table: table.update(image_size=[64]), r"image_size must be width and height in pixels, got \[64\]"),
        (lambda table: table.update(image_size=[64, True]), r"image_size must be"),
        (lambda table: table["keypoint_names"].pop(), r"keypoint_names must be neck, belly"),
        (lambda table: table.update(clips={}), r"clips must be a list, got dict"),
        (lambda table: table.update(clips=[]), r"no clip is of the test part of split 1"),
        (lambda table: table["clips"].append(3), r"clips\[3\] must be an object"),
        (lambda table: table["clips"][1].update(splits=["test"]), r"clips\[1\]: splits must be train or test"),
        (lambda table: table["clips"][1].pop("video"), r"clips\[1\]: video must be a path inside the folder"),
        (lambda table: table["clips"][1].update(video="../x"), r"clips\[1\]: video must be a path inside"),
        (lambda table: table["clips"][1].update(video="/etc/passwd"), r"clips\[1\]: video must be a path inside"),
        (lambda table: table["clips"][1].update(video="videos/gone"), r"gone: no such file; .*clips\[1\] names it"),
        (lambda table: table["clips"][1].pop("keypoints"), r"clips\[1\]: keypoints must be"),
        (lambda table: table["clips"][1]["keypoints"][2].pop(), r"clips\[1\]: keypoints must be"),
        (lambda table: table["clips"][1].update(keypoints=[]), r"clips\[1\]: keypoints must be"),
        (lambda table: table["clips"][1]["keypoints"][0].__setitem__(0, [float("inf"), 0]), r"keypoints must be"),
    ],
)
def test_defects_of_the_annotations_are_named_in_one_line(folder: Path, by: Callable[[Any], Any], message: str) -> None:
    change(folder, by)
    with pytest.raises(InputError, match=message) as caught:
        JHMDBClips(folder, "test")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]"])
def test_annotations_that_are_no_json_object_are_named(folder: Path, content: bytes) -> None:
    (folder / "annotations.json").write_bytes(content)
    with pytest.raises(InputError, match=r"annotations\.json: (not readable JSON|wanted an object)"):
        JHMDBClips(folder, "test")


def test_arguments_out_of_range_and_other_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no annotations\.json there"):
        JHMDBClips(tmp_path / "nowhere", "train")
    for change_of, message in (
        ({"split": "heldout"}, "split must be train or test, got 'heldout'"),
        ({"number": 0}, "number must be 1, 2 or 3"),
        ({"every": 0}, "every must be at least 1"),
        ({"at_least": 0}, "at_least must be at least 1"),
        ({"cache_mb": -1}, "cache_mb must be at least 0"),
    ):
        with pytest.raises(InputError, match=message):
            JHMDBClips(**({"folder": folder, "split": "train"} | change_of))  # type: ignore[arg-type]


@pytest.mark.data
def test_the_real_clips_are_there_with_their_joints_inside() -> None:
    folder = Path(os.environ["CHRONOPOSE_DATA"]) / "jhmdb_recovered"
    train, test = JHMDBClips(folder, "train", every=5), JHMDBClips(folder, "test", every=5)
    assert len(train) > 1500 and len(test) > 500
    for index in range(0, len(test), 100):
        clip = test.clip(index, (-2, 0, 2))
        assert clip.frames[0].shape == (240, 320, 3) and clip.visible[1].sum() >= 6
