"""`chronopose live`: poses of a camera, a stream or a playing file as it runs, with bounded delay."""

import json as json_format
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from chronopose.cli.seeing import Seeing

if TYPE_CHECKING:
    from chronopose.core.types import VideoInfo
    from chronopose.inference.live import Live, LiveAnswer
    from chronopose.inference.stream import PoseStream


def live(
    source: str,
    /,
    *,
    out: Annotated[tuple[Path, ...], Parameter(name=("--out", "-o"), negative=())] = (),
    lag: int | None = None,
    realtime: Annotated[bool, Parameter(negative=())] = False,
    show: Annotated[bool, Parameter(negative=())] = False,
    seeing: Seeing = Seeing(),  # noqa: B008 - frozen
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Answer a source while it plays, with a line every second; q, Escape or Ctrl-C ends it and keeps what was written.

    Where the model is slower than a camera, a stream or a --realtime file, the oldest waiting frames are dropped and
    counted. At the end it says how long answers took from the arrival of their frame, look-ahead included.

    Parameters
    ----------
    source
        Number of a camera, URL of a stream, or a video file.
    out
        Files to write, by their ending: poses (.parquet), annotated video (.mp4, .mkv); may be given twice.
    lag
        Frames of look-ahead at most; the newest frame stands in for those not seen. All that the model wants if not
        given; 0 answers at once.
    realtime
        Play a file at its own pace, as if it were a camera.
    show
        A window with the poses drawn; wants a build of OpenCV that has one.
    seeing
        How poses are found.
    json
        Print a JSON object for the source, one for each frame, and one at the end.
    """
    from chronopose.inference.drawing import Painter
    from chronopose.inference.live import Live, Recording, at_own_pace
    from chronopose.inference.stream import PoseStream
    from chronopose.video.reader import open_video

    with ExitStack() as opened:
        window = None
        if show:  # before anything that takes time: most builds have none
            from chronopose.video.window import Window

            window = opened.enter_context(Window("chronopose"))
        estimator = seeing.estimator()
        _, finder = seeing.finder(estimator.predictor.runtime)
        stream = PoseStream(estimator.predictor, finder, seeing.config(lag=lag, chunk=1))
        video = opened.enter_context(open_video(source))
        recording = opened.enter_context(Recording(out, stream.skeleton, video.info))
        frames = at_own_pace(video) if realtime else video
        told = _Told(video.info, stream, json)
        running = opened.enter_context(Live(frames, stream, drop=video.live or realtime))
        painter = Painter()
        try:
            for answer in running:
                recording.add(answer)
                told.answer(answer, running)
                if window and not window.show(painter.paint(answer.frame.pixels, answer.poses.poses)):
                    break
        except KeyboardInterrupt:  # how a live run ends
            pass
    told.end(running, [str(path) for path in out], video.broken)
    return 1 if video.broken and not video.live else 0


class _Told:
    """What is printed: a line every second, or a JSON object for every frame."""

    def __init__(self, info: "VideoInfo", stream: "PoseStream", as_json: bool) -> None:
        self._json = as_json
        self._began = self._last = time.monotonic()
        self._frames = 0  # since the last line
        if as_json:
            _line(
                {
                    "source": info.source,
                    "width": info.width,
                    "height": info.height,
                    "fps": info.fps,
                    "joints": stream.skeleton.joints,
                    "look_ahead": stream.look_ahead,
                }
            )

    def answer(self, answer: "LiveAnswer", running: "Live") -> None:
        """Tells of one more answer, or counts it until the second is over."""
        if self._json:
            _line(_as_json(answer))
            return
        self._frames += 1
        now = time.monotonic()
        if now - self._last >= 1:
            rate, persons = self._frames / (now - self._last), len(answer.poses.poses)
            print(
                f"{answer.poses.time_s:9.1f} s {rate:6.1f} frames/s {persons:3d} persons "
                f"{1e3 * answer.latency_s:6.0f} ms late {running.dropped:5d} dropped",
                flush=True,
            )
            self._last, self._frames = now, 0

    def end(self, running: "Live", written: list[str], broken: str | None) -> None:
        """Tells of the whole run."""
        seconds = time.monotonic() - self._began
        frames, late = len(running.latencies_s), running.latencies_ms()
        if self._json:
            _line(
                {
                    "frames": frames,
                    "dropped": running.dropped,
                    "seconds": round(seconds, 3),
                    "latency_ms": {name: round(value, 2) for name, value in late.items()},
                    "written": written,
                    "broken": broken,
                }
            )
        else:
            print(f"{frames} frames in {seconds:.1f} s ({frames / seconds:.1f} frames/s), {running.dropped} dropped")
            if late:
                print("from arrival to answer: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in late.items()))
            for path in written:
                print(f"  wrote {path}")
        if broken:
            print(f"chronopose: {broken}", file=sys.stderr)


def _as_json(answer: "LiveAnswer") -> dict[str, Any]:
    return {
        "frame": answer.poses.frame,
        "time_s": round(answer.poses.time_s, 4),
        "latency_ms": round(1e3 * answer.latency_s, 2),
        "persons": [
            {
                "track": pose.track_id,
                "box": _rounded(pose.box),
                "box_score": round(pose.box_score, 4),
                "xy": [_rounded(joint) for joint in pose.xy],
                "score": [round(float(score), 4) for score in pose.score],
                "sigma": None if pose.sigma is None else [_rounded(joint) for joint in pose.sigma],
            }
            for pose in answer.poses.poses
        ],
    }


def _rounded(numbers: Any) -> list[float | None]:
    """Hundredths of a pixel; null where unknown."""
    return [None if value != value else round(value, 2) for value in map(float, numbers)]


def _line(fields: dict[str, Any]) -> None:
    print(json_format.dumps(fields), flush=True)
