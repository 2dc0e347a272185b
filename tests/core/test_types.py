"""Poses and sequences of poses."""

import dataclasses

import numpy as np
import pytest

from chronopose.core.skeleton import PENN_13
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo


def pose(track_id: int | None = None, left: float = 0.0, box_score: float = 1.0) -> Pose:
    xy = np.full((13, 2), left, np.float32)
    box = np.array([left, 0, left + 10, 20], np.float32)
    return Pose(skeleton=PENN_13, xy=xy, score=np.ones(13, np.float32), box=box, box_score=box_score, track_id=track_id)


def sequence(*frames: tuple[Pose, ...]) -> PoseSequence:
    info = VideoInfo(source="made.mp4", width=64, height=48, fps=25.0)
    return PoseSequence(
        info=info, skeleton=PENN_13, frames=tuple(FramePoses(i, i / 25, poses) for i, poses in enumerate(frames))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"xy": np.zeros((12, 2), np.float32)},
        {"score": np.zeros((13, 1), np.float32)},
        {"box": np.zeros(5, np.float32)},
        {"sigma": np.zeros(13, np.float32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_pose_of_the_wrong_shape_is_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"penn-13|sigma must be \(13, 2\)"):
        dataclasses.replace(pose(), **change)


def test_a_pose_cannot_be_changed_and_takes_a_sigma() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        pose().track_id = 3  # type: ignore[misc]
    assert dataclasses.replace(pose(), sigma=np.ones((13, 2), np.float32)).sigma is not None


def test_tracks_gather_each_persons_boxes_in_order_of_time() -> None:
    video = sequence((pose(7, 1), pose(2, 50, 0.5)), (), (pose(2, 52, 0.25), pose(None, 9)), (pose(7, 4),))
    tracks = video.tracks
    assert list(tracks) == [2, 7]
    assert tracks[2].id == 2
    assert tracks[2].frames.tolist() == [0, 2]
    assert tracks[7].frames.tolist() == [0, 3]
    assert tracks[2].xyxy.tolist() == [[50, 0, 60, 20], [52, 0, 62, 20]]
    assert tracks[2].score.tolist() == [0.5, 0.25]
    assert (tracks[2].xyxy.dtype, tracks[2].score.dtype) == (np.float32, np.float32)


def test_a_sequence_counts_its_empty_frames() -> None:
    video = sequence((), (pose(1),), ())
    assert len(video) == 3
    assert [len(frame.poses) for frame in video] == [0, 1, 0]
    assert sequence().tracks == {}
    assert "FramePoses" not in repr(video), "a long video must not flood a terminal"
