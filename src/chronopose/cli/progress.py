"""A progress bar on a terminal, silence elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """One line of progress; `start` may be called late, when the total is known, and `advance` is told of steps."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=None)

    def start(self, total: int | None, done: int = 0) -> None:
        """The whole count, None where nobody knows, and how much of it is done already."""
        self._progress.update(self._task, total=total, completed=done)

    def advance(self, steps: int) -> None:
        """Some more is done."""
        self._progress.advance(self._task, steps)


@contextmanager
def bar(label: str, total: int | None = None) -> Iterator[Bar]:
    """A bar on standard error, shown where that is a terminal, gone when done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        line = Bar(progress, label)
        if total is not None:
            line.start(total)
        yield line
