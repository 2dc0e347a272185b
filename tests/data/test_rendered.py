"""Rendered clips as a data set: who becomes an example, in which frames, with which joints."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15, POSETRACK_15, SKELETONS
from chronopose.data.dataset import PoseDataset
from chronopose.data.rendered import RenderedClips, joint_order
from chronopose.formats.shards import ClipRecord, shard_path, write_shard

WIDTH, HEIGHT, TIMES = 64, 48, 5
# Every joint of every skeleton; JHMDB has hips of its own.
JOINTS = (
    *dict.fromkeys(joint for skeleton in SKELETONS.values() for joint in skeleton.joints),
    "jhmdb-15:left_hip",
    "jhmdb-15:right_hip",
)


def record(number: int, boxes: list[list[float]], seen: list[float]) -> ClipRecord:
    """A clip of persons of whom these boxes and shares are those of the key frame; frame t is 20 (t + 1) grey.

    Joint j of person p is in frame t at (100 j + t, p), and moves j + 0.1 p pixels; its visibility is (j + p + t) % 3.
    """
    people, joints = len(boxes), len(JOINTS)
    t, p, j = np.ogrid[:TIMES, :people, :joints]
    every = np.zeros((TIMES, people, joints))
    away = np.tile(np.array([-90, -90, -80, -80], np.float32), (TIMES, people, 1))
    away[2] = np.array(boxes, np.float32).reshape(people, 4)
    shares = np.zeros((TIMES, people), np.float32)
    shares[2] = seen
    return ClipRecord(
        number=number,
        frames=np.repeat(20 * np.arange(1, TIMES + 1, dtype=np.uint8), HEIGHT * WIDTH * 3).reshape(
            TIMES, HEIGHT, WIDTH, 3
        ),
        fps=25.0,
        key=2,
        joints=JOINTS,
        xy=np.stack([100 * j + t + every, p + every], axis=-1).astype(np.float32),
        visible=((j + p + t) % 3 + every).astype(np.uint8),
        boxes=away,
        seen=shares,
        blur=(j + 0.1 * p + every).astype(np.float32),
        motions=("walk",) * people,
    )


BOX = [5.0, 4.0, 35.0, 44.0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips: two persons; nobody; one person who can be seen, and others who cannot."""
    clips = [
        record(0, [BOX, [-20.0, -30.0, 30.0, 60.0]], [0.9, 0.5]),
        record(1, [], []),
        record(
            2, [[70.0, 4.0, 110.0, 44.0], [5.0, 4.0, 20.0, 20.0], [np.nan] * 4, BOX, BOX], [0.9, 0.9, 0.9, 0.1, 0.4]
        ),
    ]
    write_shard(shard_path(tmp_path, 0), clips, {})
    return tmp_path


def test_everybody_who_can_be_seen_is_an_example(folder: Path) -> None:
    clips = RenderedClips(folder)
    assert isinstance(clips, PoseDataset)
    # Clip 2: outside the frame, too small, behind the camera, hidden, and one just visible enough.
    assert clips.examples.tolist() == [[0, 0], [0, 1], [2, 4]] and len(clips) == 3
    assert RenderedClips(folder, smallest_px=10).examples.tolist() == [[0, 0], [0, 1], [2, 1], [2, 4]]
    assert RenderedClips(folder, at_least_seen=0.05).examples.tolist() == [[0, 0], [0, 1], [2, 3], [2, 4]]
    assert RenderedClips(folder, at_least_seen=0.6).examples.tolist() == [[0, 0]]


def test_a_box_is_cut_at_the_frame_before_it_is_measured(folder: Path, tmp_path: Path) -> None:
    clips = RenderedClips(folder)
    np.testing.assert_array_equal(clips.clip(0, (0,)).box, np.array(BOX, np.float32), strict=True)
    np.testing.assert_array_equal(clips.clip(1, (0,)).box, [-0.5, -0.5, 30, HEIGHT - 0.5])
    # 200 pixels wide and high, but only 6 by 3 of them in the frame.
    write_shard(shard_path(tmp_path, 0), [record(0, [[-194.5, -197.5, 5.5, 2.5]], [0.9])], {})
    assert len(RenderedClips(tmp_path)) == 0
    assert len(RenderedClips(tmp_path, smallest_px=5)) == 1


def test_offsets_count_from_the_key_frame_and_stop_at_the_ends(folder: Path) -> None:
    clip = RenderedClips(folder).clip(1, (-9, -1, 0, 0, 1, 4))
    times = [0, 1, 2, 2, 3, 4]
    assert [round(float(frame.mean()) / 20) - 1 for frame in clip.frames] == times
    assert (clip.xy_image[:, :, 1] == 1).all()
    assert (clip.xy_image[:, :, 0] % 100).tolist() == [[t] * len(POSETRACK_15) for t in times]
    assert clip.frames[0].shape == (HEIGHT, WIDTH, 3) and clip.frames[0].dtype == np.uint8
    assert clip.name == "rendered/0/1" and clip.skeleton is POSETRACK_15


@pytest.mark.parametrize("name", SKELETONS)
def test_joints_come_in_the_skeletons_order(folder: Path, name: str) -> None:
    clip = RenderedClips(folder, name).clip(0, (0,))
    found = [JOINTS[round(float(x)) // 100] for x in clip.xy_image[0, :, 0]]
    assert [joint.removeprefix("jhmdb-15:") for joint in found] == list(SKELETONS[name].joints)
    hips = [joint for joint in found if "hip" in joint]
    assert all(joint.startswith("jhmdb-15:") == (name == "jhmdb-15") for joint in hips) and len(hips) == 2


def test_only_joints_that_can_be_seen_are_visible_and_all_are_placed(folder: Path) -> None:
    clips = RenderedClips(folder, "coco-17")
    clip = clips.clip(1, (-1, 0))
    wanted = np.array([[(j + 1 + t) % 3 for j in joint_order(clips.skeleton, JOINTS)] for t in (1, 2)])
    np.testing.assert_array_equal(clip.visible, wanted == 2)
    assert clip.visible.any() and not clip.visible.all() and clip.visible.dtype == np.bool_
    assert np.isfinite(clip.xy_image).all() and clip.xy_image.dtype == np.float32
    np.testing.assert_array_equal(clips.visibility(1), wanted[1])


def test_blur_is_that_of_the_person_in_the_key_frame(folder: Path) -> None:
    clips = RenderedClips(folder, "penn-13")
    np.testing.assert_allclose(clips.blur(1), joint_order(clips.skeleton, JOINTS) + 0.1, atol=1e-5)


def test_the_same_number_is_the_same_example_in_another_process(folder: Path) -> None:
    clips = RenderedClips(folder, name="mine")
    again = pickle.loads(pickle.dumps(clips))
    for index in (2, 0):
        one, other = clips.clip(index, (0, 1)), again.clip(index, (0, 1))
        assert one.name == other.name
        np.testing.assert_array_equal(one.xy_image, other.xy_image)
        np.testing.assert_array_equal(one.frames, other.frames)


def test_changing_an_example_changes_no_other(folder: Path) -> None:
    clips = RenderedClips(folder)
    clip = clips.clip(0, (0,))
    clip.box[:] = clip.xy_image[:] = 0
    assert clips.clip(0, (0,)).box.tolist() == BOX


def test_a_joint_the_clips_lack_is_named(tmp_path: Path) -> None:
    short = record(0, [BOX], [1])
    names = tuple("tail" if joint == "belly" else joint for joint in JOINTS)
    write_shard(shard_path(tmp_path, 0), [replace(short, joints=names)], {})
    assert len(RenderedClips(tmp_path, "coco-17")) == 1
    with pytest.raises(InputError, match="the rendered clips have no belly for skeleton jhmdb-15"):
        RenderedClips(tmp_path, "jhmdb-15")
    with pytest.raises(InputError, match="no nose, left_eye"):
        joint_order(SKELETONS["coco-17"], JHMDB_15.joints)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"skeleton": "smpl"}, "no skeleton called 'smpl'; skeletons are coco-17"),
        ({"at_least_seen": 1.5}, "at_least_seen must lie in 0 to 1, got 1.5"),
        ({"at_least_seen": float("nan")}, "at_least_seen must lie in 0 to 1, got nan"),
    ],
)
def test_wrong_settings_are_named(folder: Path, settings: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        RenderedClips(folder, **settings)


def test_numbers_outside_are_refused(folder: Path) -> None:
    clips = RenderedClips(folder)
    for call in (lambda i: clips.clip(i, (0,)), clips.visibility, clips.blur):
        for index in (-1, 3):
            with pytest.raises(InputError, match=f"example must lie in 0 to 2, got {index}"):
                call(index)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no clips-\*\.parquet there"):
        RenderedClips(tmp_path)
