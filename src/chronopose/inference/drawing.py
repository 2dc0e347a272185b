"""The annotated video: frames with their poses and trails, drawn and compressed while other frames are looked at."""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chronopose.core.errors import InputError
from chronopose.core.types import Frame, Pixels, Pose, PoseSequence, VideoInfo
from chronopose.draw import draw_poses
from chronopose.inference.overlap import ReadAhead, WriteBehind
from chronopose.inference.stages import Measure, unmeasured
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter

Progress = Callable[[int], None]
"""Told how many frames were added since the last call."""

TRAIL = 12
"""Frames that a person's trail reaches back."""

WAITING = 8
"""Frames that may wait to be drawn, and decoded ones that may wait to be looked at: 22 MB of 720p."""


class Painter:
    """Draws the poses of one frame after the other, with the trail that each person leaves."""

    def __init__(self) -> None:
        self._trails: dict[int, deque[Any]] = {}

    def paint(self, pixels: Pixels, poses: Sequence[Pose]) -> Pixels:
        """A copy of the next frame, poses drawn on it."""
        for pose in poses:
            if pose.track_id is not None:
                trail = self._trails.setdefault(pose.track_id, deque(maxlen=TRAIL))
                trail.append((pose.box[:2] + pose.box[2:]) / 2 * (1, 0) + (0, pose.box[3]))
        shown = {pose.track_id for pose in poses}
        self._trails = {track: trail for track, trail in self._trails.items() if track in shown}
        return draw_poses(pixels, poses, trails=self._trails)


class AnnotatedVideo:
    """A video file that grows by frames with their poses, drawn and compressed in a thread of its own.

    A context manager: an exception inside the `with` block leaves no file. `add` raises what went wrong with a frame
    added before.

    Args:
        target: the file.
        info: of the source.
        overlap: False draws and compresses in `add` itself.
        measure: of the stages draw and write.

    Raises:
        InputError: the target cannot be written, or is the source.
    """

    def __init__(self, target: Path, info: VideoInfo, *, overlap: bool = True, measure: Measure = unmeasured) -> None:
        refuse_source(target, info.source)
        self.frames = 0
        self._measure = measure
        self._painter = Painter()
        with contextlib.ExitStack() as opened:
            self._writer = opened.enter_context(VideoWriter(target, info.width, info.height, info.fps))
            self._behind = opened.enter_context(WriteBehind(self._draw, WAITING)) if overlap else None
            self._opened = opened.pop_all()

    def add(self, frame: Frame, poses: Sequence[Pose]) -> None:
        """Appends a frame."""
        self.frames += 1
        if self._behind is None:
            self._draw((frame, poses))
        else:
            self._behind.put((frame, poses))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._measure("write"):
            self._opened.__exit__(kind, error, trace)

    def _draw(self, item: tuple[Frame, Sequence[Pose]]) -> None:
        frame, poses = item
        with self._measure("draw"):
            painted = self._painter.paint(frame.pixels, poses)
        with self._measure("write"):
            self._writer.write(painted, frame.time_s)


def annotate(source: str, sequence: PoseSequence, target: Path, progress: Progress | None = None) -> int:
    """Writes the video again with its poses drawn on it; gives the number of frames.

    One frame is written for every frame of the source, with its time stamp; poses are found by the frame's number.

    Raises:
        InputError: unreadable source, a target that cannot be written, or the target is the source.
    """
    refuse_source(target, source)
    poses_in = {answer.frame: answer.poses for answer in sequence}
    with (
        open_video(source) as video,
        AnnotatedVideo(target, video.info) as annotated,
        ReadAhead(video, WAITING) as frames,
    ):
        for frame in frames:
            annotated.add(frame, poses_in.get(frame.index, ()))
            if progress is not None:
                progress(1)
    return annotated.frames


def refuse_source(target: Path, source: str) -> None:
    """Raises `InputError` where the annotated video would take the place of the video itself."""
    if target.exists() and Path(source).exists() and target.samefile(source):
        raise InputError(f"{target}: is the video itself; give another name for the annotated one")
