"""Small folders laid out as PoseTrack is given: two short videos of two people, with labels of the middle frames."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.posetrack import Year
from chronopose.formats.posetrack import STORED

WIDTH, HEIGHT, LENGTH = 64, 48, 7
LABELLED = (2, 3, 4)
SEQUENCES = {"train": ("000001_bonn_train", "000002_mpii_train"), "val": ("000003_mpii_test", "000004_mpiinew_test")}


@dataclass(frozen=True)
class Person:
    """The labels of one person in one frame: joints (15, 3) x, y, v in the order of PoseTrack-15, boxes x1 to y2."""

    frame: int
    track_id: int
    x_y_v: np.ndarray
    box: tuple[float, float, float, float]
    head: tuple[float, float, float, float]


def grey(sequence: str, frame: int) -> int:
    """What every pixel of a frame is, give or take one."""
    return 20 + 30 * (int(sequence.split("_")[0]) % 8) + 4 * frame


def people(sequence: str) -> list[Person]:
    """Who is labelled in a sequence: person 0 in all labelled frames, person 5 not in the last."""
    rng = np.random.default_rng(int(sequence.split("_")[0]))
    found = []
    for frame in LABELLED:
        for track_id in (0, 5)[: 1 if frame == LABELLED[-1] else 2]:
            xy = rng.uniform([3, 3], [WIDTH - 3, HEIGHT - 3], (15, 2)).round(2)
            x_y_v = np.concatenate([xy, np.ones((15, 1))], axis=1)
            x_y_v[0] = 0  # nobody knows the right ankle
            x_y_v[1, 2] = 0  # the right knee is known, but hidden
            low, high = xy.min(axis=0), xy.max(axis=0)
            box = tuple(float(value) for value in (*(low - 2), *(high + 2)))
            found.append(Person(frame, track_id, x_y_v, box, (10.0, 5.0, 22.0, 21.0)))  # type: ignore[arg-type]
    return found


def posetrack_folder(folder: Path, year: Year, merged: bool = False) -> Path:
    """Writes the training and validation part of a year; `merged` is the layout of the papers' code, or mmpose's."""
    for split, sequences in SEQUENCES.items():
        documents = {}
        for sequence in sequences:
            inside = f"{'bonn_5sec' if year == 2017 else split}/{sequence}"
            root, first, digits = (
                ("images_renamed", 1, 8)
                if year == 2017 and merged
                else ("images", int(year == 2017), 8 if year == 2017 else 6)
            )
            names = [f"{inside}/{frame + first:0{digits}d}.jpg" for frame in range(LENGTH)]
            (folder / root / inside).mkdir(parents=True)
            for frame, name in enumerate(names):
                Image.new("RGB", (WIDTH, HEIGHT), (grey(sequence, frame),) * 3).save(folder / root / name, quality=95)
            if year == 2017 and not merged:
                documents[sequence] = _annolist(sequence, [f"images/{name}" for name in names])
            else:
                prefix = "" if year == 2017 else "images/"
                documents[sequence] = _coco(sequence, [prefix + name for name in names], year, merged)
        _write(folder, year, split, documents, merged)
    return folder


def change(file: Path, path: str, value: Any) -> None:
    """Sets what stands at "a.0.b" in a JSON file; `...` takes it away."""
    content = json.loads(file.read_text())
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    at = content
    for part in way:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    file.write_text(json.dumps(content))


def _write(folder: Path, year: Year, split: str, documents: dict[str, Any], merged: bool) -> None:
    if merged:
        file = folder / (f"posetrack_{split}.json" if year == 2017 else f"annotations/posetrack18_{split}.json")
        whole: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
        for one in documents.values():
            whole["images"] += one["images"]
            whole["annotations"] += one["annotations"]
            whole["categories"] = one["categories"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(whole))
        return
    place = folder / ("posetrack_data" if year == 2021 else "annotations") / split
    place.mkdir(parents=True)
    for sequence, one in documents.items():
        (place / f"{sequence}.json").write_text(json.dumps(one))


def _coco(sequence: str, names: list[str], year: Year, merged: bool) -> dict[str, Any]:
    number, kind = sequence.split("_")[:2]
    first = ({"mpii": 1, "bonn": 2, "mpiinew": 3}[kind] * 10**6 + int(number)) * 10**4
    images = []
    for frame, name in enumerate(names):
        image = {
            "file_name": name,
            "id": first + frame,
            "frame_id": first + frame,
            "vid_id": number,
            "nframes": LENGTH,
            "is_labeled": frame in LABELLED,
        }
        if merged:
            image |= {"width": WIDTH, "height": HEIGHT}
        if year == 2021:
            image |= {"image_id": first + frame, "has_labeled_person": frame in LABELLED}
        # The file lists only some frames of mmpose's training sequences; the others are in the folder.
        if not merged or year == 2017 or frame in LABELLED:
            images.append(image)
    annotations = []
    for index, person in enumerate(people(sequence)):
        stored = np.zeros((17, 3))
        stored[[STORED.index(joint) for joint in POSETRACK_15.joints]] = person.x_y_v
        entry = {
            "id": (first + person.frame) * 100 + index,
            "image_id": first + person.frame,
            "category_id": 1,
            "track_id": person.track_id,
            "keypoints": stored.reshape(-1).tolist(),
            "bbox": _xywh(person.box),
        }
        entry |= {"head_box": list(person.head)} if year == 2017 else {"bbox_head": _xywh(person.head)}
        if year == 2021:
            entry["person_id"] = 1000 + person.track_id
        annotations.append(entry)
    category = {"supercategory": "person", "id": 1, "name": "person", "keypoints": STORED}
    return {"images": images, "annotations": annotations, "categories": [category]}


def _xywh(box: tuple[float, float, float, float]) -> list[float]:
    x1, y1, x2, y2 = box
    return [x1, y1, x2 - x1, y2 - y1]


def _annolist(sequence: str, names: list[str]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"image": [{"name": name}], "imgnum": [frame + 1], "is_labeled": [int(frame in LABELLED)]}
        for frame, name in enumerate(names)
    ]
    for person in people(sequence):
        points = [
            {"id": [joint], "x": [x], "y": [y], "is_visible": [int(v)]}
            for joint, (x, y, v) in enumerate(person.x_y_v.tolist())
            if x or y or v
        ]
        corners = {key: [value] for key, value in zip(("x1", "y1", "x2", "y2"), person.head)}
        entries[person.frame].setdefault("annorect", []).append(
            corners | {"track_id": [person.track_id], "annopoints": [{"point": points}]}
        )
    return {"annolist": entries}
