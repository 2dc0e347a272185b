"""A video's frames as JPEGs in one file behind a checked index: read by number, rebuilt rather than trusted.

    head     magic, version, size and time of change of the video it was made from
    frames   one JPEG after the other
    index    where each begins and the last one ends (8 bytes each), CRC-32 of each (4 bytes each)
    tail     number of frames, CRC-32 of head and index, magic

All numbers are little-endian. The file is a cache: whatever is wrong with it, the answer is "not there".
"""

import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.files import replacing

MOST_FRAMES = 1 << 20
_MAGIC, _VERSION = b"\x93FRAMES\n", 1
_HEAD = struct.Struct("<8sIQq")
_TAIL = struct.Struct("<II8s")
_PLACES, _CHECKS = np.dtype("<u8"), np.dtype("<u4")


@dataclass(frozen=True, slots=True, eq=False)
class PackedVideo:
    """The index of a file of N frames: where they begin and end (N + 1,), and the CRC-32 of each (N,)."""

    path: Path
    places: NDArray[np.uint64]
    checks: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.checks)

    def jpeg(self, number: int) -> bytes | None:
        """The JPEG of frame `number`, None if there is no such frame, or the file is gone or damaged there."""
        if number >= len(self):
            return None
        start, end = int(self.places[number]), int(self.places[number + 1])
        try:
            # Opened anew each time: workers share nothing, and it takes far less time than decoding.
            with self.path.open("rb") as file:
                file.seek(start)
                data = file.read(end - start)
        except OSError:
            return None
        return data if zlib.crc32(data) == self.checks[number] else None


def open_packed(path: Path, source: Path) -> PackedVideo | None:
    """The file made from `source` as it is now; None if there is none, or it is damaged."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _HEAD.size + _TAIL.size:
                return None
            head = file.read(_HEAD.size)
            file.seek(size - _TAIL.size)
            count, check, magic = _TAIL.unpack(file.read(_TAIL.size))
            length = (count + 1) * _PLACES.itemsize + count * _CHECKS.itemsize
            start = size - _TAIL.size - length
            if magic != _MAGIC or not 0 < count <= MOST_FRAMES or start < _HEAD.size:
                return None
            file.seek(start)
            index = file.read(length)
        wanted = _head(source)
    except OSError:
        return None
    if head != wanted or zlib.crc32(index, zlib.crc32(head)) != check:
        return None
    places = np.frombuffer(index, _PLACES, count + 1)
    if places[0] != _HEAD.size or places[-1] != start or (places[1:] <= places[:-1]).any():
        return None
    return PackedVideo(path, places, np.frombuffer(index, _CHECKS, count, places.nbytes))


def write_packed(path: Path, source: Path, frames: Iterable[bytes]) -> None:
    """Writes the JPEGs of a video's frames, taken one at a time; the file appears whole or not at all."""
    head = _head(source)  # before the frames are decoded: a video that changes meanwhile is one that has changed
    places, checks = [len(head)], list[int]()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(head)
            for data in frames:
                if len(checks) == MOST_FRAMES:
                    raise InputError(f"{source}: more than {MOST_FRAMES} frames; wanted a shorter video")
                file.write(data)
                places.append(places[-1] + len(data))
                checks.append(zlib.crc32(data))
            index = np.array(places, _PLACES).tobytes() + np.array(checks, _CHECKS).tobytes()
            file.write(index + _TAIL.pack(len(checks), zlib.crc32(index, zlib.crc32(head)), _MAGIC))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); wanted a folder with room") from None


def _head(source: Path) -> bytes:
    found = source.stat()
    return _HEAD.pack(_MAGIC, _VERSION, found.st_size, found.st_mtime_ns)
