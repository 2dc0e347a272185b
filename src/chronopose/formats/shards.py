"""Clips of rendered people with exact labels, in a folder of Parquet files: written in order, read by number.

The files `clips-00000.parquet`, `clips-00001.parquet` and so on hold together the clips 0 to N - 1. What is in a file
is told in `shard_file`.
"""

import io
import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.core.types import Floats, Pixels
from chronopose.formats import shard_file
from chronopose.formats.shard_file import KeyFrames, ShardHeader, StrPath, damaged, within

OUTSIDE, HIDDEN, SEEN = 0, 1, 2
_NAME = re.compile(r"clips-(\d{5})\.parquet")
_FLOATS = ("xy", "boxes", "seen", "blur")
# Arrow keeps about 8 KB for each clip of an open file.
_MOST_OPEN_CLIPS = 60_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ClipRecord:
    """A clip and the truth of all its persons: T frames, P persons, J joints.

    Attributes:
        number: of the clip in its data set.
        frames: (T, H, W, 3) RGB uint8; only the frames asked for where `Shards.clip` was told which.
        fps: frames per second.
        key: the frame that is answered for.
        joints: names of the J joints; "schema:joint" stands in for "joint" where that skeleton is wanted.
        xy: (T, P, J, 2) float32 image pixels, exact also where hidden or outside the frame; NaN behind the camera.
        visible: (T, P, J) uint8: 0 outside the frame or behind the camera, 1 hidden, 2 seen.
        boxes: (T, P, 4) float32 x1, y1, x2, y2 of the whole person, not cut at the frame's edge.
        seen: (T, P) float32 share of the person's own pixels that are inside the frame and not covered.
        blur: (T, P, J) float32 pixels that a joint moves during the exposure.
        motions: what each of the P persons does.
    """

    number: int
    frames: Pixels
    fps: float
    key: int
    joints: tuple[str, ...]
    xy: Floats
    visible: NDArray[np.uint8]
    boxes: Floats
    seen: Floats
    blur: Floats
    motions: tuple[str, ...]

    def __post_init__(self) -> None:
        times, people, joints = len(self.xy), len(self.motions), len(self.joints)
        for name, shape in _shapes(times, people, joints).items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"clip {self.number}: {name} must be {shape}, got {getattr(self, name).shape}")
        if self.frames.ndim != 4 or self.frames.shape[3] != 3 or self.frames.dtype != np.uint8:
            got = f"{self.frames.shape} {self.frames.dtype}"
            raise ValueError(f"clip {self.number}: frames must be (T, H, W, 3) uint8, got {got}")
        if not 0 <= self.key < times:
            raise ValueError(f"clip {self.number}: key must be one of {times} frames, got {self.key}")


def _shapes(times: int, people: int, joints: int) -> dict[str, tuple[int, ...]]:
    return {
        "xy": (times, people, joints, 2),
        "visible": (times, people, joints),
        "boxes": (times, people, 4),
        "seen": (times, people),
        "blur": (times, people, joints),
    }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PackedClip:
    """A clip ready to be written: its pictures compressed, its labels as rows.

    Attributes:
        number: of the clip.
        joints: names of the J joints.
        size: width and height of its pictures.
        rows: one for each frame.
    """

    number: int
    joints: tuple[str, ...]
    size: tuple[int, int]
    rows: pa.RecordBatch


def pack(record: ClipRecord, quality: int = 92) -> PackedClip:
    """A clip with its pictures compressed, which is most of the work of writing it.

    Args:
        record: with all its frames.
        quality: of JPEG, whose colours are kept at full resolution.

    Raises:
        InputError: the clip is larger than the format allows.
    """
    times, people = record.seen.shape
    where = f"clip {record.number}"
    if len(record.frames) != times:
        raise ValueError(f"{where}: {len(record.frames)} frames with labels of {times}")
    height, width = record.frames.shape[1:3]
    within(where, "number of frames", times, 1, shard_file.MOST_FRAMES)
    within(where, "number of people", people, 0, shard_file.MOST_PEOPLE)
    within(where, "number of joints", len(record.joints), 1, shard_file.MOST_JOINTS)
    within(where, "width", width, 1, shard_file.MOST_SIDE_PX)
    within(where, "height", height, 1, shard_file.MOST_SIDE_PX)
    if not 0 < record.fps < np.inf:
        raise ValueError(f"{where}: fps must be above 0, got {record.fps}")
    lists = {name: getattr(record, name).reshape(times, -1) for name in _shapes(times, people, len(record.joints))}
    values = {
        "clip": [record.number] * times,
        "key": [record.key] * times,
        "fps": [record.fps] * times,
        "jpeg": [_jpeg(frame, quality) for frame in record.frames],
        **{name: list(rows.astype(np.float32 if name in _FLOATS else np.uint8)) for name, rows in lists.items()},
        "motions": [list(record.motions)] * times,
    }
    schema = shard_file.columns()
    rows = pa.RecordBatch.from_arrays([pa.array(values[field.name], field.type) for field in schema], schema=schema)
    return PackedClip(number=record.number, joints=record.joints, size=(width, height), rows=rows)


def _jpeg(frame: Pixels, quality: int) -> bytes:
    held = io.BytesIO()
    Image.fromarray(frame).save(held, "JPEG", quality=quality, subsampling=0)
    return held.getvalue()


def shard_path(folder: Path, number: int) -> Path:
    """Where file `number` of a data set stands."""
    return folder / f"clips-{number:05d}.parquet"


def shard_numbers(folder: Path) -> list[int]:
    """Numbers of the files in a folder, ascending."""
    return sorted(int(found[1]) for found in (_NAME.fullmatch(path.name) for path in folder.iterdir()) if found)


def write_shard(path: StrPath, clips: Iterable[ClipRecord | PackedClip], identity: Mapping[str, Any]) -> int:
    """Writes one file, which appears whole or not at all; gives the number of clips in it.

    Args:
        path: of the file, as `shard_path` names it.
        clips: one or more, taken one at a time, of rising numbers without gaps and with equal joints and picture sizes.
        identity: what the clips were made with, JSON values; equal in all files of a data set.
    """
    from pyarrow import parquet

    packed = (clip if isinstance(clip, PackedClip) else pack(clip) for clip in clips)
    first = next(packed, None)
    if first is None:
        raise ValueError(f"{path}: a file wants at least one clip")
    header = ShardHeader(
        first=first.number, clips=0, joints=first.joints, size=first.size, identity=shard_file.canonical(identity)
    )
    schema = shard_file.columns().with_metadata({shard_file.KEY: shard_file.header_text(header)})
    layout = {"compression": "none", "use_dictionary": False, "write_statistics": False, "write_page_checksum": True}
    count = 0
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema, **layout) as writer:
        for count, clip in enumerate(chain([first], packed), start=1):
            within(path, "number of clips", count, 1, shard_file.MOST_CLIPS)
            got, wanted = (clip.number, clip.joints, clip.size), (first.number + count - 1, first.joints, first.size)
            if got != wanted:
                raise ValueError(f"{path}: number, joints and size of clip {count} must be {wanted}, got {got}")
            writer.write_batch(clip.rows, row_group_size=shard_file.MOST_FRAMES)
    return count


class Shards:
    """A data set of clips, each read when it is asked for.

    Opening reads who is in the key frames, never a picture. Files are opened when first needed, and again in another
    process, so an object may be pickled, and forked; one thread at a time may read from it.

    Args:
        folder: of the files.

    Raises:
        InputError: a file is damaged, missing or of another data set.

    Attributes:
        folder: of the files.
        joints: names of the joints of every clip.
        size: width and height of every picture.
        identity: what the clips were made with.
        key_frames: of all clips, and everybody in them.
    """

    def __init__(self, folder: StrPath) -> None:
        self.folder = Path(folder)
        headers: list[ShardHeader] = []
        parts: list[KeyFrames] = []
        for number in range(_count(self.folder)):
            path = shard_path(self.folder, number)
            try:
                with shard_file.open_shard(path) as file:
                    headers.append(shard_file.header_of(file, path))
                    _check_follows(headers, path)
                    parts.append(shard_file.read_key_frames(file, headers[-1], path))
            except (pa.ArrowException, OSError) as error:
                raise damaged(path, error) from None
        self.joints, self.size = headers[0].joints, headers[0].size
        self.identity: dict[str, Any] = json.loads(headers[0].identity)
        self.key_frames = shard_file.joined(parts)
        self._firsts = np.array([header.first for header in headers], dtype=np.int64)
        self._files: OrderedDict[int, Any] = OrderedDict()
        self._process = os.getpid()

    def __len__(self) -> int:
        return len(self.key_frames.key)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_files": OrderedDict()}

    def clip(self, index: int, frames: Sequence[int] | None = None) -> ClipRecord:
        """Clip `index` with its labels.

        Args:
            index: number of the clip.
            frames: whose pictures to decode, in this order; () for the labels alone, None for all. The labels are
                those of all frames whatever is asked for here.
        """
        if not 0 <= index < len(self):
            raise InputError(f"{self.folder}: clip must lie in 0 to {len(self) - 1}, got {index}")
        times = int(self.key_frames.length[index])
        wanted = range(times) if frames is None else frames
        if any(not 0 <= frame < times for frame in wanted):
            raise InputError(f"{self.folder}: clip {index}: frames lie in 0 to {times - 1}, got {tuple(wanted)}")
        shard = int(np.searchsorted(self._firsts, index, side="right")) - 1
        path = shard_path(self.folder, shard)
        names = [name for name in shard_file.columns().names if name != "jpeg" or len(wanted)]
        try:
            group = index - int(self._firsts[shard])
            rows = self._file(shard, path).read_row_group(group, columns=names, use_threads=False)
        except (pa.ArrowException, OSError, IndexError) as error:
            raise damaged(path, error) from None
        where = f"{path}: clip {index}"
        if rows.num_rows != times or rows.column("clip")[0].as_py() != index:
            raise InputError(f"{where}: the file has changed since it was opened")
        motions = tuple(rows.column("motions")[0].as_py())
        labels = {
            name: _values(rows, name, shape, where)
            for name, shape in _shapes(times, len(motions), len(self.joints)).items()
        }
        if labels["visible"].max(initial=0) > SEEN:
            raise InputError(f"{where}: visible must be 0, 1 or 2, got {labels['visible'].max()}")
        return ClipRecord(
            number=index,
            frames=_pictures(rows, wanted, self.size, where),
            fps=rows.column("fps")[0].as_py(),
            key=int(self.key_frames.key[index]),
            joints=self.joints,
            motions=motions,
            **labels,
        )

    def _file(self, shard: int, path: Path) -> Any:
        """The open file, one of those most lately used."""
        if self._process != os.getpid():
            self._files, self._process = OrderedDict(), os.getpid()
        file = self._files.pop(shard, None)
        if file is None:
            file = shard_file.open_shard(path)
            while self._files and (len(self._files) + 1) * file.metadata.num_row_groups > _MOST_OPEN_CLIPS:
                self._files.popitem(last=False)[1].close()
        self._files[shard] = file
        return file


def _count(folder: Path) -> int:
    """The number of files of a data set, which must be there without a gap."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; wanted one with clips-*.parquet")
    numbers = shard_numbers(folder)
    if not numbers:
        raise InputError(f"{folder}: no clips-*.parquet there")
    if numbers[-1] >= len(numbers):
        missing = next(number for number, found in enumerate(numbers) if number != found)
        raise InputError(f"{shard_path(folder, missing)}: missing, though clips-{numbers[-1]:05d}.parquet is there")
    return len(numbers)


def _check_follows(headers: Sequence[ShardHeader], path: Path) -> None:
    """The last file begins where the one before it ends, and agrees with the first."""
    last, first = headers[-1], headers[0]
    wanted = headers[-2].first + headers[-2].clips if len(headers) > 1 else 0
    if last.first != wanted:
        raise InputError(f"{path}: begins with clip {last.first}, wanted {wanted}: not one data set, or not whole")
    for name in ("joints", "size", "identity"):
        if getattr(last, name) != getattr(first, name):
            raise InputError(f"{path}: {name} differs from that in clips-00000.parquet: not one data set")


def _values(rows: pa.Table, name: str, shape: tuple[int, ...], where: str) -> Any:
    """A list column as a writable array (T, ...), T the number of rows."""
    column = rows.column(name).combine_chunks()
    values = column.flatten().to_numpy()
    each = int(np.prod(shape[1:]))
    if (np.diff(column.offsets.to_numpy()) != each).any():
        raise InputError(f"{where}: {name} must hold {each} values in each frame")
    return values.reshape(shape).copy()


def _pictures(rows: pa.Table, wanted: Sequence[int], size: tuple[int, int], where: str) -> Pixels:
    """(N, H, W, 3) uint8 of the N frames wanted, each decoded once."""
    shown = {frame: _picture(rows.column("jpeg")[frame].as_py(), size, where) for frame in set(wanted)}
    pictures = np.empty((len(wanted), size[1], size[0], 3), dtype=np.uint8)
    for place, frame in enumerate(wanted):
        pictures[place] = shown[frame]
    return pictures


def _picture(data: bytes, size: tuple[int, int], where: str) -> Pixels:
    """(H, W, 3) uint8 of a JPEG file that is of the size wanted."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.size == size and image.mode == "RGB":
                return np.asarray(image)
            got = f"{image.mode} {image.size[0]} x {image.size[1]}"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{where}: damaged picture: {' '.join(str(error).split())}") from None
    raise InputError(f"{where}: a picture must be RGB {size[0]} x {size[1]}, got {got}")
