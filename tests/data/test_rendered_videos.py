"""Rendered clips as labelled videos: all frames of everybody who can be seen, read one clip at a time."""

from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data import rendered_videos
from chronopose.formats.shards import ClipRecord, shard_path, write_shard

TIMES, PEOPLE = 4, 3


@pytest.fixture
def record(tmp_path: Path) -> ClipRecord:
    """A clip of three persons: one always seen, one in the first two frames, one never; joints in another order."""
    rng = np.random.default_rng(0)
    seen = np.array([[1, 0.2, 0], [0.5, 0.1, 0], [0.5, 0, 0], [1, 0, 0]], np.float32)
    record = ClipRecord(
        number=0,
        frames=np.zeros((TIMES, 48, 64, 3), np.uint8),
        fps=25.0,
        key=1,
        joints=tuple(reversed(POSETRACK_15.joints)),
        xy=rng.uniform(0, 40, (TIMES, PEOPLE, 15, 2)).astype(np.float32),
        visible=rng.integers(0, 3, (TIMES, PEOPLE, 15)).astype(np.uint8),
        boxes=rng.uniform(0, 40, (TIMES, PEOPLE, 4)).astype(np.float32),
        seen=seen,
        blur=np.zeros((TIMES, PEOPLE, 15), np.float32),
        motions=("walk",) * PEOPLE,
    )
    write_shard(shard_path(tmp_path, 0), [record], {})
    return record


def test_everybody_is_there_in_the_frames_in_which_he_or_she_can_be_seen(tmp_path: Path, record: ClipRecord) -> None:
    (video,) = rendered_videos.videos(tmp_path, "all")
    assert (video.name, video.length, video.size, video.images) == ("clip 0", TIMES, (64, 48), tmp_path)
    assert [person.track_id for person in video.persons] == [0, 1]
    assert [person.frames.tolist() for person in video.persons] == [[0, 1, 2, 3], [0, 1]]
    for person in video.persons:
        here = record.xy[person.frames, person.track_id, ::-1]
        np.testing.assert_array_equal(person.xy_image, here)
        np.testing.assert_array_equal(person.visible, record.visible[person.frames, person.track_id, ::-1] == 2)
        np.testing.assert_array_equal(person.box, record.boxes[person.frames, person.track_id])


def test_a_damaged_clip_is_named_and_the_others_are_gone_through(tmp_path: Path, record: ClipRecord) -> None:
    assert list(rendered_videos.defects(tmp_path, "all")) == [None]
    shard = shard_path(tmp_path, 0)
    content = bytearray(shard.read_bytes())
    content[content.index(b"\xff\xd8\xff") + 300] ^= 255
    shard.write_bytes(content)
    defect, end = rendered_videos.defects(tmp_path, "all")
    assert end is None and defect is not None
    assert (defect.file, defect.where, defect.known) == (tmp_path, "clip 0", False)


def test_there_is_one_part(tmp_path: Path, record: ClipRecord) -> None:
    for call in (rendered_videos.videos, rendered_videos.defects):
        with pytest.raises(InputError, match=r"split must be all: .*; got 'train'"):
            list(call(tmp_path, "train"))
