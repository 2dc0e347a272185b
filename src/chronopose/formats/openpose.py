"""A folder of OpenPose JSON files, one for each frame: `{stem}_{frame:012d}_keypoints.json`.

Persons are written with the 25 joints of BODY_25 as x, y, score in pixels; the neck is the middle of the shoulders and
the middle hip that of the hips, where both are known, with the lower score of the two; toes and heels are unknown,
which is 0, 0, 0. `person_id` is -1 for a person without a track. COCO-17 is read back; 18 joints, OpenPose's older
model, are read too.

Lost by writing: times, sigmas, box scores and everything of `VideoInfo` (times read as NaN, box scores as 1, the
source as the files' stem); the box (read as the one around the known joints); joints outside COCO-17; a joint of which
one coordinate is known; a known joint at exactly (0, 0) with score 0; a track id of -1.
"""

import math
import os
import re
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.files import replacing_folder
from chronopose.core.skeleton import COCO_17, Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import document, metadata
from chronopose.formats.document import Object

_COCO_18 = [
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
]  # fmt: skip
_BODY_25 = [
    *_COCO_18[:8], "mid_hip", *_COCO_18[8:],
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
]  # fmt: skip
_NAME = re.compile(r"(.*)_([0-9]{12})_keypoints\.json", re.DOTALL)
_MOST_FILES = 10_000_000
_MOST_BYTES = 16 << 20


def write(sequence: PoseSequence, path: str | os.PathLike[str]) -> None:
    """Writes the folder; it appears whole or not at all.

    Raises:
        InputError: the folder is there and holds anything but files of this format, which alone are replaced.
    """
    folder = Path(path)
    if folder.is_dir():
        strange = next((entry.name for entry in folder.iterdir() if not _NAME.fullmatch(entry.name)), None)
        if strange is not None:
            raise InputError(f"{folder}: holds {strange!r}, which is no OpenPose file; give a new or empty folder")
    stem = PurePath(sequence.info.source.replace("\\", "/")).stem
    # 255 bytes are the most for a file's name; the number and ending take 29.
    stem = re.sub(r"[\x00-\x1f/:]", "_", stem).encode()[:200].decode(errors="ignore") or "video"
    body = metadata.skeleton_of(_BODY_25)
    with replacing_folder(folder) as temporary:
        for frame in sequence:
            people = [_person(pose, body) for pose in frame.poses]
            name = f"{stem}_{frame.frame:012d}_keypoints.json"
            document.save({"version": 1.3, "people": people}, temporary / name)


def _person(pose: Pose, body: Skeleton) -> Object:
    values = np.concatenate([pose.xy, np.nan_to_num(pose.score)[:, None]], axis=1)
    values[~np.isfinite(pose.xy).all(axis=1)] = np.nan
    values = COCO_17.gather(values, pose.skeleton)
    people = body.gather(values, COCO_17)
    for middle, joint in (("neck", "shoulder"), ("mid_hip", "hip")):
        sides = values[[COCO_17.index(f"left_{joint}"), COCO_17.index(f"right_{joint}")]]  # (2, 3), NaN if unknown
        people[body.index(middle)] = [*sides[:, :2].mean(axis=0), sides[:, 2].min()]
    return {
        "person_id": [-1 if pose.track_id is None else pose.track_id],
        "pose_keypoints_2d": document.decimals(np.nan_to_num(people).reshape(-1)),
    }


def read(path: str | os.PathLike[str]) -> PoseSequence:
    """Reads a folder of one video; raises `InputError` naming the file and field that is wrong."""
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder; expected one of files *_000000000000_keypoints.json")
    files: dict[int, Path] = {}
    stems = set()
    for entry in folder.iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            stems.add(match[1])
            files[int(match[2])] = entry
            if len(stems) > 1:
                raise InputError(f"{folder}: files of more than one video: {' and '.join(sorted(stems))}")
            if len(files) > _MOST_FILES:
                raise InputError(f"{folder}: more than {_MOST_FILES} frames")
    if not files:
        raise InputError(f"{folder}: no file called *_000000000000_keypoints.json")
    frames = tuple(FramePoses(frame, math.nan, _frame(files[frame])) for frame in sorted(files))
    info = VideoInfo(source=stems.pop(), width=0, height=0, fps=0.0)
    return PoseSequence(info=info, skeleton=COCO_17, frames=frames)


def _frame(path: Path) -> tuple[Pose, ...]:
    content = document.load(path, _MOST_BYTES)
    people = document.objects(content, "people", str(path))
    return tuple(_pose(person, f"{path}: people[{index}]") for index, person in enumerate(people))


def _pose(person: Object, where: str) -> Pose:
    listed = person.get("pose_keypoints_2d")
    names = _COCO_18 if isinstance(listed, list) and len(listed) == 3 * len(_COCO_18) else _BODY_25
    values = document.numbers(person, "pose_keypoints_2d", where, 3 * len(names))
    if values is None:
        raise InputError(f"{where}.pose_keypoints_2d: expected a list of {3 * len(names)} numbers, got nothing")
    x_y_score: NDArray[np.floating] = values.reshape(len(names), 3)
    x_y_score = COCO_17.gather(x_y_score, metadata.skeleton_of(names))
    known = (x_y_score != 0).any(axis=1)
    xy = np.where(known[:, None], x_y_score[:, :2], np.nan)
    ids = person.get("person_id")
    track = -1
    if ids is not None:
        alone = {"person_id": ids[0] if isinstance(ids, list) and len(ids) == 1 else ids}
        track = document.integer(alone, "person_id", where, -(2**31), 2**31)
    return Pose(
        skeleton=COCO_17,
        xy=xy.astype(np.float32),
        score=np.where(known, x_y_score[:, 2], 0).astype(np.float32),
        box=document.tight_box(xy),
        track_id=None if track == -1 else track,
    )
