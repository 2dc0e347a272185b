"""The annotated video keeps every frame at its time, whoever draws it, and a failure leaves none."""

import threading
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.types import FramePoses, PoseSequence, VideoInfo
from chronopose.inference.drawing import WAITING, AnnotatedVideo, annotate
from chronopose.inference.stages import Stages
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter
from tests.inference.tiny_pose import as_frames, given, predictor, rendered, write_video


def poses_of(frames: int) -> PoseSequence:
    clip = rendered(20)
    stream = PoseStream(predictor(), given(clip.boxes), StreamConfig())
    answers = tuple(stream.over(as_frames(clip.frames)))[:frames]
    info = VideoInfo(source="walk", width=96, height=64, fps=25.0)
    return PoseSequence(info=info, skeleton=stream.skeleton, frames=answers)


def pictures(path: Path) -> tuple[np.ndarray, list[float]]:
    with open_video(path) as video:
        frames = list(video)
    return np.stack([frame.pixels for frame in frames]).astype(int), [frame.time_s for frame in frames]


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two videos show the same frames: x264 gives other bytes each time, so they do not agree exactly."""
    apart = np.abs(one - other).mean()
    return bool(apart < 5 and apart < np.abs(one[1:] - other[:-1]).mean() / 2)


def test_the_annotated_video_has_every_frame_at_its_own_time(tmp_path: Path) -> None:
    times = [0.04 * i + (0.5 if i > 9 else 0) + 0.007 * (i % 3) for i in range(20)]
    clip = write_video(rendered(20).frames, tmp_path / "uneven.mp4", times)
    steps: list[int] = []
    assert annotate(str(clip), poses_of(20), tmp_path / "drawn.mp4", steps.append) == 20
    before, stamps = pictures(clip)
    after, new_stamps = pictures(tmp_path / "drawn.mp4")
    assert steps == [1] * 20
    np.testing.assert_allclose(new_stamps, stamps, atol=1e-4)
    assert np.ptp(np.diff(stamps)) > 0.4
    changed = np.abs(after - before).max(axis=-1) > 60
    assert changed.reshape(20, -1).sum(axis=1).min() > 50  # in every frame something is drawn


def test_poses_are_drawn_on_the_frames_they_name(tmp_path: Path) -> None:
    clip = write_video(rendered(20).frames, tmp_path / "walk.mp4")
    whole = poses_of(20)
    some = PoseSequence(
        info=whole.info, skeleton=whole.skeleton, frames=tuple(answer for answer in whole if answer.frame in (5, 6, 15))
    )
    assert annotate(str(clip), some, tmp_path / "drawn.mp4") == 20
    before, _ = pictures(clip)
    after, _ = pictures(tmp_path / "drawn.mp4")
    changed = (np.abs(after - before).max(axis=-1) > 60).reshape(20, -1).sum(axis=1)
    assert set(np.flatnonzero(changed > 50)) == {5, 6, 15}


def test_the_video_itself_is_not_drawn_over(tmp_path: Path) -> None:
    clip = write_video(rendered(20).frames, tmp_path / "walk.mp4")
    before = clip.read_bytes()
    with pytest.raises(InputError, match="is the video itself"):
        annotate(str(clip), poses_of(20), clip)
    assert clip.read_bytes() == before


def test_a_place_that_cannot_be_written_leaves_no_annotated_video(tmp_path: Path) -> None:
    clip = write_video(rendered(20).frames, tmp_path / "walk.mp4")
    with pytest.raises(InputError, match="cannot be written"):
        annotate(str(clip), poses_of(20), tmp_path / "nowhere" / "drawn.mp4")
    assert [entry.name for entry in tmp_path.iterdir()] == ["walk.mp4"]


def test_an_odd_sized_video_of_nobody_is_annotated_too(tmp_path: Path) -> None:
    pixels = np.full((3, 33, 47, 3), 90, dtype=np.uint8)
    clip = tmp_path / "odd.mkv"
    with VideoWriter(clip, 47, 33, 25.0) as writer:
        for index, picture in enumerate(pixels):
            writer.write(picture, index / 25)
    empty = poses_of(0)
    frames = tuple(FramePoses(index, index / 25, ()) for index in range(3))
    sequence = PoseSequence(info=empty.info, skeleton=empty.skeleton, frames=frames)
    assert annotate(str(clip), sequence, tmp_path / "drawn.mp4") == 3
    assert pictures(tmp_path / "drawn.mp4")[0].shape[0] == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["drawn.mp4", "odd.mkv"]


def test_drawing_in_a_thread_or_not_gives_the_same_video(tmp_path: Path) -> None:
    clip = rendered(20)
    sequence = poses_of(20)
    for name, overlap in (("one", True), ("other", False)):
        stages = Stages()
        with AnnotatedVideo(
            tmp_path / f"{name}.mp4", sequence.info, overlap=overlap, measure=stages.measure
        ) as annotated:
            for frame, answer in zip(as_frames(clip.frames), sequence, strict=True):
                annotated.add(frame, answer.poses)
        assert annotated.frames == 20
        assert stages.seconds["draw"] > 0 and stages.seconds["write"] > 0
    (one, stamps), (other, other_stamps) = pictures(tmp_path / "one.mp4"), pictures(tmp_path / "other.mp4")
    assert stamps == other_stamps
    assert alike(one, other)


@pytest.mark.parametrize("overlap", [True, False])
def test_a_frame_that_cannot_be_drawn_ends_it_and_leaves_nothing(overlap: bool, tmp_path: Path) -> None:
    before = threading.active_count()
    info = VideoInfo(source="walk", width=96, height=64, fps=25.0)
    wrong = as_frames([np.zeros((10, 10, 3), dtype=np.uint8)] * (3 * WAITING))
    with (
        pytest.raises(ValueError, match="got a frame"),
        AnnotatedVideo(tmp_path / "drawn.mp4", info, overlap=overlap) as annotated,
    ):
        for frame in wrong:
            annotated.add(frame, ())
    assert list(tmp_path.iterdir()) == [] and threading.active_count() == before
