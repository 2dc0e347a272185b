"""Processes for the tests, forked from a server that has imported torch once, alone or as ranks that train together."""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import distributed

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.training.tiny_run", "torch._dynamo"])


class Ended(NamedTuple):
    """How a process ended: its exit code (negative for a signal) and what it printed."""

    code: int
    told: str


class Started:
    """A process at work. What it prints goes to a file in `folder`."""

    def __init__(self, folder: Path, work: Callable[..., object], *arguments: Any, environment: dict[str, str]) -> None:
        self.told = folder / f"rank{environment.get('RANK', '')}-{os.urandom(4).hex()}.txt"
        self.process = _FORKS.Process(target=_work, args=(self.told, environment, work, *arguments))
        self.process.start()

    def ended(self, timeout_s: float = 2400) -> Ended:
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, self.told.read_text() if self.told.exists() else "")


def alone(folder: Path, work: Callable[..., object], *arguments: Any) -> Started:
    """Starts one process."""
    return Started(folder, work, *arguments, environment={})


def ranks(folder: Path, count: int, work: Callable[..., object], *arguments: Any) -> list[Started]:
    """Starts ranks as `torchrun` does, which keeps the place where they meet."""
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    places = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    size = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    started = [Started(folder, work, *arguments, environment=meeting | size | place) for place in places]
    started[0].store = store  # type: ignore[attr-defined]  # it lives as long as they do
    return started


def run_ranks(folder: Path, count: int, work: Callable[..., object], *arguments: Any) -> str:
    """Runs ranks to their end, which has to be a good one, and gives what they printed."""
    ended = [process.ended() for process in ranks(folder, count, work, *arguments)]
    told = "".join(end.told for end in ended)
    assert [end.code for end in ended] == [0] * count, told
    return told


def _work(told: Path, environment: dict[str, str], work: Callable[..., object], *arguments: Any) -> None:
    with told.open("wb", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""})
    from chronopose.core.errors import InputError
    from chronopose.training.ranks import together

    try:
        with together():
            work(*arguments)
    except InputError as error:
        print(f"chronopose: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
