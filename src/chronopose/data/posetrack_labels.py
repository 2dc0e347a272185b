"""What a PoseTrack file of annotations says, of all three years: frames by sequence, and who is labelled in them.

PoseTrack17 has an `annolist` of frames, whose numbers stand in lists of one; a joint that is not listed is unknown, and
`x1` to `y2` are the head's box. PoseTrack18 and 21, and the merged files that the papers' code makes, are COCO-like; a
joint is unknown if and only if x = y = v = 0, and only v > 0 is visible. The head's box is `bbox_head` x, y, width,
height, or `head_box` x1, y1, x2, y2. Ears are never labelled. Coordinates and boxes are taken as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15, Skeleton
from chronopose.core.types import Floats
from chronopose.data.videos import Defect
from chronopose.formats import coco, document, metadata, posetrack
from chronopose.formats.document import Object

# Thinner boxes are slips of the mouse.
_LEAST_PX = 1.0
_MOST_FRAMES = 10**9
_JOINTS = len(POSETRACK_15)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PersonLabel:
    """One person in one frame.

    Attributes:
        where: in the file.
        frame: place among the frames that the file lists of the sequence.
        track_id: None where there is none.
        xy: (15, 2) float32 pixels, NaN where unknown.
        visible: (15,) bool.
        box: (4,) float32 x1, y1, x2, y2 of the person, NaN where there is none.
        head_box: likewise of the head.
    """

    where: str
    frame: int
    track_id: int | None
    xy: Floats
    visible: NDArray[np.bool_]
    box: Floats
    head_box: Floats


@dataclass(slots=True, eq=False, kw_only=True)
class Annotated:
    """A sequence as a file has it.

    Attributes:
        frames: paths of its pictures as listed, all in one folder, each with whether it was labelled, None where the
            file does not say.
        length: number of all its frames, listed or not; None where the file does not say.
        size: width and height, None where the file does not say.
        persons: everybody labelled.
        defects: what was put right.
    """

    frames: dict[PurePosixPath, bool | None] = field(default_factory=dict)
    length: int | None = None
    size: tuple[int, int] | None = None
    persons: list[PersonLabel] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


def read(file: Path) -> dict[PurePosixPath, Annotated]:
    """The sequences in a file by the folder of their pictures.

    Raises:
        InputError: naming the file, the annotation and the field that is wrong.
    """
    content = document.load(file)
    return _annolist(content, file) if "annolist" in content else _images(content, file)


def _add(found: dict[PurePosixPath, Annotated], path: PurePosixPath, labelled: bool | None, where: str) -> Annotated:
    """The sequence that a picture is of, with the picture."""
    sequence = found.setdefault(path.parent, Annotated())
    if path in sequence.frames:
        raise InputError(f"{where}: {path} is listed twice")
    sequence.frames[path] = labelled
    return sequence


def _labelled(value: object, where: str) -> bool | None:
    if value not in (None, 0, 1):
        raise InputError(f"{where}.is_labeled: expected true or false, got {str(value)[:40]!r}")
    return None if value is None else bool(value)


def _box(corners: Floats | None, name: str, file: Path, where: str, defects: list[Defect]) -> Floats:
    """(4,) float32 a box, NaN where there is none."""
    if corners is None or not corners.any():
        return np.full(4, np.nan, dtype=np.float32)
    if not (corners[2:] - corners[:2] >= _LEAST_PX).all():
        size = " x ".join(f"{side:g}" for side in corners[2:] - corners[:2])
        place = where.removeprefix(f"{file}: ")
        defects.append(Defect(file=file, where=f"{place}.{name}", what=f"a box of {size} pixels; left out"))
        return np.full(4, np.nan, dtype=np.float32)
    return corners.astype(np.float32)


# PoseTrack18 and 21, and merged files ----------------------------------------------------------------------------


def _images(content: Object, file: Path) -> dict[PurePosixPath, Annotated]:
    found: dict[PurePosixPath, Annotated] = {}
    place: dict[int, tuple[Annotated, int]] = {}
    for position, image in enumerate(document.objects(content, "images", str(file))):
        here = f"{file}: images[{position}]"
        key = document.integer(image, "id", here)
        if key in place:
            raise InputError(f"{here}.id: {key} is the id of an earlier image too")
        path = document.path_inside(image, "file_name", here)
        sequence = _add(found, path, _labelled(image.get("is_labeled"), here), here)
        place[key] = sequence, len(sequence.frames) - 1
        if image.get("nframes") is not None:
            sequence.length = document.integer(image, "nframes", here, 1)
        if image.get("width") is not None and image.get("height") is not None:
            width, height = (document.integer(image, side, here, 1, 2**31) for side in ("width", "height"))
            sequence.size = width, height
    skeleton = _skeleton(content, file)
    for position, entry in enumerate(document.objects(content, "annotations", str(file))):
        here = f"{file}: annotations[{position}]{_named(entry)}"
        image_id = document.integer(entry, "image_id", here)
        if image_id not in place:
            raise InputError(f"{here}.image_id: no image has the id {image_id}")
        if entry.get("iscrowd") != 1:
            sequence, frame = place[image_id]
            sequence.persons.append(_annotation(entry, skeleton, frame, file, here, sequence.defects))
    return found


def _named(entry: Object) -> str:
    key = entry.get("id")
    return f" (id {key})" if type(key) is int and abs(key) < 2**63 else ""


def _skeleton(content: Object, file: Path) -> Skeleton:
    """The joints of the file's keypoints."""
    if "categories" not in content:
        return metadata.skeleton_of(posetrack.STORED)
    categories = document.objects(content, "categories", str(file))
    if len(categories) != 1:
        raise InputError(f"{file}: categories: expected one, found {len(categories)}")
    skeleton = coco.skeleton_of(categories[0], f"{file}: categories[0]")
    missing = [joint for joint in POSETRACK_15.joints if joint not in skeleton.joints]
    if missing:
        raise InputError(
            f"{file}: categories[0].keypoints: expected all of PoseTrack's joints, {missing[0]} is missing"
        )
    return skeleton


def _annotation(
    entry: Object, skeleton: Skeleton, frame: int, file: Path, where: str, defects: list[Defect]
) -> PersonLabel:
    joints = len(skeleton)
    # The test files of 2018 have persons without keypoints.
    given = document.numbers(entry, "keypoints", where, 3 * joints) if entry.get("keypoints") else None
    x_y_v = np.zeros((joints, 3)) if given is None else given.reshape(joints, 3)
    x_y_v = x_y_v[POSETRACK_15.index_in(skeleton)]
    known = (x_y_v != 0).any(axis=1)
    boxes = {key: document.numbers(entry, key, where, 4) if entry.get(key) else None for key in ("bbox", "bbox_head")}
    corners = {key: None if xywh is None else xywh + np.array([0, 0, *xywh[:2]]) for key, xywh in boxes.items()}
    if corners["bbox_head"] is None and entry.get("head_box"):
        corners["bbox_head"] = document.numbers(entry, "head_box", where, 4)
    return PersonLabel(
        where=where,
        frame=frame,
        track_id=document.track_id(entry, where),
        xy=np.where(known[:, None], x_y_v[:, :2], np.nan).astype(np.float32),
        visible=known & (x_y_v[:, 2] > 0),
        box=_box(corners["bbox"], "bbox", file, where, defects),
        head_box=_box(corners["bbox_head"], "bbox_head", file, where, defects),
    )


# PoseTrack17 ------------------------------------------------------------------------------------------------------


def _annolist(content: Object, file: Path) -> dict[PurePosixPath, Annotated]:
    found: dict[PurePosixPath, Annotated] = {}
    for index, entry in enumerate(document.objects(content, "annolist", str(file))):
        here = f"{file}: annolist[{index}]"
        picture = _only(entry.get("image"))
        if not isinstance(picture, dict):
            raise InputError(f"{here}.image: expected a list of one object with a name, got {str(picture)[:40]!r}")
        path = document.path_inside(picture, "name", f"{here}.image")
        sequence = _add(found, path, _labelled(_only(entry.get("is_labeled")), here), here)
        persons = document.objects(entry, "annorect", here) if entry.get("annorect") else []
        for at, person in enumerate(persons):
            where = f"{here}.annorect[{at}]"
            sequence.persons.append(_listed(person, len(sequence.frames) - 1, file, where, sequence.defects))
    return found


def _listed(person: Object, frame: int, file: Path, where: str, defects: list[Defect]) -> PersonLabel:
    xy, visible = np.full((_JOINTS, 2), np.nan, dtype=np.float32), np.zeros(_JOINTS, dtype=bool)
    for here, point in _points(person, where):
        joint = document.integer(point, "id", here, 0, _JOINTS)
        x, y = (document.number(point, axis, here, np.nan) for axis in "xy")
        if np.isnan(x) or np.isnan(y):
            raise InputError(f"{here}: expected numbers x and y, got nothing for one of them")
        if not np.isnan(xy[joint, 0]):  # of a joint that is listed twice, the first counts
            what = f"joint {joint} is listed twice; the first counts"
            defects.append(Defect(file=file, where=here.removeprefix(f"{file}: "), what=what))
            continue
        xy[joint] = x, y
        visible[joint] = document.number(point, "is_visible", here, 1.0) > 0
    fields = {key: _only(person.get(key)) for key in ("track_id", "x1", "y1", "x2", "y2")}
    corners = np.array([document.number(fields, key, where, np.nan) for key in ("x1", "y1", "x2", "y2")])
    return PersonLabel(
        where=where,
        frame=frame,
        track_id=document.track_id(fields, where),
        xy=xy,
        visible=visible,
        box=_box(None, "", file, where, defects),
        head_box=_box(None if np.isnan(corners).any() else corners, "x1, y1, x2, y2", file, where, defects),
    )


def _points(person: Object, where: str) -> Iterator[tuple[str, Object]]:
    """Place and fields of the joints listed of a person; lists, plain objects and empty lists all occur."""
    holder = _only(person.get("annopoints")) or {}
    if not isinstance(holder, dict):
        raise InputError(f"{where}.annopoints: expected a list of one object, got {type(holder).__name__}")
    for index, point in enumerate(document.objects(holder, "point", f"{where}.annopoints") if holder else []):
        yield f"{where}.annopoints.point[{index}]", {key: _only(value) for key, value in point.items()}


def _only(value: Any) -> Any:
    """The value itself: PoseTrack17 puts a list of one around every number."""
    return (value[0] if len(value) == 1 else value or None) if isinstance(value, list) else value
