"""PoseTrack JSON: the files of PoseTrack18 and 21, read and written, and the `annolist` of PoseTrack17, read.

Whatever skeleton comes, PoseTrack-15 is what is written and read. Joints go by name: a source without `head_bottom` or
`head_top` (COCO) leaves them unknown, they are not guessed. In the file a person has 17 joints, of which the two ears
are never used. A joint is unknown if and only if x = y = v = 0; v = 0 with coordinates is a known joint, as in the
official evaluation. `scores` holds the joints' scores; where there is none (labels), known joints have score 1.

A file is one sequence, and its name is the video's `source`: `003418_mpii_test` and the like, found in the source path
when writing, else made as `000000_mpii_{stem}` so that the official tool accepts it. Frames are numbered from 0 by the
file name of the image; in PoseTrack17, by `imgnum`, which counts from 1 (from 0, if a 0 occurs). Image ids are
T SSSSSS FFFF with T = 1 mpii, 2 bonn, 3 mpiinew. Boxes are `bbox` x, y, width, height; without one, the box around the
known joints (`bbox_head` and the `annorect` of PoseTrack17 are boxes of heads). The official tool wants track ids.

Lost by writing: times (read as NaN), sigmas, fps, frame count and duration; the source's path; joints outside
PoseTrack-15; a joint of which one coordinate is known; an unknown or inside-out box.
"""

import math
import os
import re
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15, Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import coco, document, metadata
from chronopose.formats.document import Object

STORED = [
    "nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle",
]  # fmt: skip
_SETS = {"mpii": 1, "bonn": 2, "mpiinew": 3}
_SEQUENCE = re.compile(r"(?<![0-9])([0-9]{1,6})_(mpiinew|mpii|bonn)_\w+")
_MOST_FRAMES = 10**9


def write(sequence: PoseSequence, path: str | os.PathLike[str]) -> None:
    """Writes the sequence as PoseTrack18 JSON; the file appears whole or not at all."""
    name = _sequence_name(sequence.info.source)
    match = _SEQUENCE.fullmatch(name)
    assert match is not None
    first = first_id(name)
    assert first is not None
    stored = metadata.skeleton_of(STORED, name="posetrack-17")
    pictures, annotations = [], []
    for frame in sequence:
        key = first + frame.frame
        pictures.append(
            {
                "file_name": f"images/test/{name}/{frame.frame:06d}.jpg",
                "id": key,
                "frame_id": key,
                "vid_id": f"{int(match[1]):06d}",
                "nframes": len(sequence),
                "width": sequence.info.width,
                "height": sequence.info.height,
            }
        )
        annotations += [_annotation(pose, key, index, stored) for index, pose in enumerate(frame.poses)]
    category = {"supercategory": "person", "id": 1, "name": "person", "keypoints": STORED}
    document.save({"images": pictures, "annotations": annotations, "categories": [category]}, path)


def first_id(sequence: str) -> int | None:
    """Id of the image of a sequence's frame 0, None if it has not such a name as the official tool wants."""
    match = _SEQUENCE.fullmatch(sequence)
    return None if match is None else (_SETS[match[2]] * 10**6 + int(match[1])) * 10**4


def _sequence_name(source: str) -> str:
    path = PurePosixPath(source.replace("\\", "/"))
    for part in reversed(path.parts):
        match = _SEQUENCE.search(part)
        if match:
            return match[0]
    return "000000_mpii_" + (re.sub(r"\W+", "_", path.stem).strip("_") or "video")


def _annotation(pose: Pose, image: int, index: int, stored: Skeleton) -> Object:
    xy, score = _converted(pose.xy, pose.score, pose.skeleton, POSETRACK_15)
    xy, score = _converted(xy, score, POSETRACK_15, stored)
    known = np.isfinite(xy).all(axis=1)
    triples = np.concatenate([np.where(known[:, None], xy, 0), known[:, None]], axis=1)
    entry: Object = {
        "id": image * 1000 + index,
        "image_id": image,
        "category_id": 1,
        "keypoints": [
            int(value) if at % 3 == 2 else value for at, value in enumerate(document.decimals(triples.reshape(-1)))
        ],
        "scores": document.decimals(np.where(known, np.nan_to_num(score), 0)),
        "bbox": document.bbox(pose),
        "score": float(np.nan_to_num(pose.box_score)),
    }
    if pose.track_id is not None:
        entry["track_id"] = pose.track_id
    return entry


def _converted(
    xy: NDArray[np.floating], score: NDArray[np.floating], before: Skeleton, after: Skeleton
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Joints (K, 2) and scores (K,) in another skeleton's order; NaN and 0 where `before` has no such joint."""
    return after.gather(xy, before), after.gather(score[:, None], before, fill=0.0)[:, 0]


def read(path: str | os.PathLike[str]) -> PoseSequence:
    """Reads a file of any of the three years; raises `InputError` naming the field that is wrong."""
    return from_document(document.load(path), str(path))


def from_document(content: Object, where: str) -> PoseSequence:
    """The sequence in a PoseTrack object; `where` names the file in errors."""
    return _annolist(content, where) if "annolist" in content else _images(content, where)


def number(image: Object, position: int, where: str) -> int:
    """Frame number of an image of PoseTrack18: the digits that are its file's name, else its position."""
    stem = PurePosixPath(document.text(image, "file_name", where)).stem
    if not re.fullmatch(r"[0-9]{1,12}", stem):
        return position
    if int(stem) >= _MOST_FRAMES:
        raise InputError(f"{where}.file_name: frame {int(stem)}; expected less than {_MOST_FRAMES}")
    return int(stem)


def one_sequence(content: Object, where: str) -> str:
    """The name of the one sequence whose images a PoseTrack18 file lists."""
    entries = document.objects(content, "images", where)
    names = [document.text(image, "file_name", f"{where}: images[{i}]") for i, image in enumerate(entries)]
    sequences = sorted({PurePosixPath(name).parent.name for name in names})
    if len(sequences) > 1:
        raise InputError(f"{where}: images: {len(sequences)} sequences, {sequences[0]} and others; expected one")
    return sequences[0] if sequences else ""


def _images(content: Object, where: str) -> PoseSequence:
    source = one_sequence(content, where)
    found = coco.images(content, where, number)
    categories = document.objects(content, "categories", where) if "categories" in content else [{"keypoints": STORED}]
    if len(categories) != 1:
        raise InputError(f"{where}: categories: expected one, found {len(categories)}")
    skeleton = coco.skeleton_of(categories[0], f"{where}: categories[0]")
    if not set(skeleton.joints) & set(POSETRACK_15.joints):
        raise InputError(f"{where}: categories[0].keypoints: none of PoseTrack's joints among {skeleton.joints[:3]}")
    poses = []
    for index, annotation in enumerate(document.objects(content, "annotations", where)):
        here = f"{where}: annotations[{index}]"
        poses.append((found.of(annotation, here), _pose(annotation, skeleton, here)))
    info = VideoInfo(source=source, width=found.width, height=found.height, fps=0.0)
    return found.sequence(poses, POSETRACK_15, info)


def _pose(annotation: Object, skeleton: Skeleton, where: str) -> Pose:
    joints = len(skeleton)
    # The test files of 2018 have persons without keypoints.
    triples = document.numbers(annotation, "keypoints", where, 3 * joints) if annotation.get("keypoints") else None
    x_y_v = np.zeros((joints, 3)) if triples is None else triples.reshape(joints, 3)
    known = (x_y_v != 0).any(axis=1)
    scores = document.numbers(annotation, "scores", where, joints)
    xy, score = _converted(
        np.where(known[:, None], x_y_v[:, :2], np.nan), np.ones(joints) if scores is None else scores, skeleton,
        POSETRACK_15,
    )  # fmt: skip
    box = document.box_of(annotation, where)
    return _made(xy, score, box, document.number(annotation, "score", where, 1.0), document.track_id(annotation, where))


def _made(
    xy: NDArray[np.floating],
    score: NDArray[np.floating],
    box: NDArray[np.float32] | None,
    box_score: float,
    track_id: int | None,
) -> Pose:
    return Pose(
        skeleton=POSETRACK_15,
        xy=xy.astype(np.float32),
        score=np.where(np.isnan(xy).any(axis=1), 0, score).astype(np.float32),
        box=document.tight_box(xy) if box is None else box,
        box_score=box_score,
        track_id=track_id,
    )


def _annolist(content: Object, where: str) -> PoseSequence:
    entries = document.objects(content, "annolist", where)
    numbers = []
    for index, entry in enumerate(entries):
        here = f"{where}: annolist[{index}]"
        numbers.append(document.integer(_flat(entry), "imgnum", here, 0, _MOST_FRAMES) if "imgnum" in entry else -1)
    if -1 in numbers:
        numbers = list(range(len(entries)))
    elif 0 not in numbers:
        numbers = [number - 1 for number in numbers]
    if len(set(numbers)) != len(numbers):
        raise InputError(f"{where}: annolist: two entries have the same imgnum; a file holds one video")
    frames = []
    for index, entry in enumerate(entries):
        here = f"{where}: annolist[{index}]"
        persons = document.objects(entry, "annorect", here) if entry.get("annorect") else []
        poses = tuple(_person(person, f"{here}.annorect[{at}]") for at, person in enumerate(persons))
        frames.append(FramePoses(numbers[index], math.nan, poses))
    frames.sort(key=lambda frame: frame.frame)
    image = _flat(entries[0]).get("image") if entries else None
    name = image.get("name") if isinstance(image, dict) else None
    source = PurePosixPath(name).parent.name if isinstance(name, str) else ""
    info = VideoInfo(source=source, width=0, height=0, fps=0.0)
    return PoseSequence(info=info, skeleton=POSETRACK_15, frames=tuple(frames))


def _person(person: Object, where: str) -> Pose:
    xy, score = np.full((len(POSETRACK_15), 2), np.nan), np.zeros(len(POSETRACK_15))
    points = person.get("annopoints")
    # Lists, plain objects and empty lists all occur.
    holder = points[0] if isinstance(points, list) and points else points or {}
    if not isinstance(holder, dict):
        raise InputError(f"{where}.annopoints: expected a list of one object, got {type(holder).__name__}")
    for index, point in enumerate(document.objects(holder, "point", f"{where}.annopoints") if holder else []):
        here, fields = f"{where}.annopoints.point[{index}]", _flat(point)
        joint = document.integer(fields, "id", here, 0, len(POSETRACK_15))
        for axis, key in enumerate(("x", "y")):
            value = document.number(fields, key, here, math.nan)
            if math.isnan(value):
                raise InputError(f"{here}.{key}: expected a number, got nothing")
            xy[joint, axis] = value
        score[joint] = document.number(fields, "score", here, 1.0)
    fields = _flat(person)
    return _made(xy, score, None, document.number(fields, "score", where, 1.0), document.track_id(fields, where))


def _flat(fields: Object) -> dict[str, Any]:
    """The fields with one-element lists, which PoseTrack17 puts around every value, taken away."""
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else None if value == [] else value
        for key, value in fields.items()
    }
