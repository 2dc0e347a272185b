"""A stream cut or killed anywhere goes on from its last whole batch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, PENN_13, Skeleton
from chronopose.core.types import FramePoses, PoseSequence
from chronopose.formats import table
from chronopose.formats.stream import ResultStream, finish

from .sequences import assert_same, sequences
from .test_table import INFO, pose, three_frames

RUN = {"source": "ü.mp4", "model": "dsta", "options": {"step": 1}}
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def chunk(index: int) -> list[FramePoses]:
    """Two frames, one of them empty."""
    return [FramePoses(2 * index, 2 * index / 25, (pose(track_id=index),)), FramePoses(2 * index + 1, 0.0, ())]


def written(path: Path, count: int) -> list[int]:
    """A stream of `count` chunks whose states are their numbers; the file's size after each, and before the first."""
    with ResultStream.create(path, table.schema(COCO_17, INFO, {"run": json.dumps(RUN)})) as stream:
        sizes = [path.stat().st_size]
        for index in range(count):
            stream.append(chunk(index), {"chunk": index, "text": "ü" * index})
            sizes.append(path.stat().st_size)
    return sizes


def rows(path: Path) -> pa.Table:
    """What plain Arrow reads from a stream."""
    with ipc.open_stream(path.read_bytes()) as reader:
        return reader.read_all()


TINY = Skeleton(name="tiny", joints=("a",), limbs=(), mirror=(), sigmas=(0.1,))


def test_cut_anywhere_in_the_last_two_batches(tmp_path: Path) -> None:
    """At every byte; one joint is enough for a message of every kind of part."""
    chunks = [[FramePoses(index, index / 25, (pose(TINY, index),))] for index in range(3)]
    path, sizes = tmp_path / "a", []
    with ResultStream.create(path, table.schema(TINY, INFO)) as stream:
        for index, frames in enumerate(chunks):
            stream.append(frames, {"chunk": index})
            sizes.append(path.stat().st_size)
    complete = rows(path)
    content = path.read_bytes()
    for cut in range(sizes[2], sizes[0] - 1, -1):
        path.write_bytes(content[:cut])
        stream, state, count = ResultStream.resume(path)
        stream.close()
        done = sum(cut >= size for size in sizes)
        assert (state, count) == ({"chunk": done - 1}, done)
        assert path.read_bytes() == content[: sizes[done - 1]]
        if cut % 101 == 0:
            stream, _, _ = ResultStream.resume(path)
            with stream:
                for index in range(done, 3):
                    stream.append(chunks[index], {"chunk": index})
            assert rows(path).equals(complete)


def test_cut_before_the_first_batch(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    sizes = written(path, 1)
    content = path.read_bytes()
    for cut in range(sizes[0], sizes[1], 43):
        path.write_bytes(content[:cut])
        stream, state, frames = ResultStream.resume(path)
        stream.close()
        assert (state, frames, path.stat().st_size) == (None, 0, sizes[0])
    for cut in range(0, sizes[0], 43):
        path.write_bytes(content[:cut])
        with pytest.raises(InputError) as caught:
            ResultStream.resume(path)
        assert len(str(caught.value).splitlines()) == 1


@quick
@given(tail=st.binary(max_size=300) | st.integers(1, 5000).map(bytes))
def test_garbage_after_the_last_batch_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "a"
    sizes = written(path, 2)
    with path.open("ab") as file:
        file.write(tail)
    stream, state, frames = ResultStream.resume(path)
    stream.close()
    assert state is not None
    assert (state["chunk"], frames, path.stat().st_size) == (1, 4, sizes[2])


@settings(quick, max_examples=150)
@given(data=st.data())
def test_a_damaged_batch_is_never_taken_for_a_whole_one(tmp_path: Path, data: st.DataObject) -> None:
    """Blocks of zeros are what a lost power supply leaves; single changed bytes stand for everything else."""
    path = tmp_path / "a"
    sizes = written(path, 3)
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(sizes[1], sizes[3] - 1))
    size = data.draw(st.sampled_from([1, 8, 512]))
    content[start : start + size] = data.draw(st.sampled_from([bytes(size), b"\xff" * size, b"\x40" * size]))
    content = content[: sizes[3]]
    path.write_bytes(content)
    stream, state, frames = ResultStream.resume(path)
    stream.close()
    assert state is not None
    assert frames == 2 * (state["chunk"] + 1)
    finish(path, tmp_path / "a.parquet")
    wanted = [frame for index in range(state["chunk"] + 1) for frame in chunk(index)]
    got = table.read_parquet(tmp_path / "a.parquet")
    assert_same(got, PoseSequence(info=INFO, skeleton=COCO_17, frames=tuple(wanted)))


@quick
@given(sequence=sequences(), step=st.integers(1, 3))
def test_finished_it_is_the_sequence(tmp_path: Path, sequence: PoseSequence, step: int) -> None:
    path = tmp_path / "a.arrows"
    with ResultStream.create(path, table.schema(sequence.skeleton, sequence.info)) as stream:
        for start in range(0, len(sequence), step):
            stream.append(sequence.frames[start : start + step], {"next": start + step})
    finish(path, tmp_path / "a.parquet")
    assert_same(table.read_parquet(tmp_path / "a.parquet"), sequence)
    assert not path.exists()


def test_the_run_travels_into_the_parquet_file(tmp_path: Path) -> None:
    written(tmp_path / "a", 1)
    finish(tmp_path / "a", tmp_path / "a.parquet")
    assert json.loads(parquet.read_schema(tmp_path / "a.parquet").metadata[b"run"]) == RUN


def test_many_small_batches_become_few_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_ROWS_AT_ONCE", 10)
    written(tmp_path / "a", 13)
    finish(tmp_path / "a", tmp_path / "a.parquet")
    with parquet.ParquetFile(tmp_path / "a.parquet") as file:
        assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [10, 10, 6]


def test_a_state_without_frames_counts(tmp_path: Path) -> None:
    written(tmp_path / "a", 1)
    stream, _, _ = ResultStream.resume(tmp_path / "a")
    stream.append([], {"done": True})
    stream.close()
    stream, state, frames = ResultStream.resume(tmp_path / "a")
    stream.close()
    assert (state, frames) == ({"done": True}, 2)


def test_an_append_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    class Full:
        """A file that takes ten bytes and then fails."""

        def __init__(self, path: Path) -> None:
            self.file = path.open("ab", buffering=0)
            self.left = 10

        def write(self, content: bytes) -> int:
            if not self.left:
                raise OSError(28, "No space left on device")
            taken = self.file.write(content[: self.left])
            self.left = 0
            return taken

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    sizes = written(tmp_path / "a", 2)
    stream, _, _ = ResultStream.resume(tmp_path / "a")
    stream._file = Full(tmp_path / "a")  # type: ignore[assignment]
    with pytest.raises(OSError, match="space"):
        stream.append(chunk(2), {})
    assert (tmp_path / "a").stat().st_size == sizes[2]
    with pytest.raises(ValueError, match="joints"):
        stream.append([FramePoses(9, 0.0, (pose(PENN_13),))], {})
    assert (tmp_path / "a").stat().st_size == sizes[2]
    stream.close()


def test_what_is_no_stream_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(InputError):
        ResultStream.resume(path)
    with ipc.new_stream(path, pa.schema([("a", pa.int64())])) as writer:
        writer.write_batch(pa.record_batch({"a": [1]}))
    table.write_parquet(three_frames(), tmp_path / "b")
    (tmp_path / "c").write_bytes(np.random.default_rng(0).bytes(1000))
    for other in (path, tmp_path / "b", tmp_path / "c"):
        before = other.read_bytes()
        with pytest.raises(InputError) as caught:
            ResultStream.resume(other)
        assert len(str(caught.value).splitlines()) == 1
        assert other.read_bytes() == before


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from formats.test_stream import COCO_17, INFO, ResultStream, chunk, table
with ResultStream.create(sys.argv[1], table.schema(COCO_17, INFO)) as stream:
    for index in range(10**9):
        stream.append(chunk(index), {"chunk": index})
        print(index, flush=True)
"""


def test_killed_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        told = [0, *(int(line) for line in process.stdout.read().split("\n")[:-1])][-1]
    stream, state, frames = ResultStream.resume(path)
    assert state is not None
    assert state["chunk"] >= told  # what was told to be written is there
    assert frames == 2 * (state["chunk"] + 1)
    stream.append(chunk(state["chunk"] + 1), {})
    stream.close()
    finish(path, tmp_path / "a.parquet")
    wanted = [frame for index in range(state["chunk"] + 2) for frame in chunk(index)]
    got = table.read_parquet(tmp_path / "a.parquet")
    assert_same(got, PoseSequence(info=INFO, skeleton=COCO_17, frames=tuple(wanted)))
