"""Photographs as videos of one frame: everybody in each, crowds left out, nothing read from the pictures."""

from pathlib import Path

import numpy as np

from chronopose.core.skeleton import COCO_17
from chronopose.data import coco_labels, photographs
from tests.data import coco_folder


def test_every_photograph_is_a_video_of_one_frame_with_everybody_but_crowds(tmp_path: Path) -> None:
    file = coco_folder.write(tmp_path) / "annotations" / "person_keypoints_train2017.json"
    labels = coco_labels.read(file, tmp_path / "nowhere", COCO_17)
    found = list(photographs.of_coco(labels))
    assert [video.name for video in found] == [f"{key:012d}.jpg" for key in (1, 2, 3)]
    assert [len(video.persons) for video in found] == [1, 1, 1] and labels.crowd.sum() == 1
    for key, video in enumerate(found, start=1):
        (person,) = video.persons
        assert (video.length, video.size, video.labelled.tolist()) == (1, coco_folder.SIZE, [True])
        assert video.images == (tmp_path / "nowhere" / video.name,)
        np.testing.assert_array_equal(person.xy_image[0], coco_folder.joints(key, 17))
        assert person.frames.tolist() == [0] and person.visible[0].tolist() == [True] * 16 + [False]


def test_persons_of_one_photograph_stay_together_in_whatever_order_they_are_listed(tmp_path: Path) -> None:
    file = coco_folder.write(tmp_path) / "annotations" / "person_keypoints_train2017.json"
    labels = coco_labels.read(file, tmp_path, COCO_17)
    rows = np.array([2, 0, 1, 0, 2])  # persons of the photographs 3, 1, 2, 1, 3
    shuffled = coco_labels.Labels(
        skeleton=labels.skeleton,
        pictures=labels.pictures,
        picture_of=rows.astype(np.intp),
        box=np.arange(20, dtype=np.float32).reshape(5, 4),
        crowd=np.zeros(5, dtype=bool),
        xy=np.arange(170, dtype=np.float32).reshape(5, 17, 2),
        visible=np.ones((5, 17), dtype=bool),
        track_id=np.full(5, -1),
        boxless=(),
    )
    found = list(photographs.of_coco(shuffled))
    assert [[person.track_id for person in video.persons] for video in found] == [[1, 3], [2], [0, 4]]
    for video in found:
        for person in video.persons:
            np.testing.assert_array_equal(person.xy_image[0], shuffled.xy[person.track_id])
            np.testing.assert_array_equal(person.box[0], shuffled.box[person.track_id])
