"""Data sets are made in order by any number of processes, go on where they stopped, and hold whole files only."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.formats.shards import Shards, shard_path
from chronopose.synth.produce import produce
from tests.synth import tiny_film

SEED = {"seed": 1}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(folder: Path, clips: int) -> None:
    """The folder is a whole data set of these clips and nothing else."""
    shards = Shards(folder)
    assert len(shards) == clips
    for number in range(clips):
        read = shards.clip(number)
        assert (read.xy == number).all() and abs(int(read.frames.mean()) - number * 5 % 256) <= 1
    assert all(path.name.startswith("clips-") for path in folder.iterdir())


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_clips_are_written_in_order_whoever_makes_them(tmp_path: Path, workers: int) -> None:
    told: list[int] = []
    made = produce(
        tiny_film.make,
        tmp_path / "new/set",
        clips=11,
        per_shard=4,
        workers=workers,
        identity=SEED,
        progress=told.append,
    )
    assert made == 11 and sum(told) == 11
    check(tmp_path / "new/set", 11)
    produce(tiny_film.make, tmp_path / "here", clips=11, per_shard=4, identity=SEED)
    assert contents(tmp_path / "here") == contents(tmp_path / "new/set")
    assert len(contents(tmp_path / "here")) == 3


def test_every_process_takes_part_and_the_factory_may_hold_values(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    make = functools.partial(tiny_film.make_and_note, notes)
    produce(make, tmp_path / "set", clips=60, per_shard=30, workers=2, identity=SEED)
    makers = {int((notes / str(number)).read_text()) for number in range(60)}
    assert 1 <= len(makers) <= 2 and os.getpid() not in makers


def made_by(notes: Path, out: Path, clips: int) -> list[int]:
    """The clips that a call makes."""
    notes.mkdir()
    make = functools.partial(tiny_film.make_and_note, notes)
    told: list[int] = []
    count = produce(make, out, clips=clips, per_shard=4, identity=SEED, progress=told.append)
    made = sorted(int(path.name) for path in notes.iterdir())
    assert len(made) == count and sum(told) == clips and told[0] == clips - count
    return made


def test_what_is_there_is_kept_and_what_is_missing_is_made(tmp_path: Path) -> None:
    out = tmp_path / "set"
    assert made_by(tmp_path / "first", out, 10) == list(range(10))
    whole = contents(out)
    assert made_by(tmp_path / "again", out, 10) == []
    shard_path(out, 1).unlink()
    assert made_by(tmp_path / "hole", out, 10) == [4, 5, 6, 7]
    assert contents(out) == whole


def test_a_data_set_can_be_made_longer(tmp_path: Path) -> None:
    out = tmp_path / "set"
    made_by(tmp_path / "first", out, 6)
    # The last file was not full; it is made anew.
    assert made_by(tmp_path / "longer", out, 13) == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    check(out, 13)


def test_an_error_leaves_whole_files_and_the_next_call_goes_on(tmp_path: Path) -> None:
    for workers in (0, 2):
        out = tmp_path / str(workers)
        make = functools.partial(tiny_film.make_until, 9, InputError)
        with pytest.raises(InputError, match="clip 9 cannot be made"):
            produce(make, out, clips=20, per_shard=4, workers=workers, identity=SEED)
        check(out, 8)
        assert produce(tiny_film.make, out, clips=20, per_shard=4, workers=workers, identity=SEED) == 12
        check(out, 20)


def test_a_factory_that_cannot_begin_says_why(tmp_path: Path) -> None:
    for workers in (0, 1):
        with pytest.raises(ValueError, match="no assets there"):
            produce(tiny_film.make_nothing, tmp_path, clips=3, workers=workers, identity=SEED)
    assert contents(tmp_path) == {}


def test_a_process_that_dies_is_an_error_and_not_a_standstill(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a process that made clips died, .*; try fewer workers"):
        produce(tiny_film.make_and_die, tmp_path, clips=3, workers=1, identity=SEED)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"identity": {"seed": 2}}, r"clips-00000\.parquet: holds clips made with other settings; give another folder"),
        ({"per_shard": 3}, r"clips-00000\.parquet: holds 4 clips from 0 on; wanted 3 in each file"),
        ({"per_shard": 5}, r"clips-00001\.parquet: holds 4 clips from 4 on; wanted 5 in each file"),
        ({"clips": 9}, r"clips-00002\.parquet: the folder holds more clips than are wanted"),
        ({"clips": 4}, r"clips-00001\.parquet: the folder holds more clips than are wanted"),
        ({"clips": 0}, "clips must lie in 1 to"),
        ({"per_shard": 0}, "per_shard must lie in 1 to"),
        ({"workers": -1}, "workers must lie in 0 to"),
    ],
)
def test_a_folder_of_other_clips_is_refused_and_left_alone(tmp_path: Path, change: dict[str, object], why: str) -> None:
    produce(tiny_film.make, tmp_path, clips=10, per_shard=4, identity=SEED)
    before = contents(tmp_path)
    settings = {"clips": 10, "per_shard": 4, "workers": 0, "identity": SEED} | change
    with pytest.raises(InputError, match=why):
        produce(tiny_film.make, tmp_path, **settings)  # type: ignore[arg-type]
    assert contents(tmp_path) == before


def test_a_damaged_file_is_named_before_anything_is_made(tmp_path: Path) -> None:
    produce(tiny_film.make, tmp_path, clips=8, per_shard=4, identity=SEED)
    shard_path(tmp_path, 1).write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"clips-00001\.parquet: not a whole file of clips"):
        produce(tiny_film.make_nothing, tmp_path, clips=12, per_shard=4, identity=SEED)


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("mine")
    with pytest.raises(InputError, match="set: is there already and is not a folder"):
        produce(tiny_film.make, tmp_path / "set", clips=3, identity=SEED)
    assert (tmp_path / "set").read_text() == "mine"


def test_workers_libraries_use_one_thread_unless_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    produce(tiny_film.threads, tmp_path / "one", clips=1, workers=1, identity=SEED)
    assert Shards(tmp_path / "one").clip(0).fps == 1
    assert "OPENBLAS_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    produce(tiny_film.threads, tmp_path / "five", clips=1, workers=1, identity=SEED)
    assert Shards(tmp_path / "five").clip(0).fps == 5


SCRIPT = """
import functools, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.synth import tiny_film
from chronopose.synth.produce import produce
if __name__ == "__main__":
    out, notes = Path(sys.argv[2]), Path(sys.argv[3])
    make = functools.partial(tiny_film.make_slowly, notes)
    produce(make, out, clips=10_000, per_shard=5, workers=2, identity={"seed": 1})
"""


def started(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that makes clips with two workers, both at work, and has written two files; nobody else stops it."""
    (tmp_path / "run.py").write_text(SCRIPT)
    (tmp_path / "notes").mkdir()
    command = [sys.executable, "run.py", str(Path(__file__).parents[2]), "set", "notes"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 100
    while process.poll() is None and time.monotonic() < until:
        if shard_path(tmp_path / "set", 1).exists() and len(makers(tmp_path / "notes")) == 2:
            break
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()[1]
    return process


def makers(notes: Path) -> set[int]:
    """The processes that made the clips."""
    return {int(text) for path in notes.iterdir() if (text := path.read_text())}


def alive(notes: Path) -> bool:
    """Whether a process that made one of the clips still runs."""
    return any(Path(f"/proc/{maker}").exists() for maker in makers(notes))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system does not list its processes there")
@pytest.mark.parametrize("to", ["all", "first"])
def test_ctrl_c_leaves_whole_files_and_no_process(tmp_path: Path, to: str) -> None:
    process = started(tmp_path)
    # A terminal sends it to every process of the group.
    (os.killpg if to == "all" else os.kill)(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert told.count("Traceback") <= 1 and told.rstrip().endswith("KeyboardInterrupt"), told
    assert not alive(tmp_path / "notes")
    count = len(Shards(tmp_path / "set"))
    assert count >= 10 and count % 5 == 0
    check(tmp_path / "set", count)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system does not list its processes there")
def test_a_killed_run_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    process = started(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 60
    while alive(tmp_path / "notes") and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(tmp_path / "notes")
    count = len(Shards(tmp_path / "set"))
    for unfinished in (tmp_path / "set").glob(".partial-*"):
        unfinished.unlink()  # nobody was left to remove it
    produce(tiny_film.make, tmp_path / "set", clips=count + 3, per_shard=5, identity=SEED)
    check(tmp_path / "set", count + 3)


def test_pictures_survive_compression(tmp_path: Path) -> None:
    produce(tiny_film.make, tmp_path, clips=2, workers=1, identity=SEED)
    np.testing.assert_allclose(Shards(tmp_path).clip(1).frames, tiny_film.clip(1).frames, atol=1)
