"""A video to files: results that survive a crash while they grow, and the annotated video beside them."""

import dataclasses
import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Frame, FramePoses, VideoInfo
from chronopose.formats import table
from chronopose.formats.stream import ResultStream, finish, run_of
from chronopose.inference.drawing import WAITING, AnnotatedVideo, Progress
from chronopose.inference.overlap import ReadAhead
from chronopose.inference.stages import each
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.runtimes.contract import Runtime
from chronopose.video.images import images_in
from chronopose.video.reader import open_video
from chronopose.video.writer import sweep


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one video.

    Attributes:
        results: the Parquet file.
        frames: in it.
        resumed: frames that were there already when this call began.
        encoded: crops that went through the model's encoder in this call.
        broken: where and why the video broke off, None where it did not.
        annotated: whether this call wrote the annotated video.
    """

    results: Path
    frames: int
    resumed: int
    encoded: int
    broken: str | None
    annotated: bool = False


def predict_video(
    source: str,
    results: Path,
    stream: PoseStream,
    run: Mapping[str, Any],
    *,
    annotated: Path | None = None,
    overwrite: bool = False,
    overlap: bool = True,
    started: Callable[[VideoInfo, int], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Writes the poses of a video to a Parquet file, going on where an earlier call was cut short.

    While it runs, `results` with suffix `.partial` holds what is done, an append-only Arrow stream; killing the
    process loses the last chunk at most. Frames are decoded, looked at and drawn in a thread each.

    Args:
        source: a file, folder, camera number or stream URL. A live source cannot be gone on with.
        results: the Parquet file; made whole at the end.
        stream: new, with model, detector and settings.
        run: what the results depend on, plain JSON values; a call with another `run` does not touch earlier results.
        annotated: the annotated video, written meanwhile by a call that begins with the first frame. Half of a video
            cannot be gone on with: where earlier results are gone on with, `annotate` has to write it afterwards.
        overwrite: begin anew whatever is there.
        overlap: False does everything in one thread, for whoever measures the stages.
        started: told the video and how many frames were done before.
        progress: told of frames as they are written.

    Raises:
        InputError: unreadable source, or results of other settings are in the way.
    """
    partial = results.with_suffix(".partial")
    if annotated is not None:
        sweep(annotated)
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
        drawn = None
        if annotated is not None and not done:
            drawing = AnnotatedVideo(annotated, video.info, overlap=overlap, measure=stream.measure)
            drawn = opened.enter_context(drawing)
        if started is not None:
            started(video.info, done)
        frames: Iterable[Frame] = each(video, "decode", stream.measure)
        if overlap:
            frames = opened.enter_context(ReadAhead(frames, WAITING))
        filling = _Filling(output, stream, drawn, progress)
        try:
            for frame in frames:
                filling.push(frame)
            filling.append(stream.flush())
        except KeyboardInterrupt:
            # A recording ends when its user says so, without the frames in hand: the interrupt may have come in the
            # midst of them. A file goes on with the next call.
            if not video.live:
                raise
    finish(partial, results, {"broken": video.broken} if video.broken else None)
    return Outcome(
        results=results,
        frames=done + filling.written,
        resumed=done,
        encoded=stream.encoded,
        broken=video.broken,
        annotated=drawn is not None,
    )


class _Filling:
    """Frames in, rows and pictures out."""

    def __init__(
        self, output: ResultStream, stream: PoseStream, drawn: AnnotatedVideo | None, progress: Progress | None
    ) -> None:
        self.written = 0  # frames
        self._output, self._stream, self._drawn, self._progress = output, stream, drawn, progress
        self._undrawn: deque[Frame] = deque()

    def push(self, frame: Frame) -> None:
        """Shows the stream the next frame, and writes what it answers."""
        if self._drawn is not None:
            self._undrawn.append(frame)
        self.append(self._stream.push(frame))

    def append(self, answers: list[FramePoses]) -> None:
        """Writes answers, which come frame after frame."""
        if not answers:
            return
        with self._stream.measure("write"):
            self._output.append(answers, self._stream.state())
        self.written += len(answers)
        if self._drawn is not None:
            for answer in answers:
                self._drawn.add(self._undrawn.popleft(), answer.poses)
        if self._progress is not None:
            self._progress(len(answers))


def _finished(results: Path, run: Mapping[str, Any]) -> Outcome:
    """What an earlier call made already."""
    schema, frames = table.read_summary(results)
    _same(run_of(schema), run, results)
    broken = (schema.metadata or {}).get(b"broken")
    return Outcome(
        results=results, frames=frames, resumed=frames, encoded=0, broken=None if broken is None else broken.decode()
    )


def tally(results: Path, skeleton: Skeleton) -> tuple[int, int]:
    """How many poses and how many persons a Parquet file holds, read from two of its columns."""
    from pyarrow import parquet

    # A joint of a pose always has a score; the row of an empty frame has none.
    score = f"{skeleton.joints[0]}_score"
    columns = parquet.read_table(results, columns=["track", score])
    return len(columns) - columns[score].null_count, len(columns["track"].drop_null().unique())


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any], file: Path) -> None:
    """Earlier results are only gone on with if they were made the same way."""
    asked = json.loads(json.dumps(wanted))  # tuples are lists on disk
    there = {"precision": "fp32", **there}  # what there was before results named it
    # Backends of one precision agree to a ten-thousandth of a pixel: one may go on where another was cut short.
    names = sorted({*there, *asked} - {"backend"})
    other = [name for name in names if there.get(name) != asked.get(name, "fp32" if name == "precision" else None)]
    if other:
        name = other[0]
        raise InputError(
            f"{file}: made with other settings ({name} was {there.get(name)!r}, now {asked.get(name)!r}); "
            "use --overwrite to begin anew, or another -o folder"
        )


def describe_run(
    source: str,
    weights: Path,
    detector: str,
    config: StreamConfig,
    window: tuple[int, ...] | None = None,
    runtime: Runtime | None = None,
) -> dict[str, Any]:
    """What results depend on: the source as it is now, the weights by content, the detector, the settings.

    `window` holds the frame offsets shown in place of the model's own, None for those; `runtime`, where one is given,
    adds by which backend and at what precision.
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
    if runtime is not None:
        about |= {"backend": runtime.name, "precision": runtime.precision}
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return about | {"weights": digest, "window": window, "detector": detector, "config": dataclasses.asdict(config)}


def without_password(source: str) -> str:
    """A source as it may be shown and saved: the user and password of an address hidden."""
    return re.sub(r"^([a-zA-Z][\w+.-]*://)[^/@]*@", r"\1***@", source)
