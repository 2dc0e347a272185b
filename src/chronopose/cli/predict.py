"""`chronopose predict` and `chronopose draw`: poses of videos, and videos with poses drawn on them."""

import hashlib
import json as json_format
import logging
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from chronopose.cli.progress import bar
from chronopose.core.errors import InputError

if TYPE_CHECKING:
    from chronopose.inference.pipeline import Outcome
    from chronopose.inference.stream import StreamConfig
    from chronopose.tracking.detector import BoxFile, Detector


def predict(
    videos: Annotated[list[str], Parameter(negative=())],
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("poses"),
    model: str = "dsta-small",
    frames: Annotated[tuple[int, ...] | None, Parameter(negative=(), consume_multiple=True)] = None,
    detector: str = "auto",
    boxes: Path | None = None,
    full_frame: Annotated[bool, Parameter(negative=())] = False,
    detect_every: int = 1,
    crop: Literal["locked", "exact"] = "locked",
    drift: float = 0.1,
    max_persons: int | None = None,
    to: str = "",
    video: bool = True,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), negative=())] = False,
) -> int:
    """Find the persons in videos and write their poses, with track ids and uncertainty.

    For each video NAME.EXT it writes NAME.poses.parquet and NAME.poses.mp4 into the output folder. A run that was cut
    short goes on when the same command is given again.

    Parameters
    ----------
    videos
        Video files, folders of images, camera numbers or stream URLs.
    out
        Folder for the results.
    model
        A bundled model, a .safetensors file, or the folder of a training run.
    frames
        Frames shown to the model, relative to the one answered, instead of its own; "-2 -1 0" needs no look-ahead. Not
        for models that are shown single frames.
    detector
        What finds the persons: auto, bundled, or a detector of torchvision's. Auto takes torchvision's where the
        weights are on this machine already, and the bundled one elsewhere.
    boxes
        Persons' boxes from a file instead: CSV, or JSON of COCO or PoseTrack.
    full_frame
        One person fills the frame: no detector.
    detect_every
        Run the detector on every N-th frame and track between.
    crop
        locked: encode each frame once while a person stays near an anchor box. exact: crop each window anew.
    drift
        How far a box may stray from its anchor, as a fraction of its size.
    max_persons
        At most so many persons in a frame.
    to
        Further formats, with commas between: coco, posetrack, openpose, csv.
    video
        Write the annotated video as well.
    overwrite
        Begin anew where there are results.
    device
        cpu, cuda, or auto.
    json
        Print one JSON object for each video.
    verbose
        Show what the library logs.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(name)s: %(message)s")
    from chronopose.formats import FORMATS
    from chronopose.inference.stream import StreamConfig

    kinds = list(dict.fromkeys(kind.strip() for kind in to.split(",") if kind.strip()))
    for kind in kinds:
        if kind not in FORMATS:
            raise InputError(f"--to: no format {kind!r}; there are {', '.join(FORMATS)}")
    stems = [_stem(source) for source in videos]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"two of the videos would be written to {out / stem}.poses.parquet; give each its own -o")
    kinds = [kind for kind in kinds if kind != "parquet"]  # it is written anyway, and knows how it was made
    config = StreamConfig(crop=crop, drift=drift, detect_every=detect_every, max_persons=max_persons)
    job = _Job(model, frames, device, detector, boxes, full_frame, config)
    failed = 0
    for source, stem in zip(videos, stems):
        try:
            failed += _one(job, source, out / f"{stem}.poses.parquet", kinds, video, overwrite, json)
        except InputError as error:
            if len(videos) == 1:
                raise
            print(f"chronopose: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


class _Job:
    """What all videos of one command share: the model, the detector, the settings."""

    def __init__(
        self,
        model: str,
        frames: tuple[int, ...] | None,
        device: str,
        detector: str,
        boxes: Path | None,
        full_frame: bool,
        config: "StreamConfig",
    ) -> None:
        from chronopose.inference.estimator import load

        self.estimator = load(model, device=device, window=frames)
        self.config = config
        self.model, self.window = model, frames
        self.detector_name, self.detector = self._detector(detector, boxes, full_frame)

    def _detector(self, name: str, boxes: Path | None, full_frame: bool) -> "tuple[str, Detector | BoxFile]":
        from chronopose.formats.boxes import read_boxes
        from chronopose.inference.finding import choose_detector
        from chronopose.tracking.detector import BoxFile, FullFrame

        if boxes is not None and full_frame:
            raise InputError("--boxes and --full-frame both say where the persons are; give one of them")
        if boxes is not None:
            # Named by content, so that results of an edited file are not taken for those of the old one.
            name = f"boxes of {boxes}, sha256 {hashlib.sha256(boxes.read_bytes()).hexdigest()[:16]}"
            return name, BoxFile(read_boxes(boxes))
        finder: Detector = FullFrame() if full_frame else choose_detector(name, str(self.estimator.predictor.device))
        return finder.name, finder


def _one(job: _Job, source: str, results: Path, kinds: list[str], video: bool, overwrite: bool, as_json: bool) -> int:
    """One video to its files; 1 where it broke off in the middle."""
    from chronopose import formats
    from chronopose.inference.pipeline import annotate, describe_run, predict_video, without_password
    from chronopose.inference.stream import PoseStream
    from chronopose.models.checkpoint import locate

    shown = without_password(source)
    live = bool(re.fullmatch(r"\d{1,3}|[a-zA-Z][\w+.-]*://.*", source))
    if live and video:
        raise InputError(f"{shown}: a live source is not annotated, since it cannot be read twice; add --no-video")
    began = time.monotonic()
    stream = PoseStream(job.estimator.predictor, job.detector, job.config)
    run = describe_run(source, locate(job.model), job.detector_name, job.config, job.window)
    with bar(f"poses   {Path(shown).name}") as line:
        outcome = predict_video(
            source,
            results,
            stream,
            run,
            overwrite=overwrite,
            started=lambda info, done: line.start(info.frames, done),
            progress=line.advance,
        )
    seconds = time.monotonic() - began
    written = [results]
    sequence = formats.read(results)
    for kind in kinds:
        target = results.with_suffix(formats.ENDINGS[kind])
        formats.write(sequence, target, kind)
        written.append(target)
    if video:
        target = results.with_suffix(".mp4")
        with bar(f"drawing {Path(source).name}", len(sequence)) as line:
            annotate(source, sequence, target, line.advance)
        written.append(target)
    _report(shown, outcome, len(sequence.tracks), sum(len(f.poses) for f in sequence), seconds, written, as_json)
    if outcome.broken:
        print(f"chronopose: {outcome.broken}", file=sys.stderr)
    return 1 if outcome.broken else 0


def _report(
    source: str, outcome: "Outcome", tracks: int, poses: int, seconds: float, written: list[Path], as_json: bool
) -> None:
    if as_json:
        fields = {
            "source": source, "frames": outcome.frames, "resumed_at": outcome.resumed, "poses": poses, "tracks": tracks,
            "encoded_crops": outcome.encoded, "seconds": round(seconds, 3), "broken": outcome.broken,
            "written": [str(path) for path in written],
        }  # fmt: skip
        print(json_format.dumps(fields))
        return
    new = outcome.frames - outcome.resumed
    rate = f", {new / seconds:.1f} frames/s" if new else ", all done before"
    print(f"{source}: {outcome.frames} frames, {poses} poses, {tracks} persons{rate}")
    for path in written:
        print(f"  wrote {path}")


def draw(
    video: str,
    poses: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("drawn.mp4"),
) -> None:
    """Draw saved poses onto their video.

    Parameters
    ----------
    video
        The video file or image folder.
    poses
        Poses of it in any format that `convert` reads.
    out
        The annotated video.
    """
    from chronopose import formats
    from chronopose.inference.pipeline import annotate

    sequence = formats.read(poses)
    with bar("drawing", len(sequence)) as line:
        count = annotate(video, sequence, out, line.advance)
    print(f"wrote {out}: {count} frames")


def _stem(source: str) -> str:
    """A name for the results of a source: the file's own, or the letters and digits of an address."""
    if re.fullmatch(r"\d{1,3}", source):
        return f"camera-{source}"
    if "://" in source:
        return re.sub(r"[^\w.-]+", "-", re.sub(r"//[^/@]*@", "//", source).split("://", 1)[1]).strip("-")
    path = Path(source)
    return path.resolve().name if path.is_dir() else path.stem
