"""What a video costs: the time of each stage, rates, memory, and how near the encoder comes to the machine's peak."""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from chronopose.core.types import VideoInfo
from chronopose.inference.pipeline import predict_video, tally
from chronopose.inference.stages import Measure, Stages, unmeasured
from chronopose.inference.stream import PoseStream
from chronopose.video.reader import open_video

STAGES = ("decode", "detect", "track", "crop", "encode", "fuse", "draw", "write")
"""In the order in which a frame goes through them; write is the results and the H.264 of the annotated video."""

NETWORKS = ("detect", "encode", "fuse")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a video cost.

    Attributes:
        info: of the video.
        frames: in it.
        poses: found in all frames.
        encoded: crops that went through the encoder.
        seconds: of the whole run, everything overlapped as in use.
        processor_s: of all threads together in that run.
        alone_s: of a run that does one thing after the other.
        stages: seconds of each of `STAGES` in that run; what they leave of `alone_s` is opening files and the like.
        memory_mb: the most that the process has held, model and libraries included.
        encode_macs: multiply-accumulates of one crop's encoding in the model as it was built, None where only a file
            of graphs is there.
        peak_macs: multiply-accumulates a second that float32 reaches here, see `peak`.
    """

    info: VideoInfo
    frames: int
    poses: int
    encoded: int
    seconds: float
    processor_s: float
    alone_s: float
    stages: dict[str, float]
    memory_mb: float
    encode_macs: int | None
    peak_macs: float

    @property
    def outside_networks(self) -> float:
        """The share of `alone_s` that is spent neither in the detector nor in the model."""
        return 1 - sum(self.stages[stage] for stage in NETWORKS) / self.alone_s

    @property
    def floor_s(self) -> float:
        """The least that one crop's encoding could take in float32; NaN where nobody knows its work."""
        return float("nan") if self.encode_macs is None else self.encode_macs / self.peak_macs

    @property
    def encode_s(self) -> float:
        """What one crop's encoding took; NaN where nobody was found."""
        return self.stages["encode"] / self.encoded if self.encoded else float("nan")


def speed(
    source: str, new_stream: Callable[[Measure], PoseStream], *, model: Callable[[], object], video: bool = True
) -> Speed:
    """Takes a video through the whole pipeline twice: overlapped as in use, then one stage after the other.

    Args:
        source: a video file or folder of images.
        new_stream: makes the stream, given who measures it.
        model: gives the model as it was built, whose work is counted; called when memory has been read.
        video: write the annotated video too.

    Raises:
        InputError: unreadable source.
    """
    info = _warmed_up(source, new_stream(unmeasured))
    stages = Stages()
    with tempfile.TemporaryDirectory(prefix="chronopose-bench-") as folder:
        results, drawn = Path(folder) / "poses.parquet", Path(folder) / "poses.mp4" if video else None
        began, processor = time.perf_counter(), time.process_time()
        predict_video(source, results, new_stream(unmeasured), {}, annotated=drawn)
        seconds, processor_s = time.perf_counter() - began, time.process_time() - processor
        memory_mb = peak_memory_mb()
        stream = new_stream(stages.measure)
        poses, _ = tally(results, stream.skeleton)
        began = time.perf_counter()
        outcome = predict_video(source, results, stream, {}, annotated=drawn, overwrite=True, overlap=False)
        alone_s = time.perf_counter() - began
    # Torch and the model itself take memory that belongs to nobody's video.
    from chronopose.inference.bounds import encode_macs, peak

    return Speed(
        info=info,
        frames=outcome.frames,
        poses=poses,
        encoded=outcome.encoded,
        seconds=seconds,
        processor_s=processor_s,
        alone_s=alone_s,
        stages={stage: stages.seconds.get(stage, 0.0) for stage in STAGES},
        memory_mb=memory_mb,
        encode_macs=encode_macs(model()),
        peak_macs=peak(stream.predictor.device),
    )


def _warmed_up(source: str, stream: PoseStream) -> VideoInfo:
    """Shows a stream the first frames, so that what a network's first call costs is paid; gives what the video is."""
    with open_video(source) as reader:
        for frame in islice(reader, 2 * stream.config.chunk):
            stream.push(frame)
        return reader.info


def peak_memory_mb() -> float:
    """The most memory that this process has held so far; NaN on Windows, which counts it in another way."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10
