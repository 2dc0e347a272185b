"""What the official evaluation reads in a PoseTrack file: exact coordinates, head boxes, ignore regions, track ids.

`formats.posetrack` reads the same files as poses for use; here nothing is rounded to 32 bits, and what the official
tools fail on is an error with a name. Joints are put into the order of PoseTrack-15 by their names. A joint of
PoseTrack17 (`annolist`) exists where it is listed, one of PoseTrack18 and 21 (`images`) unless x = y = v = 0. Frames
keep the order of the file.
"""

import math
import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.formats import coco, document, posetrack
from chronopose.formats.document import Object

Array = NDArray[np.float64]

# The official tool numbers the ids of the next sequence from here on.
_TRACK_IDS = 10_000
_LEAST_TRACK_ID = -(2**31)
# Of an ignore region; the largest of PoseTrack have a few hundred.
_MOST_CORNERS = 10_000
_JOINTS = len(POSETRACK_15)
_NO_BOX = np.full(4, np.nan)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Labels:
    """One side of a sequence of T frames, with P persons in all: by frame, and in a frame in the order of the file.

    Attributes:
        numbers: (T,) the numbers that their pictures have for names, -1 for another name.
        labelled: `is_labeled` of each frame, None where the file does not say.
        regions: the ignore regions of each frame, polygons (N, 2); none for predictions.
        frame: (P,) places of the persons' frames, ascending.
        listed: (P,) whether the person has a list of joints, be it empty.
        xy: (P, 15, 2) image pixels, NaN where there is no joint.
        score: (P, 15) of predicted joints, NaN where there is none.
        track_id: (P,), -1 for a person of PoseTrack17 with neither an id nor a list.
        head_box: (P, 4) x1, y1, x2, y2 of true persons, NaN for those without joints who have none.
    """

    numbers: NDArray[np.int64]
    labelled: tuple[bool | None, ...]
    regions: tuple[tuple[Array, ...], ...]
    frame: NDArray[np.int64]
    listed: NDArray[np.bool_]
    xy: Array
    score: Array
    track_id: NDArray[np.int64]
    head_box: Array


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Frame:
    number: int
    labelled: bool | None
    regions: tuple[Array, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Person:
    where: str
    frame: int
    xy: Array
    score: Array
    track_id: int | None
    head_box: Array
    listed: bool = True


def read_truth(path: str | os.PathLike[str]) -> Labels:
    """Reads the labels of a sequence, of any of the three years.

    Raises:
        InputError: naming the file and the field that is wrong, such as a person with joints and no head box.
    """
    return _read(path, truth=True)


def read_predictions(path: str | os.PathLike[str]) -> Labels:
    """Reads the predictions for a sequence, of any of the three years.

    Raises:
        InputError: naming the file and the field that is wrong, such as an id that stands twice in a frame.
    """
    return _read(path, truth=False)


def _read(path: str | os.PathLike[str], truth: bool) -> Labels:
    content, where = document.load(path), str(path)
    frames, persons = (_annolist if "annolist" in content else _images)(content, where, truth)
    persons.sort(key=lambda person: person.frame)
    for person in persons if truth else []:
        if not np.isnan(person.xy).all() and np.isnan(person.head_box).any():
            raise InputError(f"{person.where}: a person with joints and without a head box (bbox_head; x1, y1, x2, y2)")
    if not truth:
        _check_ids(persons)
    for corners in (len(polygon) for frame in frames for polygon in frame.regions):
        if corners > _MOST_CORNERS:
            raise InputError(f"{where}: an ignore region of {corners} corners; at most {_MOST_CORNERS} are read")
    return Labels(
        numbers=np.array([frame.number for frame in frames], dtype=np.int64),
        labelled=tuple(frame.labelled for frame in frames),
        regions=tuple(frame.regions for frame in frames),
        frame=np.array([person.frame for person in persons], dtype=np.int64),
        listed=np.array([person.listed for person in persons], dtype=bool),
        xy=np.array([person.xy for person in persons], dtype=np.float64).reshape(-1, _JOINTS, 2),
        score=np.array([person.score for person in persons], dtype=np.float64).reshape(-1, _JOINTS),
        track_id=np.array([-1 if p.track_id is None else p.track_id for p in persons], dtype=np.int64),
        head_box=np.array([person.head_box for person in persons], dtype=np.float64).reshape(-1, 4),
    )


def _check_ids(persons: list[_Person]) -> None:
    seen: set[tuple[int, int]] = set()
    for person in persons:
        if person.track_id is not None:
            if (person.frame, person.track_id) in seen:
                raise InputError(f"{person.where}.track_id: {person.track_id} is there twice in the same frame")
            seen.add((person.frame, person.track_id))


def _track_id(fields: Object, where: str) -> int:
    return document.integer(fields, "track_id", where, _LEAST_TRACK_ID, _TRACK_IDS)


def _number(name: object) -> int:
    stem = PurePosixPath(name).stem if isinstance(name, str) else ""
    return int(stem) if re.fullmatch(r"[0-9]{1,12}", stem) else -1


def _is_labelled(value: object, where: str) -> bool | None:
    if value not in (None, 0, 1):
        raise InputError(f"{where}.is_labeled: expected true or false, got {value!r:.40}")
    return None if value is None else bool(value)


def _numbers(fields: Object, key: str, where: str, count: int) -> Array:
    """(count,) numbers that must be there."""
    values = document.numbers(fields, key, where, count)
    if values is None:
        raise InputError(f"{where}.{key}: expected a list of {count} numbers, got nothing")
    return values


# PoseTrack18 and 21 -----------------------------------------------------------------------------------------------


def _images(content: Object, where: str, truth: bool) -> tuple[list[_Frame], list[_Person]]:
    posetrack.one_sequence(content, where)
    frames: list[_Frame] = []
    place: dict[int, int] = {}
    for position, picture in enumerate(document.objects(content, "images", where)):
        here = f"{where}: images[{position}]"
        key = document.integer(picture, "id", here)
        if key in place:
            raise InputError(f"{here}.id: {key} is the id of an earlier image too")
        place[key] = position
        labelled = _is_labelled(picture.get("is_labeled"), here)
        regions = _regions(picture, here) if truth else ()
        frames.append(_Frame(number=_number(picture.get("file_name")), labelled=labelled, regions=regions))
    order, joints = _order(content, where)
    persons = []
    for index, entry in enumerate(document.objects(content, "annotations", where)):
        here = f"{where}: annotations[{index}]"
        picture_id = document.integer(entry, "image_id", here)
        if picture_id not in place:
            raise InputError(f"{here}.image_id: no image has the id {picture_id}")
        persons.append(_annotated(entry, here, place[picture_id], order, joints, truth))
    return frames, persons


def _order(content: Object, where: str) -> tuple[NDArray[np.intp], int]:
    """Where the 15 joints stand among those of the file, and how many the file has."""
    categories = document.objects(content, "categories", where)
    if len(categories) != 1:
        raise InputError(f"{where}: categories: expected one, with the names of the joints; found {len(categories)}")
    skeleton = coco.skeleton_of(categories[0], f"{where}: categories[0]")
    order = POSETRACK_15.index_in(skeleton)
    for joint, place in zip(POSETRACK_15.joints, order):
        if place < 0:
            raise InputError(
                f"{where}: categories[0].keypoints: expected all of PoseTrack's joints, {joint} is missing"
            )
    return order, len(skeleton)


def _regions(picture: Object, where: str) -> tuple[Array, ...]:
    xs, ys = (picture.get(f"ignore_regions_{axis}") for axis in "xy")
    if xs is None or ys is None:
        return ()
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise InputError(f"{where}.ignore_regions_x, _y: expected two lists of equally many polygons")
    regions = []
    for index, (x, y) in enumerate(zip(xs, ys)):
        count = len(x) if isinstance(x, list) else 0
        axes = {f"ignore_regions_x[{index}]": x, f"ignore_regions_y[{index}]": y}
        regions.append(np.stack([_numbers(axes, key, where, count) for key in axes], axis=1))
    return tuple(regions)


def _annotated(entry: Object, where: str, frame: int, order: NDArray[np.intp], joints: int, truth: bool) -> _Person:
    x_y_v = _numbers(entry, "keypoints", where, 3 * joints).reshape(joints, 3)[order]
    there = (x_y_v != 0).any(axis=1)
    # An empty list of scores stands for none at all, as in the official tool.
    scores = document.numbers(entry, "scores", where, joints) if not truth and entry.get("scores") else None
    head = document.numbers(entry, "bbox_head", where, 4) if truth and entry.get("bbox_head") else None
    return _Person(
        where=where,
        frame=frame,
        xy=np.where(there[:, None], x_y_v[:, :2], np.nan),
        score=np.full(_JOINTS, np.nan) if scores is None else np.where(there, scores[order], np.nan),
        track_id=_track_id(entry, where),
        head_box=_NO_BOX if head is None else np.concatenate([head[:2], head[:2] + head[2:]]),
    )


# PoseTrack17 ------------------------------------------------------------------------------------------------------


def _annolist(content: Object, where: str, truth: bool) -> tuple[list[_Frame], list[_Person]]:
    frames, persons = [], []
    for index, entry in enumerate(document.objects(content, "annolist", where)):
        here = f"{where}: annolist[{index}]"
        picture = _only(entry.get("image"))
        frames.append(
            _Frame(
                number=_number(picture.get("name") if isinstance(picture, dict) else None),
                labelled=_is_labelled(_only(entry.get("is_labeled")), here),
                regions=_point_regions(entry, here) if truth else (),
            )
        )
        people = document.objects(entry, "annorect", here) if entry.get("annorect") else []
        persons += [_listed(person, f"{here}.annorect[{at}]", index, truth) for at, person in enumerate(people)]
    return frames, persons


def _only(value: Any) -> Any:
    """The value itself: PoseTrack17 puts a list of one around every number."""
    return (value[0] if len(value) == 1 else value or None) if isinstance(value, list) else value


def _point(fields: Object, where: str) -> tuple[float, float]:
    values = {axis: _only(fields.get(axis)) for axis in "xy"}
    x, y = (document.number(values, axis, where, math.nan) for axis in "xy")
    if math.isnan(x) or math.isnan(y):
        raise InputError(f"{where}: expected numbers x and y, got nothing for one of them")
    return x, y


def _point_regions(entry: Object, where: str) -> tuple[Array, ...]:
    polygons = document.objects(entry, "ignore_regions", where) if entry.get("ignore_regions") else []
    regions = []
    for index, polygon in enumerate(polygons):
        here = f"{where}.ignore_regions[{index}]"
        corners = [
            _point(point, f"{here}.point[{at}]") for at, point in enumerate(document.objects(polygon, "point", here))
        ]
        regions.append(np.array(corners, dtype=np.float64).reshape(-1, 2))
    return tuple(regions)


def _listed(person: Object, where: str, frame: int, truth: bool) -> _Person:
    xy, score = np.full((_JOINTS, 2), np.nan), np.full(_JOINTS, np.nan)
    holder = _only(person.get("annopoints")) or {}
    if not isinstance(holder, dict):
        raise InputError(f"{where}.annopoints: expected a list of one object, got {type(holder).__name__}")
    listed = "point" in holder
    for index, point in enumerate(document.objects(holder, "point", f"{where}.annopoints") if listed else []):
        here = f"{where}.annopoints.point[{index}]"
        joint = document.integer({"id": _only(point.get("id"))}, "id", here, 0, _JOINTS)
        if np.isnan(xy[joint, 0]):  # of a joint that is listed twice, the first counts
            xy[joint] = _point(point, here)
            if not truth:
                score[joint] = document.number({"score": _only(point.get("score"))}, "score", here, math.nan)
    track_id = {"track_id": _only(person.get("track_id"))}
    corners = {key: _only(person.get(key)) for key in ("x1", "y1", "x2", "y2")}
    return _Person(
        where=where,
        frame=frame,
        xy=xy,
        score=score,
        track_id=_track_id(track_id, where) if listed or track_id["track_id"] is not None else None,
        head_box=np.array([document.number(corners, key, where, math.nan) for key in corners]) if truth else _NO_BOX,
        listed=listed,
    )
