"""JSON files from outside: read within bounds, every field checked for its type, written whole."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.core.geometry import box_of_points
from chronopose.core.types import Floats, Pose
from chronopose.formats import metadata

Object = dict[str, Any]
MOST_BYTES = 1 << 30
# No coordinate of an image is larger; 32-bit floats and their squares still hold it.
_MOST = 1e9
_ABSENT = object()


def load(path: str | os.PathLike[str], most_bytes: int | None = None) -> Object:
    """The JSON object in a file; raises `InputError` if the file is too large, no UTF-8, no JSON or no object."""
    value = _value(path, most_bytes)
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, got {_kind(value)}")
    return value


def load_objects(path: str | os.PathLike[str], most_bytes: int | None = None) -> list[Object]:
    """The list of JSON objects in a file; raises `InputError` as `load` does."""
    value = _value(path, most_bytes)
    return objects({"the file": value}, "the file", str(path))


def _value(path: str | os.PathLike[str], most_bytes: int | None) -> object:
    most = MOST_BYTES if most_bytes is None else most_bytes
    try:
        with Path(path).open("rb") as file:
            # Asked of the open file: a pipe or device has no size, so the read is bounded as well.
            size = os.fstat(file.fileno()).st_size
            text = b"" if size > most else file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    if max(size, len(text)) > most:
        raise InputError(f"{path}: {max(size, len(text))} bytes of JSON; at most {most} can be read")
    return metadata.parse(text.removeprefix(b"\xef\xbb\xbf"), str(path))


def save(value: Object, path: str | os.PathLike[str]) -> None:
    """Writes `value` as JSON; the file appears whole or not at all."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def decimals(values: NDArray[np.floating]) -> Any:
    """Nested lists of the shortest decimals that read back as the same 32-bit floats; NaN where NaN."""
    return values.astype(np.float32).astype("U").astype(np.float64).tolist()


def objects(fields: Object, key: str, where: str) -> list[Object]:
    """The list of objects under `key`."""
    value = fields.get(key, _ABSENT)
    if not isinstance(value, list):
        raise InputError(f"{where}: {key}: expected a list of objects, got {_kind(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise InputError(f"{where}: {key}[{index}]: expected an object, got {_kind(item)}")
    return value


def integer(fields: Object, key: str, where: str, low: int = 0, high: int = 2**53) -> int:
    """The whole number in [low, high) under `key`; a float without a fraction is taken too."""
    value = fields.get(key, _ABSENT)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not low <= value < high:
        raise InputError(f"{where}.{key}: expected a whole number from {low} to {high - 1}, got {_kind(value)}")
    return value


def track_id(fields: Object, where: str) -> int | None:
    """The whole number of 32 bits under `track_id`, None if it is null or not there."""
    return None if fields.get("track_id") is None else integer(fields, "track_id", where, -(2**31), 2**31)


def number(fields: Object, key: str, where: str, absent: float) -> float:
    """The finite number under `key`, or `absent` if it is null or not there."""
    value = fields.get(key)
    if value is None:
        return absent
    if type(value) not in (int, float) or not abs(value) <= _MOST:
        raise InputError(f"{where}.{key}: expected a number, got {_kind(value)}")
    return float(value)


def text(fields: Object, key: str, where: str) -> str:
    """The text under `key`."""
    value = fields.get(key, _ABSENT)
    if not isinstance(value, str):
        raise InputError(f"{where}.{key}: expected text, got {_kind(value)}")
    return value


def path_inside(fields: Object, key: str, where: str) -> PurePosixPath:
    """The path under `key`, which must stay inside the folder that it starts from: files name no others."""
    name = text(fields, key, where)
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        raise InputError(f"{where}.{key}: expected the path of a file inside the folder, got {name[:60]!r}")
    return path


def numbers(fields: Object, key: str, where: str, count: int, null: bool = False) -> NDArray[np.float64] | None:
    """(count,) float64 under `key`, None if it is null or not there; `null` allows null items, which become NaN."""
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != count:
        found = f"a list of {len(value)}" if isinstance(value, list) else _kind(value)
        raise InputError(f"{where}.{key}: expected a list of {count} numbers, got {found}")
    for index, item in enumerate(value):
        # numpy would turn text and true into numbers without a word.
        if not (type(item) in (int, float) and abs(item) <= _MOST) and not (null and item is None):
            raise InputError(f"{where}.{key}[{index}]: expected a number, got {_kind(item)}")
    return np.array(value, dtype=np.float64)


def box_of(fields: Object, where: str) -> Floats | None:
    """(4,) float32 xyxy from `bbox` x, y, width, height; None if it is null, not there or all zero."""
    xywh = numbers(fields, "bbox", where, 4)
    if xywh is None or not xywh.any():
        return None
    if (xywh[2:] < 0).any():
        raise InputError(f"{where}.bbox: width and height must not be negative, got {xywh[2]:g} and {xywh[3]:g}")
    return np.concatenate([xywh[:2], xywh[:2] + xywh[2:]]).astype(np.float32)


def bbox(pose: Pose) -> list[float]:
    """`bbox` of a pose: its box, else the one around its known joints, else zeros; x, y, width, height."""
    box = pose.box.astype(np.float64)
    if not (np.isfinite(box).all() and (box[2:] >= box[:2]).all()):
        box = box_of_points(pose.xy)
    if not np.isfinite(box).all():
        return [0.0, 0.0, 0.0, 0.0]
    x1, y1, x2, y2 = decimals(box)
    # Few decimals where they are enough to find the far corner again.
    size = [(near, far, round(far - near, 4)) for near, far in ((x1, x2), (y1, y2))]
    return [
        *(x1, y1),
        *(short if np.float32(near + short) == np.float32(far) else far - near for near, far, short in size),
    ]


def tight_box(xy: NDArray[np.floating]) -> Floats:
    """(4,) float32 box around the known joints (K, 2), NaN if none is known."""
    return box_of_points(xy).astype(np.float32)


def _kind(value: object) -> str:
    """What was found, in a few words: never more of a file than fits a line."""
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, dict | list):
        return f"a {type(value).__name__} of {len(value)}"
    try:
        return f"{value!r:.40}"
    except ValueError:  # an integer too long to print
        return "a number too large"
