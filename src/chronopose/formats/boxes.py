"""Boxes of persons made elsewhere: CSV, MOTChallenge text, or the `bbox` of COCO and PoseTrack JSON.

CSV has a line of column names: `frame` (from 0), `x1 y1 x2 y2` (pixels) and, if wanted, `score` and `track`, in any
order; other columns are passed over, lines beginning with `#` too. A pose table in CSV fits: its `box_score` is the
score and its lines without a box are empty frames. MOTChallenge text has no line of names but
`frame,id,x,y,w,h,conf,...`, counted from 1: frames and corners are moved by one to count from 0, id -1 is no track,
conf -1 is 1, and other conf are clipped to 0..1. JSON numbers its frames as `coco` and `posetrack` do. All these are of
one video; `read_detections` reads the files that detectors leave of a whole data set.
"""

import csv
import math
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats, VideoInfo
from chronopose.formats import coco, document, posetrack
from chronopose.formats.document import Object

Boxes = dict[int, tuple[Floats, Floats, NDArray[np.int64]]]
_Row = tuple[int, tuple[float, float, float, float], float, int]
_MOST_BYTES = 1 << 30
_MOST = 1e9


def read_boxes(path: str | os.PathLike[str], info: VideoInfo | None = None) -> Boxes:
    """The boxes of every frame that has any.

    Args:
        path: `.json`, else CSV or MOTChallenge text.
        info: the video they are for; a frame beyond its last one is refused where that is known.

    Returns:
        By frame number from 0, in ascending order: boxes (N, 4) float32 xyxy pixels; scores (N,) float32, 1 where the
        file has none; track ids (N,) int64, -1 where there is none.

    Raises:
        InputError: naming the file, line and field.
    """
    where = str(path)
    found: dict[int, list[_Row]] = {}
    for row in _json(path) if Path(path).suffix.lower() == ".json" else _lines(path):
        found.setdefault(row[0], []).append(row)
    last = max(found, default=-1)
    if info is not None and info.frames is not None and last >= info.frames:
        raise InputError(f"{where}: frame {last}; the video has {info.frames}, counted from 0")
    return {
        frame: (
            np.array([box for _, box, _, _ in rows], dtype=np.float32),
            np.array([score for _, _, score, _ in rows], dtype=np.float32),
            np.array([track for _, _, _, track in rows], dtype=np.int64),
        )
        for frame, rows in sorted(found.items())
    }


def read_detections(path: str | os.PathLike[str]) -> dict[int | str, tuple[Floats, Floats]]:
    """What a detector found in the pictures of a data set.

    The file is a list of objects with `bbox` x, y, width, height, `score`, `category_id`, of which only 1, persons, is
    taken, and `image_id`, or else `image_name`. Boxes without an area are left out.

    Returns:
        By id or name, in the order of the file: boxes (N, 4) float32 xyxy pixels, scores (N,) float32.

    Raises:
        InputError: naming the file, the entry and the field.
    """
    found: dict[int | str, list[tuple[Floats, float]]] = {}
    for index, entry in enumerate(document.load_objects(path)):
        here = f"{path}: [{index}]"
        if "category_id" in entry and document.integer(entry, "category_id", here) != 1:
            continue
        picture = (
            document.integer(entry, "image_id", here)
            if entry.get("image_id") is not None
            else document.text(entry, "image_name", here)
        )
        box = document.box_of(entry, here)
        if box is not None and (box[2:] > box[:2]).all():
            found.setdefault(picture, []).append((box, document.number(entry, "score", here, 1.0)))
    return {
        picture: (np.stack([box for box, _ in rows]), np.array([score for _, score in rows], dtype=np.float32))
        for picture, rows in found.items()
    }


def _json(path: str | os.PathLike[str]) -> Iterator[_Row]:
    where, content = str(path), document.load(path)
    if "annolist" in content:
        raise InputError(f"{where}: annolist: PoseTrack17 files hold boxes of heads only; give boxes of persons")
    if _is_posetrack(content):
        posetrack.one_sequence(content, where)
        images = coco.images(content, where, posetrack.number)
    else:
        images = coco.images(content, where, coco.numbering(content, where))
    for index, annotation in enumerate(document.objects(content, "annotations", where)):
        here = f"{where}: annotations[{index}]"
        if annotation.get("iscrowd") == 1:
            continue
        box = document.box_of(annotation, here)
        if box is None:
            raise InputError(f"{here}.bbox: expected x, y, width, height, got nothing")
        track = document.track_id(annotation, here)
        x1, y1, x2, y2 = (float(value) for value in box)
        yield (
            images.of(annotation, here),
            _checked((x1, y1, x2, y2), f"{here}.bbox"),
            document.number(annotation, "score", here, 1.0),
            -1 if track is None else track,
        )


def _is_posetrack(content: Object) -> bool:
    images = content.get("images")
    return isinstance(images, list) and any(isinstance(image, dict) and "vid_id" in image for image in images)


def _lines(path: str | os.PathLike[str]) -> Iterator[_Row]:
    try:
        size = Path(path).stat().st_size
        if size > _MOST_BYTES:
            raise InputError(f"{path}: {size} bytes of boxes; at most {_MOST_BYTES} can be read")
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = _rows(file)
            line, first = next(rows, (0, []))
            if not first:
                return
            if _is_number(first[0]):
                for at, row in chain([(line, first)], rows):
                    yield _mot(row, f"{path}: line {at}")
            else:
                yield from _named(rows, [name.strip() for name in first], str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not readable as CSV: {' '.join(str(error).split())[:120]}") from None


def _rows(file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number from 1 and cells of every line that is neither blank nor a comment."""
    for number, line in enumerate(file, start=1):
        if line.strip() and not line.startswith("#"):
            yield number, next(csv.reader([line]))


def _named(rows: Iterable[tuple[int, list[str]]], names: list[str], path: str) -> Iterator[_Row]:
    at = {name: index for index, name in enumerate(names)}
    missing = [name for name in ("frame", "x1", "y1", "x2", "y2") if name not in at]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; expected frame,x1,y1,x2,y2 and perhaps score,track")
    if len(at) != len(names):
        raise InputError(f"{path}: two columns have the same name")
    score = at.get("score", at.get("box_score"))
    for line, row in rows:
        where = f"{path}: line {line}"
        if len(row) != len(names):
            raise InputError(f"{where}: {len(row)} fields; the first line names {len(names)}")
        if not any(row[at[name]].strip() for name in ("x1", "y1", "x2", "y2")):
            continue
        x1, y1, x2, y2 = (_number(row[at[name]], name, where) for name in ("x1", "y1", "x2", "y2"))
        yield (
            _whole(row[at["frame"]], "frame", where, 0, 2**53),
            _checked((x1, y1, x2, y2), where),
            1.0 if score is None or not row[score].strip() else _number(row[score], names[score], where),
            -1
            if "track" not in at or not row[at["track"]].strip()
            else _whole(row[at["track"]], "track", where, -(2**31), 2**31),
        )


def _mot(row: list[str], where: str) -> _Row:
    if len(row) < 6:
        raise InputError(f"{where}: {len(row)} fields; expected frame,id,x,y,w,h,conf or a first line of column names")
    x, y, width, height = (_number(row[at], name, where) for at, name in enumerate("xywh", start=2))
    conf = _number(row[6], "conf", where) if len(row) > 6 else -1.0
    return (
        _whole(row[0], "frame", where, 1, 2**53) - 1,
        _checked((x - 1, y - 1, x - 1 + width, y - 1 + height), where),
        1.0 if conf == -1 else min(max(conf, 0.0), 1.0),
        _whole(row[1], "id", where, -1, 2**31),
    )


def _checked(box: tuple[float, float, float, float], where: str) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    if not (x2 > x1 and y2 > y1):
        raise InputError(f"{where}: the box {x1:g},{y1:g},{x2:g},{y2:g} is empty; expected x1 < x2 and y1 < y2")
    return box


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, name: str, where: str) -> float:
    value = float(cell) if _is_number(cell) else math.nan
    if not abs(value) <= _MOST:
        raise InputError(f"{where}: {name} is {cell[:40]!r}; expected a number")
    return value


def _whole(cell: str, name: str, where: str, low: int, high: int) -> int:
    value = _number(cell, name, where) if len(cell) < 40 else math.nan
    if not value.is_integer() or not low <= value < high:
        raise InputError(f"{where}: {name} is {cell[:40]!r}; expected a whole number from {low}")
    return int(value)
