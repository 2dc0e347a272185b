"""Poses as a table, one row for each person in each frame: Parquet, the native file, and CSV.

Columns: `frame` int64 and `time_s` float64; `track` int32; `x1 y1 x2 y2` and `box_score` float32; then for every joint
`{joint}_x`, `_y`, `_score`, `_sigma_x`, `_sigma_y` float32, image pixels. Null where unknown. A frame without persons
has ONE row in which everything but `frame` and `time_s` is null, so no frame is ever missing. An unknown time is null
in the table and NaN in `FramePoses`.

The metadata of the schema holds, under `chronopose`, JSON with the format version, the whole skeleton and the
`VideoInfo`; in CSV the same JSON is the first line, after `# `. A table without it (rewritten by another program) is
still read: the skeleton follows from the column names and the video is unknown (source "", sizes and fps 0).

Parquet keeps everything but this: a `sigma` of NaN alone reads as None; a NaN score or box score reads as 0; an
infinite or NaN fps reads as NaN. CSV loses no more: its numbers are the shortest that read back as the same floats.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import metadata

KEY = "chronopose"
_BOX = ("x1", "y1", "x2", "y2", "box_score")
_JOINT = ("_x", "_y", "_score", "_sigma_x", "_sigma_y")
_LEAD = ("frame", "time_s", "track")
# Ten hours with ten persons at 30 frames a second are 11 million rows.
_MOST_ROWS = 20_000_000
_MOST_CSV_BYTES = 4 << 30
_MOST_HEADER_CHARS = 1 << 20
_ROWS_AT_ONCE = 1 << 16


def schema(skeleton: Skeleton, info: VideoInfo, extra: Mapping[str, str] | None = None) -> pa.Schema:
    """The Arrow schema of a table of poses of `skeleton`; `extra` goes into its metadata beside our own entry."""
    floats = [*_BOX, *(joint + part for joint in skeleton.joints for part in _JOINT)]
    if len(set(floats)) != len(floats):
        raise InputError(f"skeleton {skeleton.name}: two columns of its table would have the same name; rename a joint")
    if not all(joint.isprintable() for joint in skeleton.joints):
        raise InputError(f"skeleton {skeleton.name}: a joint name holds a control character: {skeleton.joints}")
    lead = [pa.field("frame", pa.int64()), pa.field("time_s", pa.float64()), pa.field("track", pa.int32())]
    entries = {**(extra or {}), KEY: json.dumps(metadata.encode(skeleton, info))}
    return pa.schema([*lead, *(pa.field(name, pa.float32()) for name in floats)], metadata=entries)


def to_batch(frames: Sequence[FramePoses], schema: pa.Schema) -> pa.RecordBatch:
    """The rows of `frames` under a schema made by `schema`.

    Raises:
        ValueError: a pose has other joints than the schema, or a track id outside int32.
    """
    names = schema.names[len(_LEAD) + len(_BOX) :: len(_JOINT)]
    joints = tuple(name.removesuffix("_x") for name in names)
    rows = np.array([max(len(frame.poses), 1) for frame in frames], dtype=np.int64)
    number = np.repeat(np.array([frame.frame for frame in frames], dtype=np.int64), rows)
    time_s = np.repeat(np.array([frame.time_s for frame in frames], dtype=np.float64), rows)
    filled = np.repeat(np.array([bool(frame.poses) for frame in frames], dtype=bool), rows)
    poses = [pose for frame in frames for pose in frame.poses]
    for skeleton in {id(pose.skeleton): pose.skeleton for pose in poses}.values():
        if skeleton.joints != joints:
            raise ValueError(f"the table wants the joints {joints}; got a {skeleton.name} pose: {skeleton.joints}")
    values = np.full((len(number), len(_BOX) + len(joints) * len(_JOINT)), np.nan, dtype=np.float32, order="F")
    track = np.full(len(number), -1, dtype=np.int64)
    no_track = np.ones(len(number), dtype=bool)
    if poses:
        values[filled] = _values(poses)
        track[filled] = [-1 if pose.track_id is None else pose.track_id for pose in poses]
        no_track[filled] = [pose.track_id is None for pose in poses]
    if len(track) and not -(2**31) <= track.min() <= track.max() < 2**31:
        raise ValueError(f"track ids must fit 32 bits, got {track.min()} to {track.max()}")
    unknown = np.isnan(values)
    columns = [
        pa.array(number),
        pa.array(time_s, mask=np.isnan(time_s)),
        pa.array(track.astype(np.int32), mask=no_track),
        *(pa.array(values[:, column], mask=unknown[:, column]) for column in range(values.shape[1])),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _values(poses: Sequence[Pose]) -> NDArray[np.float32]:
    """(P, 5 + 5 K) float32: the box columns and the joint columns of every pose, NaN where unknown."""
    joints = len(poses[0].skeleton)
    blank = np.full((joints, 2), np.nan, dtype=np.float32)
    box = np.stack([pose.box for pose in poses])
    box_score = np.array([pose.box_score for pose in poses], dtype=np.float32)
    xy = np.stack([pose.xy for pose in poses])
    score = np.stack([pose.score for pose in poses])
    sigma = np.stack([blank if pose.sigma is None else pose.sigma for pose in poses])
    # A person's scores are never null: that is how its row differs from the row of an empty frame.
    parts = np.concatenate([xy, np.nan_to_num(score)[..., None], sigma], axis=-1)  # (P, K, 5)
    lead = [box, np.nan_to_num(box_score)[:, None]]
    return np.concatenate([*lead, parts.reshape(len(poses), -1)], axis=1, dtype=np.float32)


def to_table(sequence: PoseSequence, extra: Mapping[str, str] | None = None) -> pa.Table:
    """The whole sequence as one table."""
    wanted = schema(sequence.skeleton, sequence.info, extra)
    return pa.Table.from_batches([to_batch(sequence.frames, wanted)], wanted)


def from_table(table: pa.Table, where: str = "table") -> PoseSequence:
    """The poses in a table; rows may stand in any order and columns we do not know are left alone.

    Args:
        table: with the columns named above; numbers may have other widths than ours.
        where: the file's name, for error messages.

    Raises:
        InputError: a column is missing, of a wrong type or holds an impossible value.
    """
    entry = (table.schema.metadata or {}).get(KEY.encode())
    if entry is None:
        skeleton, info = _skeleton_of_columns(table.schema.names, where), metadata.UNKNOWN_VIDEO
    else:
        skeleton, info = metadata.decode_text(entry, where)
    return PoseSequence(info=info, skeleton=skeleton, frames=_frames(table, skeleton, where))


def _frames(table: pa.Table, skeleton: Skeleton, where: str) -> tuple[FramePoses, ...]:
    if table.num_rows > _MOST_ROWS:
        raise InputError(f"{where}: {table.num_rows} rows; at most {_MOST_ROWS} can be read")
    floats = [*_BOX, *(joint + part for joint in skeleton.joints for part in _JOINT)]
    number = _whole(table, "frame", where, 0, 2**53)
    track = _whole(table, "track", where, -(2**31), 2**31)
    time_s = _column(table, "time_s", where)
    if np.isnan(number).any():
        raise InputError(f"{where}: row {int(np.isnan(number).argmax()) + 1}: no frame number")
    values = np.empty((table.num_rows, len(floats)), dtype=np.float32)
    for index, name in enumerate(floats):
        with np.errstate(over="ignore"):
            values[:, index] = _column(table, name, where)
        bad = np.isinf(values[:, index])
        if bad.any():
            raise InputError(f"{where}: row {int(bad.argmax()) + 1}: {name} is not a finite 32-bit number")
    empty = np.isnan(values).all(axis=1) & np.isnan(track)
    poses = _poses(values, track, skeleton)
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    frames = []
    for rows in np.split(order, starts[1:]) if len(order) else []:
        seen = tuple(poses[row] for row in rows if not empty[row])
        frames.append(FramePoses(int(number[rows[0]]), float(time_s[rows[0]]), seen))
    return tuple(frames)


def _poses(values: NDArray[np.float32], track: NDArray[np.float64], skeleton: Skeleton) -> list[Pose]:
    joints = values[:, len(_BOX) :].reshape(len(values), len(skeleton), len(_JOINT))
    xy, sigma = joints[..., :2].copy(), joints[..., 3:].copy()
    score = np.nan_to_num(joints[..., 2])
    box = values[:, :4].copy()
    box_score = np.nan_to_num(values[:, 4])
    spread: NDArray[np.bool_] = np.asarray(~np.isnan(sigma).all(axis=(1, 2)))
    return [
        Pose(
            skeleton=skeleton,
            xy=xy[row],
            score=score[row],
            box=box[row],
            sigma=sigma[row] if spread[row] else None,
            box_score=float(box_score[row]),
            track_id=None if np.isnan(track[row]) else int(track[row]),
        )
        for row in range(len(values))
    ]


def _column(table: pa.Table, name: str, where: str) -> NDArray[np.float64]:
    """(N,) float64, NaN where null; frames and tracks too, since programs that know no null turn them into floats."""
    found = table.schema.get_all_field_indices(name)
    if len(found) != 1:
        raise InputError(f"{where}: expected one column {name!r}, found {len(found)}")
    column = table.column(found[0])
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise InputError(f"{where}: column {name!r} holds {kind}; expected numbers")
    try:
        values: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise InputError(f"{where}: column {name!r}: {_line(error)}") from None
    if np.isinf(values).any():
        raise InputError(f"{where}: row {int(np.isinf(values).argmax()) + 1}: {name} is infinite")
    return values


def _whole(table: pa.Table, name: str, where: str, low: int, high: int) -> NDArray[np.float64]:
    """`_column` of whole numbers in [low, high) or NaN."""
    values = _column(table, name, where)
    bad: NDArray[np.bool_] = ~np.isnan(values) & ((values != np.floor(values)) | (values < low) | (values >= high))
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"{where}: row {row + 1}: {name} is {values[row]:g}; expected a whole number from {low}")
    return values


def _skeleton_of_columns(names: Sequence[str], where: str) -> Skeleton:
    present = set(names)
    joints = [name.removesuffix("_x") for name in names if name.endswith("_x") and not name.endswith("_sigma_x")]
    joints = [joint for joint in joints if all(joint + part in present for part in _JOINT)]
    if not joints:
        raise InputError(f"{where}: no joint columns; expected {{joint}}{', {joint}'.join(_JOINT)} for every joint")
    return metadata.skeleton_of(list(dict.fromkeys(joints)))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def write_parquet(sequence: PoseSequence, path: str | os.PathLike[str], extra: Mapping[str, str] | None = None) -> None:
    """Writes the native file; it appears whole or not at all."""
    wanted = schema(sequence.skeleton, sequence.info, extra)
    frames = sequence.frames
    step = 4096
    batches = (to_batch(frames[start : start + step], wanted) for start in range(0, len(frames), step))
    with replacing(path) as temporary:
        write_batches(batches, wanted, temporary)


def write_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """Writes batches into a Parquet file with flat memory: small ones are gathered into row groups of some size."""
    from pyarrow import parquet

    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in chain(batches, [None]):
            if batch is not None:
                waiting.append(batch)
            if waiting and (batch is None or sum(part.num_rows for part in waiting) >= _ROWS_AT_ONCE):
                writer.write_table(pa.Table.from_batches(waiting, schema).combine_chunks())
                waiting = []


def read_parquet(path: str | os.PathLike[str]) -> PoseSequence:
    """Reads a file of `write_parquet`, or one with the same columns; raises `InputError` naming what is wrong."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > _MOST_ROWS:
                raise InputError(f"{path}: {file.metadata.num_rows} rows; at most {_MOST_ROWS} can be read")
            return from_table(file.read(), str(path))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not readable as Parquet: {_line(error)}") from None


def write_csv(sequence: PoseSequence, path: str | os.PathLike[str]) -> None:
    """Writes CSV: a line of `# ` and JSON, a line of column names, the rows; an unknown value is an empty cell."""
    from pyarrow import csv as arrow_csv

    table = to_table(sequence)
    names = io.StringIO()
    csv.writer(names, lineterminator="\n").writerow(table.schema.names)
    lead = f"# {table.schema.metadata[KEY.encode()].decode()}\n{names.getvalue()}"
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(lead.encode())
        arrow_csv.write_csv(table, file, arrow_csv.WriteOptions(include_header=False))


def read_csv(path: str | os.PathLike[str]) -> PoseSequence:
    """Reads CSV of `write_csv`, or with the same columns; raises `InputError` naming what is wrong."""
    from pyarrow import csv as arrow_csv

    where = Path(path)
    try:
        size = where.stat().st_size
        if size > _MOST_CSV_BYTES:
            raise InputError(f"{path}: {size} bytes; at most {_MOST_CSV_BYTES} can be read")
        with where.open("rb") as file:
            first = file.readline(_MOST_HEADER_CHARS)
            # The columns we know are numbers whatever their cells look like; others are left as text.
            names = next(csv.reader([(file.readline(_MOST_HEADER_CHARS) if first[:1] == b"#" else first).decode()]), [])
        entry = first[1:].strip() if first[:1] == b"#" else b""
        joints = (name for name in names if name.endswith(("_x", "_y", "_score")))
        kinds = dict.fromkeys((*_BOX, *joints), pa.float32())
        kinds |= {"frame": pa.int64(), "time_s": pa.float64(), "track": pa.int32()}
        table = arrow_csv.read_csv(
            where,
            read_options=arrow_csv.ReadOptions(skip_rows=int(first[:1] == b"#")),
            convert_options=arrow_csv.ConvertOptions(column_types=kinds),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not readable as CSV: {_line(error)}") from None
    return from_table(table.replace_schema_metadata({KEY: entry} if entry else None), str(path))


def read_summary(path: str | os.PathLike[str]) -> tuple[pa.Schema, int]:
    """The schema of a Parquet file of poses, and the number of frames in it, without reading the poses."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return file.schema_arrow, len(file.read(columns=["frame"])["frame"].unique())
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"{path}: not readable as Parquet: {_line(error)}") from None
