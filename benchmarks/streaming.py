"""What locked crops are worth in a stream: network throughput against exact crops, and what they cost in PCK.

    python benchmarks/streaming.py [--rendered FOLDER] [--jhmdb FOLDER] > benchmarks/streaming.md

Throughput wants no data: the boxes stand still but for a hundredth of a pixel, which is all that an exact crop needs to
be cut anew for every key frame. PCK wants labelled videos: a folder of rendered clips, a folder of JHMDB's.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from chronopose.clips.contract import PoseModel
from chronopose.core.geometry import box_around
from chronopose.core.skeleton import JHMDB_15, Skeleton
from chronopose.core.types import Floats, Frame, Pixels
from chronopose.data import jhmdb
from chronopose.data.rendered import cut
from chronopose.data.rendered_videos import SKELETON, SPLIT, videos
from chronopose.formats.shards import Shards
from chronopose.inference.estimator import load
from chronopose.inference.predictor import Predictor
from chronopose.inference.stages import Stages
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.metrics.bootstrap import interval
from chronopose.metrics.pck import person_box_size
from chronopose.models import network_of
from chronopose.recipes.presets import PRESETS
from chronopose.tracking.detector import BoxFile
from chronopose.video.reader import open_video

Hits = NDArray[np.float64]

WINDOWED = ("dsta-small", "ftp-small")
BUNDLED = (*WINDOWED, "listpose-small")
DRIFTS = (0.05, 0.07, 0.1)
CHUNK, SWAY_PX, THRESHOLD = 8, 0.01, 0.1
HEAD = """# Locked crops in a stream

`python benchmarks/streaming.py{arguments}`, one thread of a CPU, plain torch in float32.

## Network throughput at a steady box

One person, a box that sways by a hundredth of a pixel, chunks of {chunk} frames in mid-stream. Time is the processor
time of encode and fuse for one answered frame: the median of {rounds} rounds, modes interleaved. The most that could be
won is the number of frames in the window, where fuse costs nothing; a recurrent model encodes each frame once anyway.
`dsta-r50` has random weights.

| model | frames | crops encoded a frame: exact, locked | ms a frame: exact, locked | ratio | of frames shown |
|---|---|---|---|---|---|"""
ACCURACY = """
## What it costs in PCK@{threshold}

True boxes with ids, all frames of {clips} clips of each folder, joints in the image, by the longer side of the box.
Rendered clips are five frames long, of people in motion. JHMDB's have a box made of their joints, which jumps as arms
are raised; a recovered copy, good to compare modes with and never to be quoted. The change is in points, with the
interval of 95 % over videos. Locked crops are meant to cost 0.5 points at most. `dsta-small` moves features of earlier
anchors to the key frame's; for `ftp-small`, which cannot, such frames are encoded anew.

`listpose-small` is not in the table: a recurrent model encodes each frame once in any case. When streams still locked
its crops, a drift of 0.1 cost it 1.14 points on JHMDB's clips (0.22 to 2.18) and 0.09 on rendered ones (-0.85 to 0.98),
and saved nothing. Since then streams crop for recurrent models exactly.

| data | model | mode | crops encoded per pose | PCK@{threshold} | change against exact |
|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Clip:
    """A video in memory with its truth: xy (T, P, K, 2), NaN where not judged, and boxes (T, P, 4), NaN for nobody."""

    frames: list[Frame]
    skeleton: Skeleton
    xy: Floats
    boxes: Floats

    def box_file(self) -> BoxFile:
        """The boxes as a user's file with ids."""
        table = {}
        for frame, here in enumerate(self.boxes):
            there = np.flatnonzero(np.isfinite(here).all(axis=-1))
            table[frame] = (here[there], np.ones(len(there), np.float32), there)
        return BoxFile(table)


# Throughput -------------------------------------------------------------------------------------------------------


def plain(name: str) -> Predictor:
    """A bundled model in plain torch, whatever other runtimes there are."""
    return Predictor(load(name, device="cpu", backend="torch").model, "cpu")


def models() -> dict[str, Predictor]:
    """What throughput is measured of."""
    torch.manual_seed(0)
    found = {}
    for offsets in ((-1, 0, 1), (-2, -1, 0, 1, 2)):
        config: Any = replace(PRESETS["dsta-r50"], offsets=offsets)
        found[f"dsta-r50, {len(offsets)} frames"] = Predictor(cast(PoseModel, network_of(config)), "cpu")
    return found | {name: plain(name) for name in BUNDLED}


def steady(predictor: Predictor, crop: str, frames: list[Frame]) -> tuple[float, float]:
    """Seconds of encode and fuse, and encoded crops, of each frame answered in mid-stream."""
    boxes = np.array([[40, 20, 120, 240]], np.float32)
    sway = BoxFile({f.index: (boxes + SWAY_PX * (f.index % 2), np.ones(1), np.zeros(1, np.int64)) for f in frames})
    stages = Stages(time.process_time)
    config = StreamConfig(crop=cast(Any, crop), chunk=CHUNK, still=None)
    stream = PoseStream(predictor, sway, config, stages.measure)
    for frame in frames[:CHUNK]:
        stream.push(frame)
    before, encoded = dict(stages.seconds), stream.encoded
    answered = sum(len(stream.push(frame)) for frame in frames[CHUNK:])
    spent = sum(stages.seconds[name] - before[name] for name in ("encode", "fuse"))
    return spent / answered, (stream.encoded - encoded) / answered


def throughput(rounds: int) -> None:
    """Prints the rows of the first table."""
    rng = np.random.default_rng(0)
    frames = [
        Frame(index, index / 25, rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)) for index in range(3 * CHUNK)
    ]
    for name, predictor in models().items():
        seconds: dict[str, list[float]] = {"exact": [], "locked": []}
        crops = {}
        for _ in range(rounds):
            for crop, spent in seconds.items():
                took, crops[crop] = steady(predictor, crop, frames)
                spent.append(took)
        exact, locked = (1e3 * statistics.median(spent) for spent in seconds.values())
        shown = 1 if predictor.spec.recurrent else len(predictor.spec.offsets)
        print(
            f"| {name.split(',')[0]} | {shown} | {crops['exact']:.1f}, {crops['locked']:.1f} | {exact:.1f}, "
            f"{locked:.1f} | {exact / locked:.2f} | {exact / locked / shown:.2f} |",
            flush=True,
        )


# Accuracy ---------------------------------------------------------------------------------------------------------


def rendered(folder: Path) -> Iterator[Clip]:
    """Rendered clips, joints that can be seen or not."""
    shards = Shards(folder)
    for number, video in enumerate(videos(folder, SPLIT)):
        pixels = shards.clip(number).frames
        xy = np.full((len(pixels), len(video.persons), len(SKELETON), 2), np.nan, np.float32)
        boxes = np.full((*xy.shape[:2], 4), np.nan, np.float32)
        for place, person in enumerate(video.persons):
            xy[person.frames, place] = inside(person.xy_image, pixels[0])
            boxes[person.frames, place] = cut(person.box, shards.size)
        yield Clip([Frame(i, i / 25, picture) for i, picture in enumerate(pixels)], SKELETON, xy, boxes)


def recovered(folder: Path) -> Iterator[Clip]:
    """JHMDB's test clips, spread over its actions."""
    found = jhmdb.videos(folder, "test1")
    for video in found[:: max(len(found) // 24, 1)]:
        assert isinstance(video.images, Path)
        with open_video(video.images) as reader:
            frames = list(reader)
        (person,) = video.persons
        xy = inside(person.xy_image, frames[0].pixels)
        boxes = np.stack([box_around(one) for one in xy])
        yield Clip(frames, JHMDB_15, xy[:, None], boxes[:, None])


def inside(xy: Floats, picture: Pixels) -> Floats:
    """Joints (..., 2) outside the picture made unknown."""
    kept = np.all((xy >= -0.5) & (xy < np.array(picture.shape[1::-1]) - 0.5), axis=-1, keepdims=True)
    return np.where(kept, xy, np.nan).astype(np.float32)


def judged(predictor: Predictor, clip: Clip, config: StreamConfig) -> tuple[int, int, int, int]:
    """Joints right, joints judged, poses and encoded crops of one clip."""
    stream = PoseStream(predictor, clip.box_file(), config)
    right = counted = poses = 0
    for answer in stream.over(clip.frames):
        for pose in answer.poses:
            assert pose.track_id is not None
            xy = clip.skeleton.gather(pose.xy, pose.skeleton)
            truth = clip.xy[answer.frame, pose.track_id]
            apart = np.linalg.norm(xy - truth, axis=-1)
            known = np.isfinite(apart)
            size = float(person_box_size(clip.boxes[answer.frame, pose.track_id][None])[0])
            right += int((apart[known] <= THRESHOLD * size).sum())
            counted += int(known.sum())
            poses += 1
    return right, counted, poses, stream.encoded


def accuracy(name: str, clips: list[Clip]) -> None:
    """Prints the rows of one folder."""
    modes = {"exact": StreamConfig(crop="exact")} | {f"locked {d}": StreamConfig(drift=d) for d in DRIFTS}
    for model in WINDOWED:
        predictor = plain(model)
        reference: Hits | None = None
        for mode, config in modes.items():
            table = np.array([judged(predictor, clip, config) for clip in clips], dtype=np.float64)
            right, counted, poses, encoded = table.T
            reference = right if reference is None else reference
            share, change = 100 * right.sum() / counted.sum(), 100 * (right - reference).sum() / counted.sum()
            low, high = interval(right - reference, counted, np.random.default_rng(0))
            told = "" if mode == "exact" else f"{change:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
            print(
                f"| {name} | {model} | {mode} | {encoded.sum() / poses.sum():.2f} | {share:.1f} | {told} |", flush=True
            )


def main() -> None:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rendered", type=Path, help="a folder of rendered clips")
    parser.add_argument("--jhmdb", type=Path, help="a folder of JHMDB")
    parser.add_argument("--clips", type=int, default=48, help="of each folder")
    parser.add_argument("--rounds", type=int, default=5, help="of the throughput")
    options = parser.parse_args()
    torch.set_num_threads(1)
    arguments = " --rendered FOLDER" * (options.rendered is not None) + " --jhmdb FOLDER" * (options.jhmdb is not None)
    print(HEAD.format(arguments=arguments, chunk=CHUNK, rounds=options.rounds), flush=True)
    throughput(options.rounds)
    if options.rendered or options.jhmdb:
        print(ACCURACY.format(threshold=THRESHOLD, clips=options.clips))
    if options.rendered:
        accuracy("rendered", list(islice(rendered(options.rendered), options.clips)))
    if options.jhmdb:
        accuracy("JHMDB, recovered", list(islice(recovered(options.jhmdb), options.clips)))


if __name__ == "__main__":
    main()
