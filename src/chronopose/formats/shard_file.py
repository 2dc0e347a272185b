"""One file of a data set of clips: its columns, what it says of itself, and the checks that it is whole.

A frame's row holds `clip` (its number), `key` and `fps` of the clip, `jpeg` (the picture), and flat lists over the
clip's P persons and J joints of each: `xy` (P J 2), `visible` (P J), `boxes` (P 4), `seen` (P), `blur` (P J) and
`motions` (P), whose meaning is that of `shards.ClipRecord`. Nothing is null; nothing but the pictures is compressed.
A row group is a clip.

The metadata of the schema holds under `chronopose.clips` JSON with the format's version, the first clip's number, the
names of the joints, the width and height of all pictures, and what the clips were made with.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats

KEY = b"chronopose.clips"
_VERSION = 1
MOST_SHARDS, MOST_CLIPS, MOST_FRAMES = 100_000, 20_000, 10_000
MOST_PEOPLE, MOST_JOINTS, MOST_SIDE_PX = 64, 256, 8192
_MOST_CLIP_BYTES = 2 << 30
_MOST_HEADER_BYTES = 1 << 20

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardHeader:
    """What a file says of itself.

    Attributes:
        first: number of its first clip.
        clips: how many it holds.
        joints: names of the joints.
        size: width and height of its pictures.
        identity: what its clips were made with, as `canonical` text.
    """

    first: int
    clips: int
    joints: tuple[str, ...]
    size: tuple[int, int]
    identity: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KeyFrames:
    """The key frames of N clips, and the M persons in them.

    Attributes:
        key: (N,) int32 number of the key frame in its clip.
        length: (N,) int32 number of frames of the clip.
        clip: (M,) int32 number of each person's clip, ascending.
        person: (M,) int32 number of the person in it.
        boxes: (M, 4) float32 x1, y1, x2, y2 of the whole person, not cut at the frame's edge.
        seen: (M,) float32 share of the person that can be seen.
    """

    key: NDArray[np.int32]
    length: NDArray[np.int32]
    clip: NDArray[np.int32]
    person: NDArray[np.int32]
    boxes: Floats
    seen: Floats


@cache
def columns() -> pa.Schema:
    """The columns of a file, without metadata."""

    def several(kind: pa.DataType) -> pa.DataType:
        return pa.list_(pa.field("element", kind, nullable=False))

    kinds = {
        "clip": pa.int64(),
        "key": pa.int32(),
        "fps": pa.float64(),
        "jpeg": pa.binary(),
        "xy": several(pa.float32()),
        "visible": several(pa.uint8()),
        "boxes": several(pa.float32()),
        "seen": several(pa.float32()),
        "blur": several(pa.float32()),
        "motions": several(pa.string()),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


def canonical(identity: Mapping[str, Any]) -> str:
    """An identity as text: equal text, equal identity."""
    return json.dumps(identity, sort_keys=True, allow_nan=False)


def header_text(header: ShardHeader) -> str:
    """The JSON that a file holds under `KEY`; the number of clips is that of its row groups."""
    stored = {"version": _VERSION, "first": header.first, "joints": header.joints, "size": header.size}
    return json.dumps(stored | {"identity": json.loads(header.identity)})


def open_shard(path: StrPath) -> Any:
    """The Parquet file, whose pages are checked against their checksums when read."""
    from pyarrow import parquet

    return parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)


def damaged(path: StrPath, error: Exception) -> InputError:
    """What to say of a file that Arrow cannot read."""
    return InputError(f"{path}: not a whole file of clips: {' '.join(str(error).split())[:200]}")


def read_header(path: StrPath) -> ShardHeader:
    """What a file says of itself; raises `InputError` if it is no whole file of clips."""
    try:
        with open_shard(path) as file:
            return header_of(file, path)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None


def header_of(file: Any, path: StrPath) -> ShardHeader:
    """`read_header` of an open file."""
    text = (file.schema_arrow.metadata or {}).get(KEY)
    if text is None:
        raise InputError(f"{path}: a Parquet file, but not of clips: no {KEY.decode()!r} in its metadata")
    where = f"{path}: {KEY.decode()!r} in its metadata"
    try:
        stored: Any = json.loads(text) if len(text) <= _MOST_HEADER_BYTES else None
        version, first = stored["version"], stored["first"]
        joints, (width, height) = tuple(stored["joints"]), stored["size"]
        identity = canonical(stored["identity"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{where} is not JSON with version, first, joints, size and identity") from None
    if version != _VERSION:
        raise InputError(f"{where}: version must be {_VERSION}, got {version!r:.40}")
    if not all(type(joint) is str for joint in joints) or len(set(joints)) != len(joints):
        raise InputError(f"{where}: joints must be different names")
    within(where, "first", first, 0, MOST_SHARDS * MOST_CLIPS)
    within(where, "number of joints", len(joints), 1, MOST_JOINTS)
    within(where, "width", width, 1, MOST_SIDE_PX)
    within(where, "height", height, 1, MOST_SIDE_PX)
    within(path, "number of clips", file.metadata.num_row_groups, 1, MOST_CLIPS)
    if not file.schema_arrow.remove_metadata().equals(columns()):
        raise InputError(f"{path}: columns must be {', '.join(columns().names)}, each of its type in this format")
    return ShardHeader(
        first=first, clips=file.metadata.num_row_groups, joints=joints, size=(width, height), identity=identity
    )


def within(where: object, name: str, value: object, low: int, high: int) -> None:
    """Raises `InputError` unless `value` is a whole number in `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise InputError(f"{where}: {name} must lie in {low} to {high}, got {value!r:.40}")


def read_key_frames(file: Any, header: ShardHeader, path: StrPath) -> KeyFrames:
    """The key frames of an open file, whose clips must be the ones its header says."""
    groups = [file.metadata.row_group(at) for at in range(header.clips)]
    if any(group.total_byte_size > _MOST_CLIP_BYTES or group.num_rows > MOST_FRAMES for group in groups):
        raise InputError(f"{path}: a clip may have {MOST_FRAMES} frames and {_MOST_CLIP_BYTES} bytes, not more")
    length = np.array([group.num_rows for group in groups], dtype=np.int64)
    rows = file.read(columns=["clip", "key", "boxes", "seen"], use_threads=False)
    clip, key, boxes, seen = (rows.column(name).combine_chunks() for name in ("clip", "key", "boxes", "seen"))
    numbers = header.first + np.arange(header.clips)
    if not np.array_equal(clip.to_numpy(), np.repeat(numbers, length)) or not length.all():
        raise InputError(f"{path}: must hold the clips from {header.first} on, each in a row group of its own")
    starts = np.cumsum(length) - length
    key = key.to_numpy()[starts]
    wrong = (key < 0) | (key >= length)
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(f"{path}: clip {numbers[at]}: key must be one of {length[at]} frames, got {key[at]}")
    ends = seen.offsets.to_numpy()
    people = np.diff(ends)
    if people.max() > MOST_PEOPLE or not np.array_equal(np.diff(boxes.offsets.to_numpy()), people * 4):
        raise InputError(f"{path}: boxes and seen must be those of the same persons, at most {MOST_PEOPLE} in a frame")
    count = people[starts + key]
    person = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    at_key = np.repeat(ends[starts + key] - ends[0], count) + person
    return KeyFrames(
        key=key.astype(np.int32),
        length=length.astype(np.int32),
        clip=np.repeat(numbers, count).astype(np.int32),
        person=person.astype(np.int32),
        boxes=boxes.flatten().to_numpy().reshape(-1, 4)[at_key],
        seen=seen.flatten().to_numpy()[at_key],
    )


def joined(parts: Sequence[KeyFrames]) -> KeyFrames:
    """The key frames of several files as one."""
    return KeyFrames(
        key=np.concatenate([part.key for part in parts]),
        length=np.concatenate([part.length for part in parts]),
        clip=np.concatenate([part.clip for part in parts]),
        person=np.concatenate([part.person for part in parts]),
        boxes=np.concatenate([part.boxes for part in parts]),
        seen=np.concatenate([part.seen for part in parts]),
    )
