"""Crops that graphs are compared and quantised on: of the clip that ships with the package, or of data given."""

from importlib import resources
from itertools import islice
from pathlib import Path

import numpy as np

from chronopose.clips.crop import crop_clip
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.data import catalogue
from chronopose.formats import table
from chronopose.formats.boxes import read_boxes
from chronopose.video.reader import open_video


def windows(spec: ClipSpec, count: int, frames: int | None = None) -> Pixels:
    """(count, T, H, W, 3) uint8: windows of the clip's persons in their true boxes, spread evenly.

    Args:
        spec: what the model is shown.
        count: how many; a person's window may come twice if it is more than there are.
        frames: of the clip to draw from; fewer are read faster.
    """
    with resources.as_file(resources.files("chronopose") / "demo") as folder:
        sequence = table.read_parquet(folder / "crossing.parquet")
    last = len(sequence) - 1 if frames is None else min(frames, len(sequence)) - 1
    pictures = first_frames(last + 1)
    persons = [(frame.frame, pose.box) for frame in sequence.frames[: last + 1] for pose in frame.poses]
    chosen = np.linspace(0, len(persons) - 1, count).astype(int)
    return np.stack(
        [
            crop_clip([pictures[frame] for frame in spec.window(persons[i][0], 0, last)], persons[i][1], spec).pixels
            for i in chosen
        ]
    )


def first_frames(count: int) -> list[Pixels]:
    """The first frames of the clip, each (H, W, 3) uint8."""
    clip = resources.files("chronopose") / "demo" / "crossing.mp4"
    with resources.as_file(clip) as file, open_video(str(file)) as video:
        return [frame.pixels for frame in islice(video, count)]


def crops(spec: ClipSpec, count: int) -> Pixels:
    """(count, H, W, 3) uint8 single crops of the same persons."""
    return windows(_single(spec), count)[:, 0]


def crops_of_data(name: str, folder: Path, spec: ClipSpec, count: int) -> Pixels:
    """(N, H, W, 3) uint8 crops of persons of a data set's training part, spread evenly, at most `count`."""
    people = catalogue.open_data(name, folder, catalogue.named(name).training[0])
    chosen = np.unique(np.linspace(0, len(people) - 1, min(count, len(people))).astype(int))
    clips = [people.clip(int(index), (0,)) for index in chosen]
    return _stacked([crop_clip(clip.frames, clip.box, _single(spec)).pixels for clip in clips], f"{name} {folder}")


def crops_of_video(video: str, boxes: Path, spec: ClipSpec, count: int) -> Pixels:
    """(N, H, W, 3) uint8 crops of persons of a video in the boxes of a file, spread evenly, at most `count`."""
    with open_video(video) as reader:
        found = [(frame, box) for frame, (rows, _, _) in read_boxes(boxes, reader.info).items() for box in rows]
        chosen: dict[int, list[Floats]] = {}
        for index in np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)):
            chosen.setdefault(found[index][0], []).append(found[index][1])
        cut = [
            crop_clip([frame.pixels], box, _single(spec)).pixels
            for frame in reader
            for box in chosen.get(frame.index, [])
        ]
    return _stacked(cut, f"{video} {boxes}")


def _single(spec: ClipSpec) -> ClipSpec:
    return ClipSpec(offsets=(0,), height=spec.height, width=spec.width, margin=spec.margin)


def _stacked(cut: list[Pixels], where: str) -> Pixels:
    """Clips of one frame each as crops."""
    if not cut:
        raise InputError(f"{where}: no person to cut out")
    return np.concatenate(cut)
