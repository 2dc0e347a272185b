"""Folders of PoseTrack files of both styles, written from persons given as arrays."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.skeleton import POSETRACK_15
from chronopose.formats.posetrack import STORED

Array = NDArray[np.float64]
JOINTS = POSETRACK_15.joints
SEQUENCE = "000042_mpii_test"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person of a file: joints (15, 2), NaN where there is none; `x_y_v` replaces single joints in 2018's style."""

    track_id: int | None
    xy: Array
    head: Sequence[float] | None = (100.0, 100.0, 130.0, 140.0)
    score: Array | None = None
    x_y_v: dict[str, tuple[float, float, int]] = field(default_factory=dict)


Frames = Sequence[Sequence[Person]]


def standing(x: float, y: float = 300.0, track_id: int | None = 0, **fields: Any) -> Person:
    """A person all of whose joints are there, 40 px apart; a head is 30 px long."""
    xy = np.stack([np.full(15, x), y + 40.0 * np.arange(15)], axis=1)
    return Person(track_id=track_id, xy=xy, **fields)


def scored(person: Person, score: float) -> Person:
    """The same as a prediction."""
    return Person(track_id=person.track_id, xy=person.xy, head=None, score=np.full(15, score), x_y_v=person.x_y_v)


def images(
    frames: Frames,
    *,
    sequence: str = SEQUENCE,
    first: int = 0,
    labelled: Sequence[bool] | None = None,
    regions: dict[int, list[Array]] | None = None,
) -> dict[str, Any]:
    """A file in the style of PoseTrack18 and 21."""
    pictures: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, frame in enumerate(frames):
        picture = {"file_name": f"images/val/{sequence}/{first + index:06d}.jpg", "id": 10_000_420_000 + index}
        if labelled is not None:
            picture["is_labeled"] = labelled[index]
        if regions is not None:
            polygons = regions.get(index, [])
            picture |= {f"ignore_regions_{axis}": [p[:, k].tolist() for p in polygons] for k, axis in enumerate("xy")}
        pictures.append(picture)
        annotations += [_annotation(person, picture["id"]) for person in frame]
    return {
        "images": pictures,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "supercategory": "person", "keypoints": STORED}],
    }


def _annotation(person: Person, image: int) -> dict[str, Any]:
    keypoints: list[float] = []
    for name in STORED:
        xy = person.xy[JOINTS.index(name)] if name in JOINTS else np.full(2, np.nan)
        keypoints += person.x_y_v.get(name, (0.0, 0.0, 0) if np.isnan(xy).any() else (*xy.tolist(), 1))
    entry: dict[str, Any] = {"image_id": image, "category_id": 1, "keypoints": keypoints}
    if person.track_id is not None:
        entry["track_id"] = person.track_id
    if person.head is not None:
        x1, y1, x2, y2 = person.head
        entry["bbox_head"] = [x1, y1, x2 - x1, y2 - y1]
    if person.score is not None:
        entry["scores"] = [float(person.score[JOINTS.index(name)]) if name in JOINTS else 0.0 for name in STORED]
    return entry


def annolist(
    frames: Frames,
    *,
    sequence: str = SEQUENCE,
    first: int = 1,
    regions: dict[int, list[Array]] | None = None,
) -> dict[str, Any]:
    """A file in the style of PoseTrack17."""
    entries: list[dict[str, Any]] = []
    for index, frame in enumerate(frames):
        entry: dict[str, Any] = {
            "image": [{"name": f"images/bonn/{sequence}/{first + index:08d}.jpg"}],
            "imgnum": [first + index],
            "is_labeled": [int(bool(frame))],
            "annorect": [_rectangle(person) for person in frame],
        }
        if regions and index in regions:
            entry["ignore_regions"] = [
                {"point": [{"x": [float(x)], "y": [float(y)]} for x, y in polygon]} for polygon in regions[index]
            ]
        entries.append(entry)
    return {"annolist": entries}


def _rectangle(person: Person) -> dict[str, Any]:
    points = []
    for joint in np.flatnonzero(~np.isnan(person.xy[:, 0])).tolist():
        point = {"id": [joint], "x": [float(person.xy[joint, 0])], "y": [float(person.xy[joint, 1])]}
        points.append(point if person.score is None else point | {"score": [float(person.score[joint])]})
    entry: dict[str, Any] = {"annopoints": [{"point": points}]}
    if person.track_id is not None:
        entry["track_id"] = [person.track_id]
    if person.head is not None:
        entry |= {key: [value] for key, value in zip(("x1", "y1", "x2", "y2"), person.head)}
    return entry


def write(folder: Path, content: dict[str, Any], name: str = SEQUENCE) -> Path:
    """Writes one file of a folder; gives the folder."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder
