"""PoseTrack (Andriluka et al., CVPR 2018; Doering et al., CVPR 2022): 15 joints of everybody in videos of crowds.

A folder is laid out in one of these ways; `{split}` is train, val or test, and `posetrack_data/` may stand before:

- PoseTrack17: `annotations/{split}/*.json` (`annolist`) and `images/{set}/{sequence}/*.jpg`; or the merged
  `posetrack_{split}.json` of the papers' code and `images_renamed/{set}/{sequence}/00000001.jpg`, counted from 1.
- PoseTrack18: `annotations/{split}/*.json` and `images/{split}/{sequence}/000000.jpg`, counted from 0; or the merged
  `annotations/posetrack18_{split}.json` of mmpose, or `posetrack_{split}.json`.
- PoseTrack21: `posetrack_data/{split}/*.json` and `images/{split}/{sequence}/000000.jpg`.

Files of one sequence go before merged files; `posetrack_labels` tells how they are read. A video is named like its
file, or, in a merged file, like the folder of its pictures. Only some of its frames were given to the annotators: the
others are frames of the video all the same, found in the folder where the file does not list them.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.core.types import Floats
from chronopose.data import posetrack_labels
from chronopose.data.defects import Found, Unit, defects_of, videos_of
from chronopose.data.posetrack_labels import Annotated, PersonLabel
from chronopose.data.videos import Defect, LabelledPerson, LabelledVideo
from chronopose.formats import posetrack
from chronopose.formats.boxes import read_detections
from chronopose.video.images import IMAGE_SUFFIXES

Year = Literal[2017, 2018, 2021]

SKELETON = POSETRACK_15
NAMES: dict[Year, str] = {2017: "posetrack17", 2018: "posetrack18", 2021: "posetrack21"}
SPLITS: dict[Year, tuple[str, ...]] = {
    2017: ("train", "val", "test"),
    2018: ("train", "val", "test"),
    2021: ("train", "val"),
}

_FOLDERS: dict[Year, tuple[str, ...]] = {
    2017: ("annotations/{}", "posetrack_data/annotations/{}"),
    2018: ("annotations/{}", "posetrack_data/annotations/{}"),
    2021: ("posetrack_data/{}",),
}
_MERGED: dict[Year, tuple[str, ...]] = {
    2017: ("posetrack_{}.json", "annotations/posetrack_{}.json"),
    2018: ("annotations/posetrack18_{}.json", "posetrack_{}.json", "annotations/posetrack_{}.json"),
    2021: (),
}
# The papers' code numbers the frames of 2017 anew, in a folder beside the owners'.
_RENAMED, _PICTURES = "images_renamed", ("images", "posetrack_data/images")


def videos(year: Year, folder: Path, split: str) -> tuple[LabelledVideo, ...]:
    """The videos of one part.

    Raises:
        InputError: there is no such split, or the folder is not laid out as in the module's first lines.
    """
    return videos_of(_units(year, Path(folder), split))


def defects(year: Year, folder: Path, split: str) -> Iterator[Defect | None]:
    """What is wrong with the videos of one part, and None after each video."""
    return defects_of(_units(year, Path(folder), split))


def label_files(year: Year, folder: Path, split: str) -> list[Path]:
    """The files of labels, one for each sequence; none where a folder has a merged file alone."""
    found = (sorted((folder / name.format(split)).glob("*.json")) for name in _FOLDERS[year])
    return next((files for files in found if files), [])


def boxes(file: Path, videos: Sequence[LabelledVideo]) -> dict[Path, tuple[Floats, Floats]]:
    """What a detector found, by picture: boxes (N, 4) float32 x1, y1, x2, y2 and their scores (N,).

    Args:
        file: as `formats.boxes.read_detections` reads it, with ids or names of PoseTrack's pictures. Those that are of
            none of the videos are left out, and their number is logged.
        videos: as they were read from PoseTrack's folder.
    """
    place: dict[int | str, Path] = {}
    for video in videos:
        assert isinstance(video.images, tuple)
        first = posetrack.first_id(video.images[0].parent.name)
        for image in video.images:
            place[_ending(image.as_posix())] = image
            if first is not None and re.fullmatch("[0-9]{1,4}|00[0-9]{4}", image.stem):
                place[first + int(image.stem)] = image
    found = {_ending(key) if isinstance(key, str) else key: value for key, value in read_detections(file).items()}
    by_path = {place[key]: value for key, value in found.items() if key in place}
    if len(by_path) < len(found):
        logging.getLogger(__name__).warning(
            "%s: %d of %d pictures are of no video; left out", file, len(found) - len(by_path), len(found)
        )
    return by_path


def _ending(name: str) -> str:
    """What names of pictures agree in, whatever folder they begin at: the set or split, the sequence and the frame."""
    return "/".join(name.split("/")[-3:])


def _units(year: Year, folder: Path, split: str) -> Iterable[Unit]:
    if year not in SPLITS:
        raise InputError(f"year must be one of {', '.join(map(str, SPLITS))}, got {year!r}")
    if split not in SPLITS[year]:
        raise InputError(f"split must be one of {', '.join(SPLITS[year])}, got {split!r}")
    if files := label_files(year, folder, split):
        return [Unit(file=file, read=partial(_one, folder, file)) for file in files]
    for name in _MERGED[year]:
        file = folder / name.format(split)
        if file.is_file():
            return [
                Unit(file=file, where=str(path), read=partial(_read, folder, file, path, sequence, merged=True))
                for path, sequence in posetrack_labels.read(file).items()
            ]
    wanted = " or ".join(
        name.format(split) for name in (*(f"{name}/*.json" for name in _FOLDERS[year]), *_MERGED[year])
    )
    for name in _FOLDERS[year]:
        if any((folder / name.format(split)).glob("*.mat")):
            raise InputError(f"{folder / name.format(split)}: MATLAB files, which are not read; wanted {wanted}")
    raise InputError(f"{folder}: no {wanted} there; wanted the folder of {NAMES[year]}")


def _one(folder: Path, file: Path) -> Found:
    """The video of a file that holds one sequence."""
    sequences = posetrack_labels.read(file)
    if len(sequences) != 1:
        listed = ", ".join(str(path) for path in list(sequences)[:2])
        raise InputError(f"{file}: expected pictures of one sequence, got {len(sequences)} ({listed[:120]})")
    ((path, sequence),) = sequences.items()
    return _read(folder, file, path, sequence, merged=False)


def _read(folder: Path, file: Path, path: PurePosixPath, sequence: Annotated, merged: bool) -> Found:
    """A video: `sequence` of `file`, whose pictures are in `path`."""
    inside = PurePosixPath(*path.parts[1:]) if path.parts[:1] in (("images",), (_RENAMED,)) else path
    roots = [folder / name / inside for name in ((_RENAMED,) if merged else ()) + _PICTURES]
    pictures = next((root for root in roots if root.is_dir()), None)
    if pictures is None:
        raise InputError(f"{roots[-2]}: no such folder; {file.name} has labels for its pictures")
    listed = [name.name for name in sequence.frames]
    there = {picture.name for picture in pictures.iterdir()}
    missing = [name for name in listed if name not in there]
    if missing:
        raise InputError(f"{pictures}: no {missing[0]}; {len(missing)} of {len(listed)} listed pictures are missing")
    defects = list(sequence.defects)
    names = set(listed)
    if sequence.length != len(listed):
        names |= {name for name in there if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")}
    if sequence.length not in (None, len(names)):
        what = f"{len(names)} pictures, {file.name} says {sequence.length}; those that are there are taken"
        defects.append(Defect(file=pictures, where="", what=what))
    order = sorted(names, key=_number)
    place = {name: number for number, name in enumerate(order)}
    frames = np.array([place[name] for name in listed], dtype=np.int64)
    labelled = np.zeros(len(order), dtype=bool)
    # Files that do not say which frames were labelled list no persons in the others.
    somebody = {person.frame for person in sequence.persons}
    labelled[frames] = [at in somebody if told is None else told for at, told in enumerate(sequence.frames.values())]
    persons, more = _persons(sequence.persons, frames, file)
    name = PurePosixPath(*inside.parts[1:]) if inside.parts[:1] in (("train",), ("val",), ("test",)) else inside
    video = LabelledVideo(
        name=str(name) if merged else file.stem,
        images=tuple(pictures / name for name in order),
        length=len(order),
        size=sequence.size,
        labelled=labelled,
        persons=persons,
    )
    return Found(video=video, defects=(*defects, *more, *_of_labelling(video, file)))


def _number(name: str) -> tuple[int, str]:
    """Sort key of a picture: the number that its name begins with; some of PoseTrack17 go on with letters."""
    digits = re.match("[0-9]+", name)
    return (int(digits[0]) if digits else -1, name)


def _persons(
    labels: Sequence[PersonLabel], frames: NDArray[np.int64], file: Path
) -> tuple[tuple[LabelledPerson, ...], list[Defect]]:
    """Everybody by track id; `frames` has the places in the video of the frames that the file lists."""
    fresh = 1 + max((label.track_id for label in labels if label.track_id is not None), default=-1)
    rows: dict[int, list[PersonLabel]] = {}
    seen: set[tuple[int, int]] = set()
    defects: list[Defect] = []
    for label in labels:
        track = label.track_id
        if track is None or (label.frame, track) in seen:
            why = "nothing" if track is None else f"{track} once more in the same frame"
            where = f"{label.where.removeprefix(f'{file}: ')}.track_id"
            defects.append(Defect(file=file, where=where, what=f"{why}; taken for somebody else, with id {fresh}"))
            track, fresh = fresh, fresh + 1
        seen.add((label.frame, track))
        rows.setdefault(track, []).append(label)
    persons = []
    for track, found in sorted(rows.items()):
        at = frames[[label.frame for label in found]]
        order = np.argsort(at)
        persons.append(
            LabelledPerson(
                track_id=track,
                frames=at[order],
                xy_image=np.stack([label.xy for label in found])[order],
                visible=np.stack([label.visible for label in found])[order],
                box=np.stack([label.box for label in found])[order],
                head_box=np.stack([label.head_box for label in found])[order],
            )
        )
    return tuple(persons), defects


def _of_labelling(video: LabelledVideo, file: Path) -> Iterator[Defect]:
    """What is to be known of frames that were not given to the annotators."""
    without = int((~video.labelled).sum())
    if without:
        what = f"{without} of {video.length} frames were not labelled; they are frames of the video all the same"
        yield Defect(file=file, where=f"{video.name}: is_labeled", what=what, known=True)
    # Persons with a box alone stand in such frames of PoseTrack21.
    joints = sum(
        int((~np.isnan(person.xy_image[~video.labelled[person.frames]]).all(axis=(1, 2))).sum())
        for person in video.persons
    )
    if joints:
        what = f"{joints} persons have joints in frames marked as not labelled; no examples, but labels of neighbours"
        yield Defect(file=file, where=f"{video.name}: is_labeled", what=what)
