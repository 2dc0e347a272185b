"""`chronopose predict` and `chronopose draw`: poses of videos, and videos with poses drawn on them."""

import json as json_format
import logging
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from chronopose.cli.progress import bar
from chronopose.cli.seeing import Seeing
from chronopose.core.errors import InputError

if TYPE_CHECKING:
    from chronopose.inference.pipeline import Outcome


def predict(
    videos: Annotated[list[str], Parameter(negative=())],
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("poses"),
    to: str = "",
    video: bool = True,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    seeing: Seeing = Seeing(),  # noqa: B008 - frozen
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
    to
        Further formats, with commas between: coco, posetrack, openpose, csv.
    video
        Write the annotated video as well.
    overwrite
        Begin anew where there are results.
    seeing
        How poses are found.
    json
        Print one JSON object for each video.
    verbose
        Show what the library logs.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(name)s: %(message)s")
    from chronopose.formats import FORMATS

    kinds = list(dict.fromkeys(kind.strip() for kind in to.split(",") if kind.strip()))
    for kind in kinds:
        if kind not in FORMATS:
            raise InputError(f"--to: no format {kind!r}; there are {', '.join(FORMATS)}")
    stems = [_stem(source) for source in videos]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"two of the videos would be written to {out / stem}.poses.parquet; give each its own -o")
    kinds = [kind for kind in kinds if kind != "parquet"]  # it is written anyway, and knows how it was made
    job = _Job(seeing)
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

    def __init__(self, seeing: Seeing) -> None:
        self.config = seeing.config()
        self.estimator = seeing.estimator()
        self.model, self.window = seeing.model, seeing.frames
        self.detector_name, self.detector = seeing.finder(self.estimator.predictor.runtime)


def _one(job: _Job, source: str, results: Path, kinds: list[str], video: bool, overwrite: bool, as_json: bool) -> int:
    """One video to its files; 1 where it broke off in the middle."""
    from chronopose import formats
    from chronopose.formats.weights_file import locate
    from chronopose.inference.drawing import annotate
    from chronopose.inference.pipeline import describe_run, predict_video, tally, without_password
    from chronopose.inference.stream import PoseStream
    from chronopose.video.reader import is_live

    shown = without_password(source)
    drawn = results.with_suffix(".mp4") if video else None
    began = time.monotonic()
    stream = PoseStream(job.estimator.predictor, job.detector, job.config)
    runtime = job.estimator.predictor.runtime
    run = describe_run(source, locate(job.model), job.detector_name, job.config, job.window, runtime)
    with bar(f"poses   {Path(shown).name}") as line:
        outcome = predict_video(
            source,
            results,
            stream,
            run,
            annotated=drawn,
            overwrite=overwrite,
            started=lambda info, done: line.start(info.frames, done),
            progress=line.advance,
        )
    seconds = time.monotonic() - began
    written = [results]
    second_pass = drawn is not None and not outcome.annotated and not is_live(source)
    if kinds or second_pass:
        sequence = formats.read(results)
        for kind in kinds:
            target = results.with_suffix(formats.ENDINGS[kind])
            formats.write(sequence, target, kind)
            written.append(target)
        if drawn is not None and second_pass:
            with bar(f"drawing {Path(source).name}", len(sequence)) as line:
                annotate(source, sequence, drawn, line.advance)
    if drawn is not None:
        if not drawn.exists():
            raise InputError(f"{drawn}: a live source cannot be drawn on later; add --overwrite or --no-video")
        written.append(drawn)
    poses, persons = tally(results, stream.skeleton)
    _report(shown, outcome, persons, poses, seconds, written, as_json)
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
    from chronopose.inference.drawing import annotate

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
