"""A video to files: results that survive a crash while they grow, and the annotated video made of them."""

import dataclasses
import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronopose.core.errors import InputError
from chronopose.core.types import FramePoses, PoseSequence, VideoInfo
from chronopose.draw import draw_poses
from chronopose.formats import table
from chronopose.formats.stream import ResultStream, finish, run_of
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.video.images import images_in
from chronopose.video.reader import VideoReader, open_video
from chronopose.video.writer import VideoWriter

Progress = Callable[[int], None]
"""Told how many frames were added since the last call."""

TRAIL = 12
"""Frames that a person's trail reaches back in an annotated video."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one video.

    Attributes:
        results: the Parquet file.
        frames: in it.
        resumed: frames that were there already when this call began.
        encoded: crops that went through the model's encoder in this call.
        broken: where and why the video broke off, None where it did not.
    """

    results: Path
    frames: int
    resumed: int
    encoded: int
    broken: str | None


def predict_video(
    source: str,
    results: Path,
    stream: PoseStream,
    run: Mapping[str, Any],
    *,
    overwrite: bool = False,
    started: Callable[[VideoInfo, int], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Writes the poses of a video to a Parquet file, going on where an earlier call was cut short.

    While it runs, `results` with suffix `.partial` holds what is done, an append-only Arrow stream; killing the
    process loses the last chunk at most.

    Args:
        source: a file, folder, camera number or stream URL. A live source cannot be gone on with.
        results: the Parquet file; made whole at the end.
        stream: new, with model, detector and settings.
        run: what the results depend on, plain JSON values; a call with another `run` does not touch earlier results.
        overwrite: begin anew whatever is there.
        started: told the video and how many frames were done before.
        progress: told of frames as they are written.

    Raises:
        InputError: unreadable source, or results of other settings are in the way.
    """
    partial = results.with_suffix(".partial")
    if results.exists() and not overwrite:
        return _finished(results, run)
    results.parent.mkdir(parents=True, exist_ok=True)
    output, done = None, 0
    with ExitStack() as opened:
        if partial.exists() and not overwrite:
            output, state, done = ResultStream.resume(partial)
            opened.enter_context(output)
            _same(output.run, run, partial)
            if state is not None:
                stream.restore(state)
        video = opened.enter_context(open_video(source, start=stream.first_frame))
        if video.live and done:
            raise InputError(f"{partial}: a live source cannot go on where it was cut short; use --overwrite")
        if output is None:
            schema = table.schema(stream.skeleton, video.info, {"run": json.dumps(run)})
            output = opened.enter_context(ResultStream.create(partial, schema))
        if started is not None:
            started(video.info, done)
        frames = done + _fill(output, video, stream, progress)
    finish(partial, results, {"broken": video.broken} if video.broken else None)
    return Outcome(results=results, frames=frames, resumed=done, encoded=stream.encoded, broken=video.broken)


def _fill(output: ResultStream, video: VideoReader, stream: PoseStream, progress: Progress | None) -> int:
    """Frames in, rows out; the number of frames written."""
    written = 0

    def append(answers: list[FramePoses]) -> None:
        nonlocal written
        if answers:
            output.append(answers, stream.state())
            written += len(answers)
            if progress is not None:
                progress(len(answers))

    try:
        for frame in video:
            append(stream.push(frame))
    except KeyboardInterrupt:
        if not video.live:  # a recording ends when its user says so; a file goes on with the next call
            raise
        return written  # without the frames in hand: the interrupt may have come in the midst of them
    append(stream.flush())
    return written


def _finished(results: Path, run: Mapping[str, Any]) -> Outcome:
    """What an earlier call made already."""
    schema, frames = table.read_summary(results)
    _same(run_of(schema), run, results)
    broken = (schema.metadata or {}).get(b"broken")
    return Outcome(
        results=results, frames=frames, resumed=frames, encoded=0, broken=None if broken is None else broken.decode()
    )


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any], file: Path) -> None:
    """Earlier results are only gone on with if they were made the same way."""
    asked = json.loads(json.dumps(wanted))  # tuples are lists on disk
    other = [name for name in sorted({*there, *asked}) if there.get(name) != asked.get(name)]
    if other:
        name = other[0]
        raise InputError(
            f"{file}: made with other settings ({name} was {there.get(name)!r}, now {asked.get(name)!r}); "
            "use --overwrite to begin anew, or another -o folder"
        )


def describe_run(
    source: str, weights: Path, detector: str, config: StreamConfig, window: tuple[int, ...] | None = None
) -> dict[str, Any]:
    """What results depend on: the source as it is now, the weights by content, the detector, the settings.

    `window` holds the frame offsets shown in place of the model's own, None for those.
    """
    about: dict[str, Any] = {"source": without_password(source)}
    path = Path(source)
    if path.is_file() or path.is_dir():
        files = [file.stat() for file in (images_in(path) if path.is_dir() else [path])]
        about |= {
            "files": len(files),
            "bytes": sum(file.st_size for file in files),
            "modified_ns": max(file.st_mtime_ns for file in files),
        }
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return about | {"weights": digest, "window": window, "detector": detector, "config": dataclasses.asdict(config)}


def without_password(source: str) -> str:
    """A source as it may be shown and saved: the user and password of an address hidden."""
    return re.sub(r"^([a-zA-Z][\w+.-]*://)[^/@]*@", r"\1***@", source)


def annotate(source: str, sequence: PoseSequence, target: Path, progress: Progress | None = None) -> int:
    """Writes the video again with its poses drawn on it; gives the number of frames.

    One frame is written for every frame of the source, with its time stamp; poses are found by the frame's number.

    Raises:
        InputError: unreadable source, a target that cannot be written, or the target is the source.
    """
    if target.exists() and Path(source).exists() and target.samefile(source):
        raise InputError(f"{target}: is the video itself; give another name for the annotated one")
    poses_in = {answer.frame: answer.poses for answer in sequence}
    trails: dict[int, deque[Any]] = {}
    count = 0
    with (
        open_video(source) as video,
        VideoWriter(target, video.info.width, video.info.height, video.info.fps) as writer,
    ):
        for frame in video:
            poses = poses_in.get(frame.index, ())
            for pose in poses:
                if pose.track_id is not None:
                    trail = trails.setdefault(pose.track_id, deque(maxlen=TRAIL))
                    trail.append((pose.box[:2] + pose.box[2:]) / 2 * (1, 0) + (0, pose.box[3]))
            shown = {pose.track_id for pose in poses}
            trails = {track: trail for track, trail in trails.items() if track in shown}
            writer.write(draw_poses(frame.pixels, poses, trails=trails), frame.time_s)
            count += 1
            if progress is not None:
                progress(1)
    return count
