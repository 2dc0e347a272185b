"""A source as it plays: poses of its newest frames, older ones dropped where the model is slower than the source.

Decoding runs in a thread of its own, and few frames may wait. Where the model does not keep up, the oldest of them give
way: an answer is late by what the look-ahead asks for and by the time of one frame's work, however slow the model.

The model counts frames, not time: it is shown the frames that were kept, one after the other. With two of three frames
dropped, "the frame before" is three frames old, people move three times as far between the frames of a window as in
training, tracks see three times the speed, and `detect_every` counts kept frames too. Answers carry the source's own
frame numbers and times, so that gaps show.
"""

import contextlib
import time
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Frame, FramePoses, VideoInfo
from chronopose.formats import kind_of, table
from chronopose.formats.stream import ResultStream, finish
from chronopose.inference.drawing import AnnotatedVideo
from chronopose.inference.overlap import ReadAhead
from chronopose.inference.stream import PoseStream
from chronopose.video.writer import FORMATS

WAITING = 2
"""Frames that may wait: one would be dropped whenever a single frame takes longer than the source's step."""

_AT_ONCE = 32  # frames of a batch of saved poses


@dataclass(frozen=True, slots=True, eq=False)
class LiveAnswer:
    """A frame, its poses under the source's own frame number, and the seconds from its arrival to them."""

    frame: Frame
    poses: FramePoses
    latency_s: float


class Live:
    """Answers to the frames of a source, each as early as can be: an iterable, once, and a context manager.

    Args:
        frames: of the source, ascending.
        stream: new; with `chunk=1`, or answers come in bunches.
        drop: never let the source wait.

    Attributes:
        latencies_s: of all answers so far.
    """

    def __init__(self, frames: Iterable[Frame], stream: PoseStream, *, drop: bool) -> None:
        self.latencies_s = array("d")
        self._stream = stream
        self._taken: deque[tuple[Frame, float]] = deque()  # not answered yet, with the time of arrival
        self._arriving = ReadAhead(((frame, time.perf_counter()) for frame in frames), WAITING, newest=drop)

    @property
    def dropped(self) -> int:
        """Frames that gave way to newer ones."""
        return self._arriving.dropped

    def __iter__(self) -> Iterator[LiveAnswer]:
        for number, (frame, arrived) in enumerate(self._arriving):
            self._taken.append((frame, arrived))
            yield from self._told(self._stream.push(replace(frame, index=number)))
        yield from self._told(self._stream.flush())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._arriving.close()

    def latencies_ms(self) -> dict[str, float]:
        """The latency that half, nine of ten and ninety-nine of a hundred answers kept; empty before the first one."""
        if not self.latencies_s:
            return {}
        found = 1e3 * np.percentile(self.latencies_s, (50, 90, 99))
        return dict(zip(("p50", "p90", "p99"), found.tolist()))

    def _told(self, answers: Sequence[FramePoses]) -> Iterator[LiveAnswer]:
        for answer in answers:
            frame, arrived = self._taken.popleft()
            latency_s = time.perf_counter() - arrived
            self.latencies_s.append(latency_s)
            yield LiveAnswer(frame, replace(answer, frame=frame.index), latency_s)


def at_own_pace(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames of a recording, none before its time."""
    start_s: float | None = None
    for frame in frames:
        now_s = time.perf_counter()
        if start_s is None:
            start_s = now_s - frame.time_s
        time.sleep(max(start_s + frame.time_s - now_s, 0.0))
        yield frame


class Recording:
    """Files that a live run leaves: poses (.parquet) and the annotated video, one of each at most.

    A context manager. Poses grow in a file with suffix `.partial` and are made whole at the end, whatever ended it.

    Raises:
        InputError: a file is there already, cannot be written, or its name tells neither of the two.
    """

    def __init__(self, targets: Sequence[Path], skeleton: Skeleton, info: VideoInfo) -> None:
        self._poses: ResultStream | None = None
        self._video: AnnotatedVideo | None = None
        self._waiting: list[FramePoses] = []
        for target in targets:
            if target.exists():
                raise InputError(f"{target}: is there already; give another name")
        with contextlib.ExitStack() as opened:
            for target in targets:
                if kind_of(target) == "parquet" and self._poses is None:
                    partial = target.with_suffix(".partial")
                    self._poses = ResultStream.create(partial, table.schema(skeleton, info))
                    opened.callback(self._finish, self._poses, partial, target)
                elif target.suffix.lower() in FORMATS and self._video is None:
                    self._video = opened.enter_context(AnnotatedVideo(target, info))
                else:
                    kinds = ", ".join(("parquet", *(ending[1:] for ending in FORMATS)))
                    raise InputError(f"--out {target}: wanted one file of poses and one video at most, of {kinds}")
            self._opened = opened.pop_all()

    def add(self, answer: LiveAnswer) -> None:
        """Takes the next answer."""
        if self._poses is not None:
            self._waiting.append(answer.poses)
            if len(self._waiting) >= _AT_ONCE:
                self._append(self._poses)
        if self._video is not None:
            self._video.add(answer.frame, answer.poses.poses)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def _append(self, poses: ResultStream) -> None:
        if self._waiting:
            poses.append(self._waiting, {})
            self._waiting = []

    def _finish(self, poses: ResultStream, partial: Path, target: Path) -> None:
        with poses:
            self._append(poses)
        finish(partial, target)
