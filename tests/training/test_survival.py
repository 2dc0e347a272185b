"""A run that is killed, or finds no room, loses nothing that it had written, and goes on from there."""

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from chronopose.training import checkpoints
from tests.training.processes import alone
from tests.training.tiny_run import run

STEPS = 9
_settings = {"batch_size": 2, "accumulate": 1, "checkpoint_every": 1, "log_every": 1}
_run = partial(run, **_settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was left in peace."""
    out = tmp_path_factory.mktemp("whole") / "run"
    _run(out, STEPS, ballast=100_000)
    return out


def _weights(out: Path) -> dict[str, torch.Tensor]:
    names = [f"checkpoints/step-{STEPS:08d}/{name}" for name in ("model", "ema", "loss", "optimizer", "loop")]
    return {
        f"{name}: {key}": value
        for name in ("model", *names)
        for key, value in load_file(out / f"{name}.safetensors").items()
    }


def _newest(out: Path) -> int:
    found = checkpoints.newest(out / "checkpoints")
    return 0 if found is None else found.step


def _dies_at(change: int, out: Path) -> None:
    """Trains, and is killed just before it changes one of the run's files for the nth time."""
    changes = 0
    kinds = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}

    def watch(event: str, details: tuple[object, ...]) -> None:
        nonlocal changes
        writes = event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax")
        if writes or event in kinds:
            changes += 1
            if changes == change:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    _run(out, STEPS, resume=True, ballast=100_000)


def test_a_run_killed_at_any_change_of_a_file_goes_on(whole: Path, tmp_path: Path) -> None:
    out, before = tmp_path / "run", 0
    for change in (1, 3, 5, 6, 7, 9, 11, 13, 16, 19, 22):
        ended = alone(tmp_path, _dies_at, change, out).ended()
        assert ended.code in (-signal.SIGKILL, 0), ended.told
        assert _newest(out) >= before, f"change {change} lost a checkpoint"
        before = _newest(out)
        if (out / "model.safetensors").exists():
            assert load_file(out / "model.safetensors").keys() == load_file(whole / "model.safetensors").keys()
    assert before > 0
    _run(out, STEPS, resume=True, ballast=100_000)
    first, second = _weights(whole), _weights(out)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert sorted(path.name for path in out.iterdir()) == ["checkpoints", "log.csv", "model.safetensors"]
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-00000008", "step-00000009"]


def _sights(out: Path) -> Iterator[str]:
    """What to look for before a kill: the beginning of a checkpoint, its middle, and a model that is being replaced."""
    yield "checkpoints/step-*.partial/model.safetensors"
    yield "checkpoints/step-*.partial/optimizer.safetensors"
    yield ".partial-*.safetensors"


def test_a_run_killed_while_it_writes_goes_on(tmp_path: Path) -> None:
    out, before = tmp_path / "run", 0
    writing = partial(_run, out, 10**6, resume=True, ballast=2_000_000)  # 32 MB in a checkpoint
    for sight in _sights(out):
        started = alone(tmp_path, writing)
        deadline = time.monotonic() + 240
        while not (any(out.glob(sight)) and _goes_beyond(out, before)):
            assert started.process.is_alive() and time.monotonic() < deadline, started.ended().told
            time.sleep(0.001)
        started.process.kill()
        assert started.ended().code == -signal.SIGKILL
        assert _newest(out) > before
        before = _newest(out)
    last = before + 1
    _run(out, last, resume=True, ballast=2_000_000)
    assert _newest(out) == last
    assert not [*out.glob(".partial-*"), *out.glob("checkpoints/*.partial")]


def _goes_beyond(out: Path, before: int) -> bool:
    """Whether a later checkpoint is complete."""
    return any(int(path.name[5:]) > before for path in (out / "checkpoints").glob("step-????????"))


def _in_a_small_room(out: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a full disk would, this stops the write
    _run(out, 4, resume=True, ballast=100_000)


def test_no_room_is_one_line_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "run"
    _run(out, 3, ballast=100_000)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != "log.csv"}
    ended = alone(tmp_path, _in_a_small_room, out).ended()
    assert ended.code == 1
    told, line = ended.told.splitlines()
    assert told == "steps was 3 before step 3 and is 4 from there on"
    assert line.startswith(f"chronopose: {out / 'checkpoints' / 'step-00000004'}: cannot be written: ")
    assert "large" in line and line.endswith("; what was written before is untouched, make room and resume")
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != "log.csv"}
    assert after == before
    _run(out, 4, resume=True, ballast=100_000)
    assert _newest(out) == 4
