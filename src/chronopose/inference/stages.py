"""How long each stage of a run takes: a context manager that sums seconds by name, and one that does nothing."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import TypeVar

T = TypeVar("T")

Measure = Callable[[str], AbstractContextManager[None]]
"""Gives the context manager of a stage, by its name."""

_NOTHING = nullcontext()


def unmeasured(stage: str) -> AbstractContextManager[None]:
    """For a run that nobody measures."""
    return _NOTHING


class Stages:
    """Seconds by stage. Stages may run in several threads; then they overlap, and their sum is no duration.

    Args:
        clock: gives seconds; `time.process_time` where nothing else runs in this process and others share the machine.

    Attributes:
        seconds: so far, by name.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._lock = Lock()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time inside the `with` block, errors included."""
        began = self._clock()
        try:
            yield
        finally:
            took = self._clock() - began
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + took


def each(items: Iterable[T], stage: str, measure: Measure) -> Iterator[T]:
    """The items, the fetching of each one being a stage."""
    source = iter(items)
    while True:
        with measure(stage):
            try:
                item = next(source)
            except StopIteration:
                return
        yield item
