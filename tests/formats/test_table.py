"""Parquet and CSV keep everything."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from pyarrow import csv, parquet

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, PENN_13, Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import metadata, table

from .sequences import CUSTOM, assert_same, changed, sequences

INFO = VideoInfo(source="a.mp4", width=4, height=3, fps=25.0)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pose(skeleton: Skeleton = COCO_17, track_id: int | None = 1) -> Pose:
    joints = len(skeleton)
    return Pose(
        skeleton=skeleton,
        xy=np.ones((joints, 2), dtype=np.float32),
        score=np.ones(joints, dtype=np.float32),
        box=np.array([0, 0, 2, 2], dtype=np.float32),
        track_id=track_id,
    )


def three_frames() -> PoseSequence:
    frames = (FramePoses(0, 0.0, (pose(),)), FramePoses(1, 0.04, ()), FramePoses(2, 0.08, (pose(), pose(track_id=2))))
    return PoseSequence(info=INFO, skeleton=COCO_17, frames=frames)


@quick
@given(sequence=sequences())
def test_parquet_and_csv_keep_everything(tmp_path: Path, sequence: PoseSequence) -> None:
    table.write_parquet(sequence, tmp_path / "a.parquet")
    table.write_csv(sequence, tmp_path / "a.csv")
    assert_same(table.read_parquet(tmp_path / "a.parquet"), sequence)
    assert_same(table.read_csv(tmp_path / "a.csv"), sequence)


def test_an_empty_frame_is_one_row_of_nulls(tmp_path: Path) -> None:
    rows = table.to_table(three_frames()).to_pylist()
    assert [row["frame"] for row in rows] == [0, 1, 2, 2]
    assert {key for key, value in rows[1].items() if value is not None} == {"frame", "time_s"}


def test_a_person_of_whom_nothing_is_known_is_still_a_person() -> None:
    unknown = Pose(
        skeleton=COCO_17,
        xy=np.full((17, 2), np.nan, dtype=np.float32),
        score=np.zeros(17, dtype=np.float32),
        box=np.full(4, np.nan, dtype=np.float32),
        box_score=0.0,
    )
    sequence = PoseSequence(info=INFO, skeleton=COCO_17, frames=(FramePoses(0, 0.0, (unknown,)),))
    assert_same(table.from_table(table.to_table(sequence)), sequence)


def test_what_reads_as_something_else() -> None:
    odd = Pose(
        skeleton=COCO_17,
        xy=np.ones((17, 2), dtype=np.float32),
        score=np.full(17, np.nan, dtype=np.float32),
        box=np.ones(4, dtype=np.float32),
        sigma=np.full((17, 2), np.nan, dtype=np.float32),
        box_score=np.nan,
    )
    read = table.from_table(
        table.to_table(PoseSequence(info=INFO, skeleton=COCO_17, frames=(FramePoses(0, 0, (odd,)),)))
    )
    got = read.frames[0].poses[0]
    assert got.sigma is None
    assert got.box_score == 0
    assert (got.score == 0).all()


def test_rows_may_stand_in_any_order_and_strange_columns_are_left_alone() -> None:
    rows = table.to_table(three_frames())
    turned = rows.take([3, 1, 2, 0]).append_column("note", pa.array(["a", "b", "c", "d"]))
    assert [[p.track_id for p in f.poses] for f in table.from_table(turned)] == [[1], [], [2, 1]]


@pytest.mark.parametrize("skeleton", [PENN_13, CUSTOM])
def test_without_metadata_the_skeleton_follows_from_the_columns(skeleton: Skeleton) -> None:
    frames = (FramePoses(0, 0.0, (pose(skeleton),)),)
    sequence = PoseSequence(info=INFO, skeleton=skeleton, frames=frames)
    got = table.from_table(table.to_table(sequence).replace_schema_metadata(None))
    assert got.info == metadata.UNKNOWN_VIDEO
    assert got.skeleton.joints == skeleton.joints
    assert got.skeleton.mirror == skeleton.mirror
    assert (got.skeleton is PENN_13) == (skeleton is PENN_13)


def test_numbers_of_other_widths_are_taken() -> None:
    """What pandas makes of our table: doubles everywhere, NaN for null."""
    rows = table.to_table(three_frames())
    wide = pa.table(
        {name: pa.array(rows.column(name).cast(pa.float64()).to_numpy()) for name in rows.schema.names},
        metadata=rows.schema.metadata,
    )
    assert_same(table.from_table(wide), three_frames())


def test_a_foreign_reader_sees_the_comment_line_as_json(tmp_path: Path) -> None:
    table.write_csv(three_frames(), tmp_path / "a.csv")
    first, names, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert json.loads(first.removeprefix("# "))["info"]["source"] == "a.mp4"
    assert names.startswith("frame,time_s,track,x1,y1,x2,y2,box_score,nose_x,nose_y,nose_score,nose_sigma_x")
    assert rows[1].startswith("1,0.04,,,")
    (tmp_path / "b.csv").write_text("\n".join([names, *rows]))
    got = table.read_csv(tmp_path / "b.csv")
    assert_same(got, changed(three_frames(), info=metadata.UNKNOWN_VIDEO))


def test_a_batch_of_other_joints_or_ids_is_refused() -> None:
    wanted = table.schema(COCO_17, INFO)
    with pytest.raises(ValueError, match="penn-13"):
        table.to_batch([FramePoses(0, 0.0, (pose(PENN_13),))], wanted)
    with pytest.raises(ValueError, match="32 bits"):
        table.to_batch([FramePoses(0, 0.0, (pose(track_id=2**31),))], wanted)


def test_joint_names_that_cannot_be_columns_are_refused() -> None:
    for joints in (("box",), ("a", "a_sigma"), ("a\nb",)):
        odd = Skeleton(name="odd", joints=joints, limbs=(), mirror=(), sigmas=(0.1,) * len(joints))
        with pytest.raises(InputError, match="skeleton odd"):
            table.schema(odd, INFO)


def refused(content: pa.Table, tmp_path: Path, *words: str) -> None:
    parquet.write_table(content, tmp_path / "bad.parquet")
    with pytest.raises(InputError) as caught:
        table.read_parquet(tmp_path / "bad.parquet")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert all(word in message for word in ("bad.parquet", *words)), message


def with_column(name: str, values: list[object]) -> pa.Table:
    rows = table.to_table(three_frames())
    return rows.set_column(rows.schema.names.index(name), name, pa.array(values))


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    refused(table.to_table(three_frames()).drop_columns("time_s"), tmp_path, "time_s", "found 0")
    refused(table.to_table(three_frames()).drop_columns("nose_sigma_y"), tmp_path, "nose_sigma_y")
    refused(with_column("nose_x", ["1", "2", "3", "4"]), tmp_path, "nose_x", "string")
    refused(with_column("nose_x", [1.0, None, np.inf, 1.0]), tmp_path, "row 3", "nose_x")
    refused(with_column("nose_x", [1.0, None, 1e300, 1.0]), tmp_path, "row 3", "nose_x")
    refused(with_column("frame", [0, -1, 2, 2]), tmp_path, "row 2", "frame")
    refused(with_column("frame", [0, 0.5, 2, 2]), tmp_path, "row 2", "frame")
    refused(with_column("frame", [0, None, 2, 2]), tmp_path, "row 2", "frame")
    refused(with_column("frame", [0, 1, 2, 2**60]), tmp_path, "frame")
    refused(with_column("track", [0, 1, 2, 2**31]), tmp_path, "row 4", "track")
    refused(with_column("time_s", [0, 1, np.inf, 2]), tmp_path, "row 3", "time_s")
    refused(pa.table({"frame": [0], "time_s": [0.0], "track": [0]}), tmp_path, "no joint columns")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda m: m.update(version=2), "version 2"),
        (lambda m: m.pop("skeleton"), "skeleton"),
        (lambda m: m["skeleton"].update(joints=["a", 1]), "joints"),
        (lambda m: m["skeleton"].update(joints=[str(i) for i in range(1001)]), "joints"),
        (lambda m: m["skeleton"].update(sigmas=["x"] * 17), "sigmas"),
        (lambda m: m["skeleton"].update(sigmas=[1]), "sigmas"),
        (lambda m: m["skeleton"].update(limbs=[["nose"]]), "limbs"),
        (lambda m: m["skeleton"].update(limbs=[["nose", "tail"]]), "tail"),
        (lambda m: m["skeleton"].update(joints=["nose"] * 17), "unique"),
        (lambda m: m["info"].update(width="wide"), "width"),
        (lambda m: m["info"].update(fps=1e400), "JSON"),
        (lambda m: m["info"].update(frames=True), "frames"),
        (lambda m: m["info"].update(source=None), "source"),
    ],
)
def test_wrong_metadata_is_named(tmp_path: Path, change: object, word: str) -> None:
    content = metadata.encode(COCO_17, INFO)
    change(content)  # type: ignore[operator]
    refused(table.to_table(three_frames()).replace_schema_metadata({"chronopose": json.dumps(content)}), tmp_path, word)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "CSV"),
        (b"\xff\xfe\x00", "CSV"),
        (b"# {}\n", "CSV"),
        (b"# {]\nframe,time_s,track\n1,2,3\n", "JSON"),
        (b"a,b\n1,2\n", "no joint columns"),
        (b"\x00" * 1000, "bad.csv"),
    ],
)
def test_wrong_csv_is_named(tmp_path: Path, text: bytes, word: str) -> None:
    (tmp_path / "bad.csv").write_bytes(text)
    with pytest.raises(InputError, match=word) as caught:
        table.read_csv(tmp_path / "bad.csv")
    assert len(str(caught.value).splitlines()) == 1


def test_wrong_cells_are_named(tmp_path: Path) -> None:
    table.write_csv(three_frames(), tmp_path / "good.csv")
    text = (tmp_path / "good.csv").read_text()
    for old, new, word in [
        ("\n1,0.04", "\none,0.04", "one"),
        ("\n0,0,1,0,", "\n0,0,1,inf,", "x1"),
        ("\n1,", "\n", "bad.csv"),
    ]:
        assert old in text
        (tmp_path / "bad.csv").write_text(text.replace(old, new))
        with pytest.raises(InputError, match=word) as caught:
            table.read_csv(tmp_path / "bad.csv")
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", [b"", b"PAR1", b"\x00" * 100, b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "bad.parquet").write_bytes(text)
    with pytest.raises(InputError, match="not readable as Parquet") as caught:
        table.read_parquet(tmp_path / "bad.parquet")
    assert len(str(caught.value).splitlines()) == 1


def test_too_many_rows_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table.write_parquet(three_frames(), tmp_path / "a.parquet")
    table.write_csv(three_frames(), tmp_path / "a.csv")
    monkeypatch.setattr(table, "_MOST_ROWS", 3)
    monkeypatch.setattr(table, "_MOST_CSV_BYTES", 10)
    with pytest.raises(InputError, match="4 rows"):
        table.read_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="bytes"):
        table.read_csv(tmp_path / "a.csv")


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table.write_parquet(three_frames(), path)
    wrong = PoseSequence(info=INFO, skeleton=PENN_13, frames=three_frames().frames)
    with pytest.raises(ValueError, match="joints"):
        table.write_parquet(wrong, path)
    assert_same(table.read_parquet(path), three_frames())
    assert list(tmp_path.iterdir()) == [path]


def test_arrow_reads_our_csv(tmp_path: Path) -> None:
    table.write_csv(three_frames(), tmp_path / "a.csv")
    rows = csv.read_csv(tmp_path / "a.csv", read_options=csv.ReadOptions(skip_rows=1))
    assert rows.column("frame").to_pylist() == [0, 1, 2, 2]
