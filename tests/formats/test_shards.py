"""Clips in files: what is written is read again, by number and in any process, and a bad file is one line."""

import io
import json
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from chronopose.core.errors import InputError
from chronopose.formats.shard_file import KEY, columns, read_header
from chronopose.formats.shards import ClipRecord, Shards, pack, shard_numbers, shard_path, write_shard

JOINTS = ("nose", "left_hip", "jhmdb-15:left_hip")
IDENTITY = {"seed": 3, "scene": {"people": [1, 2]}}
WIDTH, HEIGHT = 48, 32
OPEN = Path("/proc/self/fd")


def record(number: int, people: int = 2, times: int = 3, width: int = WIDTH) -> ClipRecord:
    """A clip whose every value follows from its number; frame t is a ramp of brightness 40 (t + 1)."""
    rng = np.random.default_rng(number)
    ramp = np.linspace(0.5, 1, width)[None, :, None] * np.array([1.0, 0.6, 0.3])
    frames = np.stack([np.broadcast_to(40 * (t + 1) * ramp, (HEIGHT, width, 3)) for t in range(times)])
    return ClipRecord(
        number=number,
        frames=frames.astype(np.uint8),
        fps=12.5 + number,
        key=times // 2,
        joints=JOINTS,
        xy=rng.normal(20, 30, (times, people, len(JOINTS), 2)).astype(np.float32),
        visible=rng.integers(0, 3, (times, people, len(JOINTS))).astype(np.uint8),
        boxes=rng.normal(20, 30, (times, people, 4)).astype(np.float32),
        seen=rng.uniform(0, 1, (times, people)).astype(np.float32),
        blur=rng.uniform(0, 5, (times, people, len(JOINTS))).astype(np.float32),
        motions=tuple(f"walk {person}" for person in range(people)),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips in two files; the clips have 0, 1 and 2 persons and 1, 2 and 3 frames."""
    write_shard(shard_path(tmp_path, 0), (record(n, people=n, times=n + 1) for n in (0, 1)), IDENTITY)
    write_shard(shard_path(tmp_path, 1), [record(2)], IDENTITY)
    return tmp_path


def same_labels(one: ClipRecord, other: ClipRecord) -> None:
    for name in ("number", "fps", "key", "joints", "motions"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("xy", "visible", "boxes", "seen", "blur"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)


def test_every_clip_is_read_as_it_was_written(folder: Path) -> None:
    shards = Shards(folder)
    assert len(shards) == 3 and shards.joints == JOINTS and shards.size == (WIDTH, HEIGHT)
    assert shards.identity == IDENTITY
    for number in (2, 0, 1, 2):
        written, read = record(number, people=number, times=number + 1), shards.clip(number)
        same_labels(read, written)
        assert read.frames.shape == written.frames.shape
        assert np.abs(read.frames.astype(int) - written.frames).max() <= 6


def test_colours_keep_their_full_resolution(tmp_path: Path) -> None:
    clip = record(0, times=1)
    stripes = np.zeros_like(clip.frames)
    stripes[:, :, 0::2, 0] = stripes[:, :, 1::2, 2] = 200
    write_shard(shard_path(tmp_path, 0), [replace(clip, frames=stripes)], {})
    read = Shards(tmp_path).clip(0).frames.astype(int)
    # With colours at half resolution red and blue columns would come out alike.
    assert (read[..., 0::2, 0] - read[..., 1::2, 0]).mean() > 150


def test_only_the_frames_asked_for_come_in_their_order_with_all_labels(folder: Path) -> None:
    shards = Shards(folder)
    read = shards.clip(2, frames=(2, 0, 2))
    assert [round(float(frame[..., 0].max()) / 40) for frame in read.frames] == [3, 1, 3]
    same_labels(read, record(2))
    nothing = shards.clip(2, frames=())
    assert nothing.frames.shape == (0, HEIGHT, WIDTH, 3)
    same_labels(nothing, record(2))


def test_pictures_not_asked_for_are_not_decoded(folder: Path) -> None:
    spoil(folder, lambda rows: with_column(rows, "jpeg", [rows["jpeg"][0].as_py(), b"x", b"x"]))
    shards = Shards(folder)
    assert len(shards.clip(2, frames=(0,)).frames) == 1
    with pytest.raises(InputError, match=r"clips-00001\.parquet: clip 2: damaged picture"):
        shards.clip(2, frames=(1,))


def test_what_is_read_may_be_changed(folder: Path) -> None:
    shards = Shards(folder)
    read = shards.clip(2)
    for name in ("frames", "xy", "visible", "boxes", "seen", "blur"):
        getattr(read, name)[:] = 0
    same_labels(shards.clip(2), record(2))


def test_opening_tells_who_is_in_the_key_frames(folder: Path) -> None:
    people = Shards(folder).key_frames
    assert people.key.tolist() == [0, 1, 1] and people.length.tolist() == [1, 2, 3]
    assert people.clip.tolist() == [1, 2, 2] and people.person.tolist() == [0, 0, 1]
    wanted = [record(1, people=1, times=2), record(2), record(2)]
    for at, (clip, person) in enumerate(zip(wanted, people.person, strict=True)):
        np.testing.assert_array_equal(people.boxes[at], clip.boxes[clip.key, person])
        assert people.seen[at] == clip.seen[clip.key, person]


def test_joints_behind_the_camera_stay_unknown(tmp_path: Path) -> None:
    clip = record(0)
    clip.xy[1, 0, 2] = np.nan
    write_shard(shard_path(tmp_path, 0), [clip], {})
    assert np.isnan(Shards(tmp_path).clip(0).xy).sum() == 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_open_data_set_is_read_in_other_processes(folder: Path, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    shards = Shards(folder)
    wanted = [shards.clip(number) for number in range(3)]
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        for read, here in zip(pool.map(shards.clip, [0, 1, 2] * 4), wanted * 4, strict=True):
            same_labels(read, here)
            np.testing.assert_array_equal(read.frames, here.frames)


def test_a_fork_opens_its_own_files(folder: Path) -> None:
    shards = Shards(folder)
    shards.clip(2)
    before = shards._files[1]
    shards._process = -1  # as a fork would find it
    shards.clip(2)
    assert shards._files[1] is not before and not before.closed


def test_a_pickle_holds_no_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 128, 128, 3)).astype(np.uint8)
    write_shard(shard_path(tmp_path, 0), (replace(record(n), frames=noise) for n in range(4)), {})
    shards = Shards(tmp_path)
    shards.clip(1)
    assert len(pickle.dumps(shards)) < 5_000 < shard_path(tmp_path, 0).stat().st_size / 50


@pytest.mark.skipif(not OPEN.is_dir(), reason="the system does not list open files there")
def test_few_files_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        write_shard(shard_path(tmp_path, number), [record(number)], {})
    monkeypatch.setattr("chronopose.formats.shards._MOST_OPEN_CLIPS", 2)
    before = len(list(OPEN.iterdir()))
    shards = Shards(tmp_path)
    assert len(list(OPEN.iterdir())) == before
    for number in (0, 1, 2, 3, 4, 5, 0, 5):
        same_labels(shards.clip(number), record(number))
    assert len(list(OPEN.iterdir())) <= before + 2


def test_a_packed_clip_is_written_like_its_record(tmp_path: Path) -> None:
    write_shard(tmp_path / "one.parquet", [record(0), record(1)], IDENTITY)
    write_shard(tmp_path / "two.parquet", [pack(record(0)), pack(record(1))], IDENTITY)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_writing_that_fails_leaves_what_was_there(folder: Path) -> None:
    def clips() -> Any:
        yield record(2)
        raise RuntimeError("no more light")

    before = shard_path(folder, 1).read_bytes()
    with pytest.raises(RuntimeError, match="no more light"):
        write_shard(shard_path(folder, 1), clips(), IDENTITY)
    assert shard_path(folder, 1).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["clips-00000.parquet", "clips-00001.parquet"]


@pytest.mark.parametrize(
    "second", [record(2), record(0), record(1, width=64), replace(record(1), joints=("a", "b", "c"))]
)
def test_clips_that_do_not_belong_together_are_refused(tmp_path: Path, second: ClipRecord) -> None:
    with pytest.raises(ValueError, match="number, joints and size of clip 2 must be"):
        write_shard(tmp_path / "clips.parquet", [record(0), second], {})
    with pytest.raises(ValueError, match="at least one clip"):
        write_shard(tmp_path / "clips.parquet", [], {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"xy": np.zeros((3, 2, 4, 2), np.float32)}, r"xy must be \(3, 2, 3, 2\), got \(3, 2, 4, 2\)"),
        ({"motions": ("walk",)}, r"xy must be \(3, 1, 3, 2\)"),
        ({"frames": np.zeros((3, 8, 8, 3), np.float32)}, "frames must be .* uint8, got .* float32"),
        ({"key": 3}, "key must be one of 3 frames, got 3"),
    ],
)
def test_a_record_of_wrong_shapes_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(record(0), **change)


def test_a_record_without_all_its_frames_is_not_written(folder: Path) -> None:
    with pytest.raises(ValueError, match="2 frames with labels of 3"):
        pack(Shards(folder).clip(2, frames=(0, 1)))


def with_column(rows: pa.Table, name: str, values: list[Any]) -> pa.Table:
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))


def spoil(folder: Path, change: Callable[[pa.Table], pa.Table], number: int = 1) -> None:
    """Writes a file of one clip again, changed."""
    rows = change(parquet.read_table(shard_path(folder, number)))
    parquet.write_table(rows, shard_path(folder, number), compression="none", row_group_size=10_000)


def spoil_header(folder: Path, **change: Any) -> None:
    def changed(rows: pa.Table) -> pa.Table:
        stored = json.loads(rows.schema.metadata[KEY]) | change
        return rows.replace_schema_metadata({KEY: json.dumps({k: v for k, v in stored.items() if v is not None})})

    spoil(folder, changed)


def refused(folder: Path, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        shards = Shards(folder)
        for number in range(len(shards)):
            shards.clip(number)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500 + len(str(folder))


def test_the_file_written_again_unchanged_is_read(folder: Path) -> None:
    spoil(folder, lambda rows: rows)
    same_labels(Shards(folder).clip(2), record(2))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "version must be 1, got 2"),
        ({"version": None}, "is not JSON with version, first, joints, size and identity"),
        ({"joints": "nose"}, "different names|joints differs"),
        ({"joints": ["nose", "nose", "tail"]}, "joints must be different names"),
        ({"joints": []}, "number of joints must lie in 1 to 256, got 0"),
        ({"joints": ["a", "b", "c"]}, r"clips-00001\.parquet: joints differs from that in clips-00000"),
        ({"size": [48]}, "is not JSON with version"),
        ({"size": [48, 1e9]}, "height must lie in 1 to 8192, got 1000000000.0"),
        ({"size": [48, 33]}, "size differs"),
        ({"identity": {"seed": 4}}, "identity differs"),
        ({"first": -2}, "first must lie in 0"),
        ({"first": 3}, "begins with clip 3, wanted 2"),
    ],
)
def test_a_header_that_is_wrong_is_one_line(folder: Path, change: dict[str, Any], why: str) -> None:
    spoil_header(folder, **change)
    refused(folder, why)


def jpeg(width: int, mode: str) -> bytes:
    held = io.BytesIO()
    Image.new(mode, (width, HEIGHT)).save(held, "JPEG")
    return held.getvalue()


def png() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("clip", [2, 2, 3], "must hold the clips from 2 on, each in a row group of its own"),
        ("clip", [1, 1, 1], "must hold the clips from 2 on"),
        ("key", [3] * 3, "clip 2: key must be one of 3 frames, got 3"),
        ("key", [-1] * 3, "clip 2: key must be one of 3 frames, got -1"),
        ("boxes", [[0.0] * 8] * 2 + [[0.0] * 4], "boxes and seen must be those of the same persons"),
        ("xy", [[0.0] * 12] * 2 + [[0.0] * 14], "xy must hold 12 values in each frame"),
        ("motions", [["walk"]] * 3, "xy must hold 6 values in each frame"),
        ("visible", [[3] * 6] * 3, "visible must be 0, 1 or 2, got 3"),
        ("jpeg", [b""] * 3, "damaged picture"),
        ("jpeg", [png()] * 3, "damaged picture"),
        ("jpeg", [jpeg(WIDTH, "RGB")[:-400]] * 3, "damaged picture"),
        ("jpeg", [jpeg(8000, "RGB")] * 3, "a picture must be RGB 48 x 32, got RGB 8000 x 32"),
        ("jpeg", [jpeg(WIDTH, "L")] * 3, "a picture must be RGB 48 x 32, got L 48 x 32"),
    ],
)
def test_rows_that_are_wrong_are_one_line(folder: Path, name: str, values: list[Any], why: str) -> None:
    spoil(folder, lambda rows: with_column(rows, name, values))
    refused(folder, rf"clips-00001\.parquet.*{why}")


def test_a_parquet_file_of_something_else_is_named(folder: Path) -> None:
    spoil(folder, lambda rows: rows.replace_schema_metadata(None))
    refused(folder, r"clips-00001\.parquet: a Parquet file, but not of clips")
    parquet.write_table(pa.table({"a": [1]}), shard_path(folder, 1))
    refused(folder, r"clips-00001\.parquet: a Parquet file, but not of clips")


def test_other_columns_are_refused(folder: Path) -> None:
    spoil(folder, lambda rows: rows.drop_columns(["blur"]))
    refused(folder, "columns must be clip, key, fps, jpeg, xy, visible, boxes, seen, blur, motions")


def test_two_clips_in_one_row_group_are_refused(tmp_path: Path) -> None:
    write_shard(shard_path(tmp_path, 0), [record(0), record(1)], {})
    spoil(tmp_path, lambda rows: rows, number=0)
    refused(tmp_path, "must hold the clips from 0 on, each in a row group of its own")


@pytest.mark.parametrize("cut", [0, 3, 100, -1, -30])
def test_a_file_cut_short_is_named(folder: Path, cut: int) -> None:
    path = shard_path(folder, 1)
    path.write_bytes(path.read_bytes()[:cut])
    refused(folder, r"clips-00001\.parquet: not a whole file of clips: ")
    with pytest.raises(InputError, match="not a whole file of clips"):
        read_header(path)


def test_a_flipped_bit_anywhere_is_noticed_or_does_no_harm(folder: Path) -> None:
    path = shard_path(folder, 1)
    whole = path.read_bytes()
    noticed = 0
    for at in range(4, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        try:
            read = Shards(folder).clip(2)
        except InputError as error:
            assert "\n" not in str(error)
            noticed += 1
        else:
            assert read.frames.shape == (3, HEIGHT, WIDTH, 3)
    assert noticed > 50


def test_a_file_missing_in_between_is_named(folder: Path) -> None:
    shard_path(folder, 1).rename(shard_path(folder, 2))
    refused(folder, r"clips-00001\.parquet: missing, though clips-00002\.parquet is there")


def test_a_file_that_changed_behind_the_reader_is_noticed(folder: Path) -> None:
    shards = Shards(folder)
    write_shard(shard_path(folder, 1), [record(2, times=4)], IDENTITY)
    with pytest.raises(InputError, match="the file has changed since it was opened"):
        shards.clip(2)
    shard_path(folder, 0).unlink()
    with pytest.raises(InputError, match=r"clips-00000\.parquet: not a whole file of clips"):
        shards.clip(0)


def test_a_folder_without_clips_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere: no such folder")
    (tmp_path / "clips-1.parquet").touch()
    refused(tmp_path, r"no clips-\*\.parquet there")


def test_numbers_outside_are_refused(folder: Path) -> None:
    shards = Shards(folder)
    for index in (-1, 3):
        with pytest.raises(InputError, match=f"clip must lie in 0 to 2, got {index}"):
            shards.clip(index)
    for frame in (-1, 3):
        with pytest.raises(InputError, match="clip 2: frames lie in 0 to 2"):
            shards.clip(2, frames=(0, frame))


def test_numbers_of_files_and_what_they_say_of_themselves(folder: Path) -> None:
    assert shard_numbers(folder) == [0, 1]
    header = read_header(shard_path(folder, 0))
    assert (header.first, header.clips, header.joints, header.size) == (0, 2, JOINTS, (WIDTH, HEIGHT))
    assert json.loads(header.identity) == IDENTITY
    assert parquet.read_schema(shard_path(folder, 0)).remove_metadata() == columns()
