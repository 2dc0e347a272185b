"""Makes the clips of a data set in several processes and writes them in order, file by file, so that it can go on."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

from chronopose.core.errors import InputError
from chronopose.formats.shard_file import MOST_CLIPS, MOST_SHARDS, canonical, read_header, within
from chronopose.formats.shards import ClipRecord, PackedClip, pack, shard_numbers, shard_path, write_shard

MakeClip = Callable[[int], ClipRecord]
# With so many clips for each process under way, a slow one does not let the others wait.
_AHEAD = 4
# Processes share the cores; their libraries' threads would only fight over them. The last is Mesa's software renderer.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS")


def produce(
    make: Callable[[], MakeClip],
    out: Path,
    *,
    clips: int,
    per_shard: int = 250,
    workers: int = 0,
    identity: Mapping[str, Any],
    progress: Callable[[int], None] = lambda steps: None,
) -> int:
    """Writes clips 0 to `clips` - 1 into a folder that `formats.shards.Shards` reads; gives how many were made.

    Files that are there from an earlier call with the same identity are kept, so a run that was cut short goes on, and
    a data set can be made longer. At any moment the files in the folder are whole and without a gap; a killed process
    leaves a hidden `.partial-` file beside them. One call at a time may write into a folder.

    Args:
        make: called once in each process, gives the function that makes a clip by number. A pure function of the
            number, if the data set is not to depend on the processes. It must be picklable if there are workers.
        out: the folder, made if it is not there.
        clips: how many there are to be.
        per_shard: how many go into one file.
        workers: processes that make clips; 0 makes them in this one.
        identity: what the clips are made with, JSON values.
        progress: told of every few clips more that are in the folder; the first call counts those from before.

    Raises:
        InputError: the folder holds other clips, or more than are wanted.
    """
    for name, value, low, high in (
        ("per_shard", per_shard, 1, MOST_CLIPS),
        ("clips", clips, 1, MOST_SHARDS * per_shard),
        ("workers", workers, 0, 256),
    ):
        within("produce", name, value, low, high)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is there already and is not a folder; give another name")
    out.mkdir(parents=True, exist_ok=True)
    wanted = {
        number: range(first, min(first + per_shard, clips)) for number, first in enumerate(range(0, clips, per_shard))
    }
    kept = _kept(out, wanted, per_shard, canonical(identity))
    missing = {number: part for number, part in wanted.items() if number not in kept}
    made = sum(map(len, missing.values()))
    progress(clips - made)
    if missing:
        with _packed(make, chain.from_iterable(missing.values()), min(workers, made)) as packed:
            for number, part in missing.items():
                write_shard(shard_path(out, number), _told(islice(packed, len(part)), progress), identity)
    return made


def _kept(out: Path, wanted: Mapping[int, range], per_shard: int, identity: str) -> set[int]:
    """Numbers of the files in the folder that are as wanted; a file of clips that are not raises `InputError`."""
    kept = set()
    for number in shard_numbers(out):
        path = shard_path(out, number)
        header = read_header(path)
        there = range(header.first, header.first + header.clips)
        if header.identity != identity:
            raise InputError(f"{path}: holds clips made with other settings; give another folder")
        if header.first != number * per_shard or header.clips > per_shard:
            raise InputError(
                f"{path}: holds {header.clips} clips from {header.first} on; wanted {per_shard} in each file"
            )
        if number not in wanted or there.stop > wanted[number].stop:
            raise InputError(f"{path}: the folder holds more clips than are wanted; give another folder")
        if there == wanted[number]:
            kept.add(number)
    return kept


def _told(clips: Iterable[PackedClip], progress: Callable[[int], None]) -> Iterator[PackedClip]:
    for clip in clips:
        yield clip
        progress(1)


@contextmanager
def _packed(make: Callable[[], MakeClip], numbers: Iterable[int], workers: int) -> Iterator[Iterator[PackedClip]]:
    """The clips of these numbers, in their order, compressed."""
    if not workers:
        clip = make()
        yield (pack(clip(number)) for number in numbers)
        return
    with _calm_environment():
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (make,))
        try:
            yield _in_order(pool, numbers, workers * _AHEAD)
        except BrokenProcessPool:
            raise InputError("a process that made clips died, perhaps for lack of memory; try fewer workers") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, numbers: Iterable[int], ahead: int) -> Iterator[PackedClip]:
    waiting: deque[Future[PackedClip]] = deque()
    for number in numbers:
        waiting.append(pool.submit(_make_one, number))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _calm_environment() -> Iterator[None]:
    """Processes started within give their libraries one thread each, unless the user's environment says otherwise."""
    added = [name for name in _ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


_factory: Callable[[], MakeClip] | None = None
_clip: MakeClip | None = None


def _begin(make: Callable[[], MakeClip]) -> None:
    """Prepares a worker. What `make` raises is to reach the caller, so it is called with the first clip."""
    global _factory
    _factory = make
    # Ctrl-C goes to all processes of a terminal; the first one stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make_one(number: int) -> PackedClip:
    global _clip
    if _clip is None:
        if _factory is None:
            raise RuntimeError("a worker that was not prepared")
        _clip = _factory()
    return pack(_clip(number))
