"""Videos in COCO-style files: frames in order, persons told apart, a skeleton of the user's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.data import coco, coco_labels, coco_videos
from chronopose.data.videos import LabelledVideo, VideoClips
from tests.data import coco_folder
from tests.data.dots import centre


def read(folder: Path) -> tuple[LabelledVideo, ...]:
    file, images = coco.locate(folder, "train")
    return coco_videos.videos(coco_labels.read(file, images), str(file))


def changed(folder: Path, by: Callable[[Any], object]) -> None:
    content = json.loads((folder / "train.json").read_text())
    by(content)
    (folder / "train.json").write_text(json.dumps(content))


@pytest.mark.parametrize("video_field", ["video_id", "vid_id"])
def test_frames_are_in_order_and_persons_in_the_frames_they_were_labelled_in(tmp_path: Path, video_field: str) -> None:
    first, second = read(coco_folder.write_videos(tmp_path, video_field=video_field))
    assert isinstance(first.images, tuple)
    assert [file.name for file in first.images] == ["0.png", "1.png", "2.png", "3.png"]
    assert first.labelled.all() and second.labelled.tolist() == [True, False, True, True]
    assert [person.frames.tolist() for person in first.persons] == [[0, 1, 2, 3]]
    assert {person.track_id: person.frames.tolist() for person in second.persons} == {7: [0, 2, 3], 3: [2, 3]}
    for video, seed in ((first, 100), (second, 200)):
        person = next(person for person in video.persons if person.track_id == 7)
        for frame, xy, box in zip(person.frames, person.xy_image, person.box, strict=True):
            wanted = coco_folder.joints(seed + int(frame), 4)
            np.testing.assert_array_equal(xy, wanted)
            np.testing.assert_array_equal(box, np.concatenate([wanted.min(axis=0) - 2, wanted.max(axis=0) + 2]))
        assert person.visible[:, :3].all() and not person.visible[:, 3].any()


def test_a_folder_of_videos_gives_clips_with_the_dot_under_the_hand(tmp_path: Path) -> None:
    people = coco.dataset(coco_folder.write_videos(tmp_path), "train")
    assert isinstance(people, VideoClips) and len(people) == 9
    assert people.skeleton.joints == coco_folder.PUPPET
    assert people.skeleton.limbs == (("head", "left_hand"), ("head", "right_hand"))
    assert people.skeleton.mirror == (("left_hand", "right_hand"),)
    for index in range(len(people)):
        if people.key(index).track_id == 7:
            clip = people.clip(index, (0,))
            np.testing.assert_allclose(centre(clip.frames[0]), clip.xy_image[0, 0], atol=0.05)
    assert set(coco.defects(tmp_path, "train")) == {None}


def test_a_skeleton_given_takes_the_place_of_the_files(tmp_path: Path) -> None:
    folder = coco_folder.write_videos(tmp_path)
    mine = Skeleton(
        name="mine", joints=coco_folder.PUPPET, limbs=(), mirror=(("head", "left_foot"),), sigmas=(0.05,) * 4
    )
    assert coco.dataset(folder, "train", mine).skeleton is mine
    changed(folder, lambda content: content["categories"][0].pop("keypoints"))
    assert coco.dataset(folder, "train", mine).skeleton is mine
    with pytest.raises(InputError, match=r"categories: expected one with keypoints, found 0"):
        coco.dataset(folder, "train")
    other = Skeleton(name="other", joints=coco_folder.PUPPET[::-1], limbs=(), mirror=(), sigmas=(0.05,) * 4)
    changed(folder, lambda content: content["categories"][0].update(keypoints=list(coco_folder.PUPPET)))
    with pytest.raises(InputError, match=r"categories\[0\]\.keypoints: must be those of other, left_foot"):
        coco.dataset(folder, "train", other)


def test_whoever_has_no_id_is_somebody_else_in_every_frame(tmp_path: Path) -> None:
    folder = coco_folder.write_videos(tmp_path)
    changed(folder, lambda content: [one.pop("track_id") for one in content["annotations"] if one["track_id"] == 3])
    _, second = read(folder)
    assert sorted(len(person.frames) for person in second.persons) == [1, 1, 3]
    assert len({person.track_id for person in second.persons}) == 3


def test_a_file_without_persons_has_videos_of_nobody(tmp_path: Path) -> None:
    folder = coco_folder.write_videos(tmp_path)
    changed(folder, lambda content: content.update(annotations=[]))
    assert [video.persons for video in read(folder)] == [(), ()]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (lambda content: content["images"][0].update(frame_id=20), r"images: video 1 has frame 20 twice"),
        (
            lambda content: [one.update(track_id=7) for one in content["annotations"]],
            r"annotations: track_id 7 is in 2/\d\.png twice",
        ),
        (lambda content: content["images"][0].update(frame_id=-1), r"images\[0\]\.frame_id: expected a whole number"),
        (lambda content: content["images"][0].update(video_id=[1]), r"images\[0\]\.video_id: expected a number or"),
        (lambda content: content["annotations"][0].update(track_id="a"), r"annotations\[0\]\.track_id: expected"),
        (lambda content: content["annotations"][0]["keypoints"].pop(), r"keypoints: expected a list of 12 numbers"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, by: Callable[[Any], object], message: str) -> None:
    folder = coco_folder.write_videos(tmp_path)
    changed(folder, by)
    with pytest.raises(InputError, match=message) as caught:
        read(folder)
    assert str(caught.value).startswith(str(folder / "train.json")) and "\n" not in str(caught.value)
